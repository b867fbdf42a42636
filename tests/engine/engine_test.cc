// The engine's promises against a model store and a model database. Goal and method stand at each
// test; sizes are scaled down: parts of 8 bytes, objects of some dozens.
#include <gtest/gtest.h>

#include <functional>

#include "tests/engine/world.h"

namespace sluice::engine {
namespace {

using core::Complete;
using core::Incomplete;
using core::ProblemType;
using core::Refused;

std::string text(std::size_t n) {
  std::string s;
  for (std::size_t i = 0; i < n; ++i) s += static_cast<char>('a' + (i * 7 + i / 26) % 26);
  return s;
}

std::uint64_t offset_of(const core::Outcome& outcome) {
  const auto* state = std::get_if<Incomplete>(&outcome);
  EXPECT_NE(state, nullptr) << "outcome " << outcome.index();
  return state == nullptr ? 999'999 : state->offset.value();
}

void expect_object(const Outside& outside, const std::string& name, const std::string& bytes) {
  const auto* object = outside.store.find_object(name);
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(object->bytes, bytes);
}

// Only the finished objects are left: no multipart upload, nothing parked.
void expect_clean(const Outside& outside) {
  EXPECT_EQ(outside.store.multipart_count(), 0U);
  for (const auto& [key, object] : outside.store.objects()) {
    EXPECT_FALSE(key.starts_with(".sluice/")) << key;
  }
}

ProblemType problem_of(const core::Outcome& outcome) {
  const auto* refused = std::get_if<Refused>(&outcome);
  EXPECT_NE(refused, nullptr) << "outcome " << outcome.index();
  return refused == nullptr ? ProblemType::kInternal : refused->problem.type;
}

TEST(Engine, SmallUploadIsOneRequestAndOneEvent) {
  Outside out;
  World world(&out);
  FakeBody body(text(7));
  const auto outcome = world.put("a", &body, 7);
  ASSERT_TRUE(std::holds_alternative<Complete>(outcome));
  expect_object(out, "a", text(7));
  EXPECT_EQ(out.store.calls("put_object"), 1U);
  EXPECT_EQ(out.store.calls("create_multipart"), 0U);
  EXPECT_EQ(out.store.calls("stat"), 0U);
  const auto rows = out.state.snapshot();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].state, UploadState::kComplete);
  expect_clean(out);
}

TEST(Engine, EmptyObject) {
  Outside out;
  World world(&out);
  FakeBody body("");
  ASSERT_TRUE(std::holds_alternative<Complete>(world.put("empty", &body, 0)));
  expect_object(out, "empty", "");
}

TEST(Engine, EverySizeKnownAndUnknown) {
  for (std::size_t size = 0; size <= 40; ++size) {
    for (const bool known : {true, false}) {
      Outside out;
      World world(&out);
      FakeBody body(text(size));
      const auto outcome =
          world.put("x", &body, known ? std::optional<std::uint64_t>(size) : std::nullopt);
      ASSERT_TRUE(std::holds_alternative<Complete>(outcome)) << size << known;
      EXPECT_EQ(std::get<Complete>(outcome).result.size.value(), size);
      expect_object(out, "x", text(size));
      expect_clean(out);
    }
  }
}

// Goal: an acknowledged offset is durable and never goes down, wherever the line breaks.
TEST(Engine, CutAtEveryByteThenResume) {
  constexpr std::size_t kSize = 37;
  for (std::size_t cut = 0; cut < kSize; ++cut) {
    Outside out;
    World world(&out);
    FakeBody first = FakeBody::cut(text(kSize).substr(0, cut));
    ASSERT_TRUE(std::holds_alternative<core::ClientGone>(world.range("x", 0, kSize, kSize, &first)));
    const std::uint64_t at = offset_of(world.query("x"));
    EXPECT_EQ(at, cut);
    FakeBody rest(text(kSize).substr(at));
    const auto outcome = world.range("x", at, kSize - at, kSize, &rest);
    ASSERT_TRUE(std::holds_alternative<Complete>(outcome)) << cut;
    expect_object(out, "x", text(kSize));
    expect_clean(out);
  }
}

// any complete chunk is acknowledged in full; parks stay few (ruling 6).
TEST(Engine, TinyChunksAreAcknowledgedInFull) {
  Outside out;
  World world(&out);
  const std::string all = text(50);
  for (std::size_t i = 0; i < all.size(); ++i) {
    FakeBody body(all.substr(i, 1));
    EXPECT_EQ(offset_of(world.range("x", i, 1, std::nullopt, &body)), i + 1);
  }
  ASSERT_TRUE(std::holds_alternative<Complete>(world.query("x", 50)));
  expect_object(out, "x", all);
  expect_clean(out);
}

TEST(Engine, OverlapIsSkippedAndGapsStoreNothing) {
  Outside out;
  World world(&out);
  const std::string all = text(20);
  FakeBody first(all.substr(0, 10));
  EXPECT_EQ(offset_of(world.range("x", 0, 10, 20, &first)), 10U);
  FakeBody again(all.substr(0, 10));
  EXPECT_EQ(offset_of(world.range("x", 0, 10, 20, &again)), 10U);
  FakeBody gap(all.substr(15, 5));
  EXPECT_EQ(offset_of(world.range("x", 15, 5, 20, &gap)), 10U);
  EXPECT_EQ(gap.reads, 0);
  FakeBody overlap(all.substr(5, 10));
  EXPECT_EQ(offset_of(world.range("x", 5, 10, 20, &overlap)), 15U);
  FakeBody last(all.substr(15));
  ASSERT_TRUE(std::holds_alternative<Complete>(world.range("x", 15, 5, 20, &last)));
  expect_object(out, "x", all);
}

TEST(Engine, TotalsMustAgree) {
  Outside out;
  World world(&out);
  FakeBody first(text(10));
  EXPECT_EQ(offset_of(world.range("x", 0, 10, 20, &first)), 10U);
  FakeBody other(text(10));
  EXPECT_EQ(problem_of(world.range("x", 10, 10, 30, &other)), ProblemType::kTotalMismatch);
  EXPECT_EQ(offset_of(world.query("x", 20)), 10U);
  FakeBody open(text(10));
  EXPECT_EQ(offset_of(world.range("y", 0, 10, std::nullopt, &open)), 10U);
  EXPECT_EQ(offset_of(world.query("y", 5)), 10U);
  EXPECT_EQ(offset_of(world.query("y", 20)), 10U);
}

TEST(Engine, BodyLongerThanItsRange) {
  Outside out;
  World world(&out);
  FakeBody body(text(12));
  EXPECT_EQ(problem_of(world.range("x", 0, 10, std::nullopt, &body)), ProblemType::kBodyTooLong);
  EXPECT_EQ(offset_of(world.query("x")), 10U);
}

// Ruling 1: bytes of two attempts are never mixed, and the old one leaves nothing behind.
TEST(Engine, BarePutBeginsAgain) {
  Outside out;
  World world(&out);
  FakeBody first = FakeBody::cut(text(30));
  world.range("x", 0, 40, 40, &first);
  FakeBody second("0123456789012345678901234");
  ASSERT_TRUE(std::holds_alternative<Complete>(world.put("x", &second, 25)));
  expect_object(out, "x", "0123456789012345678901234");
  world.pass(std::chrono::seconds(60));
  expect_clean(out);
}

// R-53, G7: the newer writer wins at once; what the older one still sends does no harm.
TEST(Engine, NewerWriterWins) {
  Outside out;
  const std::string all = text(40);
  FakeBody slow(all.substr(0, 13));
  slow.hold();
  World world(&out);
  std::optional<core::Outcome> old_outcome;
  boost::asio::co_spawn(out.context, world.start_range("x", 0, 40, 40, &slow),
                        [&](const std::exception_ptr&, core::Outcome o) { old_outcome = std::move(o); });
  world.settle_events();
  EXPECT_EQ(slow.taken(), 13U);
  // One full part is durable, the tail of 5 bytes is not acknowledged.
  FakeBody fresh(all.substr(8));
  ASSERT_TRUE(std::holds_alternative<Complete>(world.range("x", 8, 32, 40, &fresh)));
  expect_object(out, "x", all);
  ASSERT_TRUE(old_outcome.has_value());
  EXPECT_FALSE(std::holds_alternative<Incomplete>(*old_outcome));
}

// Ruling 4: the older writer's request ends when the newer one's bytes are durable too. Nothing is
// missing then, and no offset equal to the length is said.
TEST(Engine, AnOvertakenRequestNeverSaysTheWholeLength) {
  Outside out;
  const std::string all = text(16);
  int parts = 0;
  out.store.before_call([&](std::string call) -> Task<void> {
    if (call != "put_part" || ++parts > 1) co_return;
    co_await out.clock.sleep_until(out.clock.now() + std::chrono::seconds(5));
  });
  World world(&out);
  std::optional<core::Outcome> old_outcome;
  std::optional<core::Outcome> new_outcome;
  FakeBody first(all.substr(0, 12));
  boost::asio::co_spawn(out.context, world.start_range("x", 0, 12, 16, &first),
                        [&](const std::exception_ptr&, core::Outcome o) { old_outcome = std::move(o); });
  world.settle_events();
  ASSERT_FALSE(old_outcome.has_value());
  FakeBody second(all);
  second.hold();
  boost::asio::co_spawn(out.context, world.start_range("x", 0, 16, 16, &second),
                        [&](const std::exception_ptr&, core::Outcome o) { new_outcome = std::move(o); });
  world.pass(std::chrono::seconds(10));
  ASSERT_TRUE(old_outcome.has_value());
  EXPECT_TRUE(std::holds_alternative<Complete>(*old_outcome)) << old_outcome->index();
  second.go();
  world.pass(std::chrono::seconds(10));
  ASSERT_TRUE(new_outcome.has_value());
  EXPECT_TRUE(std::holds_alternative<Complete>(*new_outcome)) << new_outcome->index();
  expect_object(out, "x", all);
}

// Goal: a request that takes over while an older one is about to complete loses no byte of its body.
// Method: the older one's tail is being parked (slowly) when its last bytes come, so that completion
// waits; the newer one drops them, and its own bytes come while the store is asked for the object.
TEST(Engine, ATakeOverDuringCompletionKeepsItsPlace) {
  Outside out;
  const std::string all = text(8);
  out.store.before_call([&](std::string call) -> Task<void> {
    if (call != "put_object" && call != "stat") co_return;
    co_await out.clock.sleep_until(out.clock.now() + std::chrono::seconds(3));
  });
  World world(&out);
  std::optional<core::Outcome> old_outcome;
  std::optional<core::Outcome> new_outcome;
  FakeBody first(all);
  first.hold_at(3);
  boost::asio::co_spawn(out.context, world.start_range("x", 0, 8, 8, &first),
                        [&](const std::exception_ptr&, core::Outcome o) { old_outcome = std::move(o); });
  world.settle_events();
  world.pass(std::chrono::milliseconds(1500));
  std::optional<core::Outcome> asked;  // parks what the silent writer has brought
  core::Query query;
  boost::asio::co_spawn(
      out.context, world.service->execute(World::command("x", query), core::Grant(), nullptr),
      [&](const std::exception_ptr&, core::Outcome o) { asked = std::move(o); });
  world.pass(std::chrono::milliseconds(100));
  first.go();
  world.pass(std::chrono::milliseconds(100));
  FakeBody second(all);
  second.hold_at(0);
  boost::asio::co_spawn(out.context, world.start_range("x", 0, 8, 8, &second),
                        [&](const std::exception_ptr&, core::Outcome o) { new_outcome = std::move(o); });
  world.pass(std::chrono::milliseconds(4000));
  second.go();
  world.pass(std::chrono::seconds(60));
  ASSERT_TRUE(old_outcome && new_outcome && asked);
  EXPECT_TRUE(std::holds_alternative<Complete>(*new_outcome)) << new_outcome->index();
  expect_object(out, "x", all);
}

// Ruling 4: with a writer that speaks, a query answers the recorded offset and disturbs nothing;
// with a silent one the tail is parked first.
TEST(Engine, QueriesDoNotDisturbAWriter) {
  Outside out;
  FakeBody slow(text(13));
  slow.hold();
  World world(&out);
  std::optional<core::Outcome> outcome;
  boost::asio::co_spawn(out.context, world.start_range("x", 0, 40, 40, &slow),
                        [&](const std::exception_ptr&, core::Outcome o) { outcome = std::move(o); });
  world.settle_events();
  EXPECT_EQ(offset_of(world.query("x")), 8U);
  EXPECT_FALSE(outcome.has_value());
  out.clock.pass(std::chrono::milliseconds(1500));
  EXPECT_EQ(offset_of(world.query("x")), 13U);
  EXPECT_FALSE(outcome.has_value());
  slow.go();
  world.settle_events();
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(offset_of(*outcome), 13U);  // the body ended early, but cleanly
}

TEST(Engine, CancelRemovesEverything) {
  Outside out;
  World world(&out);
  FakeBody first = FakeBody::cut(text(30));
  world.range("x", 0, 40, 40, &first);
  world.query("x");
  ASSERT_TRUE(std::holds_alternative<core::Cancelled>(world.cancel("x")));
  expect_clean(out);
  EXPECT_EQ(problem_of(world.query("x")), ProblemType::kUploadGone);
  EXPECT_EQ(problem_of(world.cancel("x")), ProblemType::kUploadGone);
  FakeBody body(text(5));
  world.put("y", &body, 5);
  EXPECT_EQ(problem_of(world.cancel("y")), ProblemType::kAlreadyComplete);
  expect_object(out, "y", text(5));
}

TEST(Engine, AfterTheEndTheResultIsRepeated) {  // R-50 (as ruled), R-51
  Outside out;
  World world(&out);
  FakeBody body(text(20));
  world.put("x", &body, 20);
  ASSERT_TRUE(std::holds_alternative<Complete>(world.query("x")));
  FakeBody more("more");
  ASSERT_TRUE(std::holds_alternative<Complete>(world.range("x", 20, 4, std::nullopt, &more)));
  EXPECT_EQ(more.reads, 0);
  expect_object(out, "x", text(20));
}

// G5: the multipart upload vanished behind our back: gone, and said so; never success.
TEST(Engine, LifecycleAbortIsSaid) {
  Outside out;
  World world(&out);
  FakeBody first = FakeBody::cut(text(20));
  world.range("x", 0, 40, 40, &first);
  EXPECT_EQ(offset_of(world.query("x")), 20U);
  out.store.lose_multiparts();
  FakeBody rest(text(40).substr(20));
  EXPECT_EQ(problem_of(world.range("x", 20, 20, 40, &rest)), ProblemType::kUploadGone);
  EXPECT_EQ(out.store.find_object("x"), nullptr);
  world.pass(std::chrono::seconds(60));
  expect_clean(out);
}

// The client of these tests: asks, sends what is missing, comes back after every trouble. Checks G1
// on the way: an offset it was told never goes down.
struct HonestClient {
  explicit HonestClient(std::string bytes) : all(std::move(bytes)) {}

  // One exchange. True: the object is said to be complete.
  bool step(World& world) {
    const auto outcome = world.query("x");
    if (std::holds_alternative<Complete>(outcome)) return true;
    std::uint64_t at = 0;
    if (const auto* state = std::get_if<Incomplete>(&outcome)) {
      at = state->offset.value();
      EXPECT_GE(at, told) << "an acknowledged offset went down";
      told = at;
    } else if (const auto* refused = std::get_if<Refused>(&outcome)) {
      const auto type = refused->problem.type;
      if (type == ProblemType::kUploadNotFound) {
        EXPECT_EQ(told, 0U) << "an acknowledged upload is unknown";
      } else if (type == ProblemType::kUploadGone || type == ProblemType::kUploadFailed) {
        gone = true;
        return false;
      } else {
        world.pass(std::chrono::seconds(3));
        return false;
      }
    }
    FakeBody body(all.substr(at));
    const auto sent = world.range("x", at, all.size() - at, all.size(), &body);
    if (const auto* state = std::get_if<Incomplete>(&sent)) {
      EXPECT_GE(state->offset.value(), told);
      told = std::max(told, state->offset.value());
    }
    if (std::holds_alternative<Complete>(sent)) return true;
    if (const auto* refused = std::get_if<Refused>(&sent); refused != nullptr) {
      const auto type = refused->problem.type;
      gone = type == ProblemType::kUploadGone || type == ProblemType::kUploadFailed;
    }
    return false;
  }

  std::string all;
  std::uint64_t told = 0;
  bool gone = false;
};

// Goal: no single failure of a store call loses acknowledged bytes, gives wrong bytes, says success
// without the object, or leaks. Method: fail call 0, then 1, … of the store until a run meets no
// failure; before and after the effect; once and for ever (then the client only must not be lied
// to).
TEST(Engine, EveryStoreCallFailing) {
  for (const Fault fault : {Fault::before(Errc::kUnavailable), Fault::after(Errc::kOutcomeUnknown),
                            Fault::before(Errc::kOutcomeUnknown), Fault::before(Errc::kThrottled)}) {
    for (std::uint64_t n = 0;; ++n) {
      Outside out;
      World world(&out);
      HonestClient client(text(45));
      FakeBody first = FakeBody::cut(client.all.substr(0, 21));
      out.store.faults().fail_at(n, FaultPlan::Mode::kOnce, fault);
      world.range("x", 0, 45, 45, &first);
      bool done = false;
      for (int tries = 0; tries < 20 && !done && !client.gone; ++tries) done = client.step(world);
      const bool failed = out.store.faults().did_fail();
      ASSERT_TRUE(done) << "call " << n << " gone " << client.gone;
      expect_object(out, "x", client.all);
      EXPECT_EQ(out.state.snapshot().size(), 1U);
      world.pass(std::chrono::seconds(120));
      // A multipart upload whose id was lost with the answer is the sweeper's; nothing else is left.
      if (out.store.calls("create_multipart") == 1) expect_clean(out);
      if (!failed) break;
      ASSERT_LT(n, 200U);
    }
  }
}

TEST(Engine, EveryStoreCallFailingForEver) {
  for (std::uint64_t n = 0; n < 12; ++n) {
    Outside out;
    World world(&out);
    HonestClient client(text(45));
    out.store.faults().fail_at(n, FaultPlan::Mode::kForever, Fault::before(Errc::kUnavailable));
    for (int tries = 0; tries < 4; ++tries) {
      if (client.step(world)) expect_object(out, "x", client.all);
    }
    out.store.faults().stop_failing();
    bool done = false;
    for (int tries = 0; tries < 20 && !done && !client.gone; ++tries) done = client.step(world);
    ASSERT_TRUE(done) << n;
    expect_object(out, "x", client.all);
    world.pass(std::chrono::seconds(120));
    expect_clean(out);
  }
}

// The same for the state database: a commit that fails, or whose answer is lost.
TEST(Engine, EveryDatabaseCallFailing) {
  for (const Fault fault : {Fault::before(Errc::kUnavailable), Fault::after(Errc::kOutcomeUnknown)}) {
    for (std::uint64_t n = 0;; ++n) {
      Outside out;
      World world(&out);
      HonestClient client(text(45));
      FakeBody first = FakeBody::cut(client.all.substr(0, 21));
      out.state.faults().fail_at(n, FaultPlan::Mode::kOnce, fault);
      world.range("x", 0, 45, 45, &first);
      bool done = false;
      for (int tries = 0; tries < 20 && !done && !client.gone; ++tries) {
        done = client.step(world);
        world.pass(std::chrono::seconds(1));
      }
      const bool failed = out.state.faults().did_fail();
      ASSERT_TRUE(done) << "call " << n << " gone " << client.gone;
      expect_object(out, "x", client.all);
      if (!failed) break;
      ASSERT_LT(n, 200U);
    }
  }
}

// Goal: kill -9 at any store call, inside completion too, loses nothing that was acknowledged.
// Method: at call n the process ends without warning: every later effect is lost to it; a new
// process recovers on the same store and database.
TEST(Engine, CrashAtEveryStoreCall) {
  for (const bool after : {false, true}) {
    for (std::uint64_t n = 0;; ++n) {
      Outside out;
      HonestClient client(text(45));
      bool crashed = false;
      {
        auto world = std::make_unique<World>(&out, 1);
        const Fault last = after ? Fault::after(Errc::kOutcomeUnknown) : Fault::before(Errc::kUnavailable);
        std::uint64_t calls = 0;
        out.store.faults().decide_by(
            [&, last](std::string_view, std::uint64_t) -> std::optional<Fault> {
              const std::uint64_t at = calls++;
              if (at < n) return std::nullopt;
              crashed = true;
              // From here on the process is dead: the database hears nothing of it either.
              out.state.faults().decide_by([](std::string_view, std::uint64_t) {
                return std::optional<Fault>(Fault::before(Errc::kUnavailable));
              });
              return at == n ? last : Fault::before(Errc::kUnavailable);
            });
        FakeBody first = FakeBody::cut(client.all.substr(0, 21));
        world->range("x", 0, 45, 45, &first);
        bool said = false;
        for (int tries = 0; tries < 3 && !said && !crashed; ++tries) said = client.step(*world);
        if (said) expect_object(out, "x", client.all);
        world->stop();
        out.store.faults().stop_failing();
        out.state.faults().stop_failing();
      }
      World world(&out, 2);
      world.run_void(world.service->recover());
      bool done = false;
      for (int tries = 0; tries < 20 && !done && !client.gone; ++tries) done = client.step(world);
      ASSERT_TRUE(done) << "call " << n << " after " << after << " gone " << client.gone;
      expect_object(out, "x", client.all);
      int complete = 0;
      for (const auto& row : out.state.snapshot()) complete += row.state == UploadState::kComplete;
      EXPECT_EQ(complete, 1);
      if (!crashed) break;
      ASSERT_LT(n, 200U);
    }
  }
}

// Goal: a process that dies while it completes an object of one request leaves an upload that goes
// on, not one that answers "completing" for ever. Method: the store never gets the object, and the
// bytes die with the process.
TEST(Engine, ASmallUploadThatDiedWhileCompletingIsOpenAgain) {
  Outside out;
  {
    World world(&out, 1);
    out.store.faults().fail_at(0, FaultPlan::Mode::kForever, Fault::before(Errc::kUnavailable),
                               "put_object");
    FakeBody body(text(7));
    EXPECT_EQ(problem_of(world.put("x", &body, 7)), ProblemType::kCompleting);
    ASSERT_EQ(out.state.snapshot().at(0).state, UploadState::kCompleting);
    world.stop();
    out.store.faults().stop_failing();
  }
  World world(&out, 2);
  world.run_void(world.service->recover());
  EXPECT_EQ(offset_of(world.query("x")), 0U);
  FakeBody again(text(7));
  ASSERT_TRUE(std::holds_alternative<Complete>(world.range("x", 0, 7, 7, &again)));
  expect_object(out, "x", text(7));
  EXPECT_EQ(out.state.snapshot().size(), 1U);
  expect_clean(out);
}

// Goal: a process that dies after the object of one request was stored, and before that was recorded,
// leaves a complete upload. Its successor knows only the parked beginning, which proves nothing about
// the whole. Method: every commit fails once the object is there.
TEST(Engine, ASmallObjectThatIsThereIsFoundByTheNextProcess) {
  Outside out;
  {
    World world(&out, 1);
    FakeBody first(text(7).substr(0, 3));
    EXPECT_EQ(offset_of(world.range("x", 0, 3, 7, &first)), 3U);
    out.state.faults().decide_by([&](std::string_view, std::uint64_t) -> std::optional<Fault> {
      if (out.store.find_object("x") == nullptr) return std::nullopt;
      return Fault::before(Errc::kUnavailable);
    });
    FakeBody rest(text(7).substr(3));
    world.range("x", 3, 4, 7, &rest);
    world.stop();
    out.state.faults().stop_failing();
  }
  ASSERT_EQ(out.state.snapshot().at(0).state, UploadState::kCompleting);
  World world(&out, 2);
  world.run_void(world.service->recover());
  ASSERT_TRUE(std::holds_alternative<Complete>(world.query("x")));
  expect_object(out, "x", text(7));
  expect_clean(out);
}

TEST(Engine, ALingeringTailIsParkedAndForgotten) {
  Outside out;
  World world(&out);
  FakeBody first = FakeBody::cut(text(13));
  world.range("x", 0, 40, 40, &first);
  world.pass(std::chrono::seconds(60));
  EXPECT_EQ(world.service->status().live_uploads, 0U);
  EXPECT_EQ(offset_of(world.query("x")), 13U);
  FakeBody rest(text(40).substr(13));
  ASSERT_TRUE(std::holds_alternative<Complete>(world.range("x", 13, 27, 40, &rest)));
  expect_object(out, "x", text(40));
  world.pass(std::chrono::seconds(60));
  expect_clean(out);
}

TEST(Engine, DrainParksTheTailOfARunningRequest) {
  Outside out;
  std::optional<core::Outcome> outcome;
  {
    FakeBody slow(text(13));
    slow.hold();
    World world(&out);
    boost::asio::co_spawn(out.context, world.start_range("x", 0, 40, 40, &slow),
                          [&](const std::exception_ptr&, core::Outcome o) { outcome = std::move(o); });
    world.settle_events();
    world.run_void(world.service->drain(Deadline(out.clock.now() + std::chrono::seconds(10))));
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(problem_of(*outcome), ProblemType::kDraining);
  }
  World world(&out);
  EXPECT_EQ(offset_of(world.query("x")), 13U);
}

}  // namespace
}  // namespace sluice::engine
