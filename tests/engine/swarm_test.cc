// Many writers of one upload at once, against the model store and the model database: rows R-69 to
// Parts have 8 bytes unless a test says otherwise. Bodies are stepped: the test decides which
// writer's next bytes arrive when.
#include <list>
#include <random>

#include <gtest/gtest.h>

#include "core/range_set.h"
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

ByteRange range(std::uint64_t begin, std::uint64_t end) {
  return ByteRange(ByteOffset(begin), ByteOffset(end));
}

// A body whose bytes arrive when the test says so. From a pool, if there is one, as production's.
class SteppedBody final : public BodySource {
 public:
  SteppedBody(std::string bytes, BlockPool* pool) : bytes_(std::move(bytes)), pool_(pool) {}

  void allow(std::size_t n) {
    allowed_ = std::min(bytes_.size(), allowed_ + n);
    moved_.notify_all();
  }
  void finish() { allow(bytes_.size()); }
  // The line breaks behind what is allowed.
  void cut() {
    cut_ = true;
    moved_.notify_all();
  }
  bool interrupted() const { return interrupted_.load(); }
  std::size_t taken() const { return at_; }

  Task<Result<Bytes>> read(ByteCount max) override {
    while (true) {
      const Signal::Seen seen = moved_.seen();
      if (interrupted_) co_return fail(Errc::kCancelled, "interrupted");
      if (at_ < allowed_) break;
      if (cut_) co_return fail(Errc::kDisconnected, "the line broke");
      if (at_ == bytes_.size()) co_return Bytes();
      co_await moved_.wait(seen);
    }
    const std::size_t n = std::min(static_cast<std::size_t>(max.value()), allowed_ - at_);
    std::string_view piece = std::string_view(bytes_).substr(at_, n);
    Bytes out;
    if (pool_ == nullptr) {
      out = Bytes::copy_of(piece);
    } else {
      std::vector<BlockRef> blocks = co_await pool_->take_unless(1, &moved_, &interrupted_);
      if (blocks.empty()) co_return fail(Errc::kCancelled, "interrupted");
      piece = piece.substr(0, blocks[0]->capacity());
      std::memcpy(blocks[0]->data(), piece.data(), piece.size());
      out.append(Slice(blocks[0], 0, static_cast<std::uint32_t>(piece.size())));
    }
    at_ += piece.size();
    co_return out;
  }
  void interrupt() noexcept override {
    interrupted_ = true;
    moved_.notify_all();
  }
  void let_go() noexcept override {}

 private:
  const std::string bytes_;
  BlockPool* const pool_;
  std::size_t allowed_ = 0;
  std::size_t at_ = 0;
  bool cut_ = false;
  std::atomic<bool> interrupted_{false};
  Signal moved_;
};

// One request that is on its way.
struct Flight {
  Flight(ByteRange r, std::string bytes, BlockPool* pool)
      : range(r), body(std::move(bytes), pool) {}
  bool landed() const { return outcome.has_value(); }
  ByteRange range;
  SteppedBody body;
  std::optional<core::Outcome> outcome;
};

// Everybody who uploads the same object "x".
class Swarm {
 public:
  Swarm(Outside* out, std::string bytes) : all(std::move(bytes)), out_(out) {}
  ~Swarm() { EXPECT_EQ(flying(), 0U); }

  Flight* launch(World& world, std::uint64_t begin, std::uint64_t end, BlockPool* pool = nullptr) {
    Flight& flight = flights_.emplace_back(range(begin, end), all.substr(begin, end - begin), pool);
    auto landed = [&flight](const std::exception_ptr& error, core::Outcome outcome) {
      if (!error) flight.outcome = std::move(outcome);
    };
    core::Append append;
    append.begin = ByteOffset(begin);
    append.length = ByteCount(end - begin);
    append.total = ByteCount(all.size());
    append.parallel = true;
    auto task = world.service->execute(World::command("x", append), core::Grant(), &flight.body);
    boost::asio::co_spawn(out_->context, std::move(task), landed);
    world.settle_events();
    return &flight;
  }
  // Sends a range in one go and returns the answer.
  core::Outcome send(World& world, std::uint64_t begin, std::uint64_t end) {
    Flight* const flight = launch(world, begin, end);
    flight->body.finish();
    world.settle_events();
    for (int i = 0; i < 100 && !flight->landed(); ++i) world.pass(std::chrono::seconds(5));
    EXPECT_TRUE(flight->landed());
    return flight->landed() ? *flight->outcome : core::Outcome(core::ClientGone{});
  }
  std::size_t flying() const {
    return static_cast<std::size_t>(std::count_if(flights_.begin(), flights_.end(),
                                                  [](const Flight& f) { return !f.landed(); }));
  }
  std::list<Flight>& flights() { return flights_; }

  const std::string all;

 private:
  Outside* const out_;
  std::list<Flight> flights_;
};

std::vector<ByteRange> ranges_of(const core::Outcome& outcome) {
  const auto* state = std::get_if<Incomplete>(&outcome);
  EXPECT_NE(state, nullptr) << "outcome " << outcome.index();
  if (state == nullptr) return {};
  EXPECT_TRUE(state->parallel);
  return state->ranges;
}

ProblemType problem_of(const core::Outcome& outcome) {
  const auto* refused = std::get_if<Refused>(&outcome);
  EXPECT_NE(refused, nullptr) << "outcome " << outcome.index();
  return refused == nullptr ? ProblemType::kInternal : refused->problem.type;
}

using Ranges = std::vector<ByteRange>;

// The object is right, was completed once, nothing else is left.
void expect_done(const Outside& out, const World& world, const std::string& all) {
  const auto* object = out.store.find_object("x");
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(object->bytes, all);
  EXPECT_EQ(world.metrics.finished, std::vector<std::string>{"completed"});
  EXPECT_EQ(out.state.snapshot().size(), 1U);
  EXPECT_EQ(out.store.multipart_count(), 0U);
  for (const auto& [key, stored] : out.store.objects()) EXPECT_EQ(key, "x");
}

TEST(Swarm, OutOfOrderAtAnyAlignment) {  // as ruled: misaligned is merged
  Outside out;
  World world(&out);
  Swarm swarm(&out, text(24));
  EXPECT_EQ(ranges_of(swarm.send(world, 17, 24)), (Ranges{range(17, 24)}));
  EXPECT_EQ(ranges_of(swarm.send(world, 3, 9)), (Ranges{range(3, 9), range(17, 24)}));
  EXPECT_EQ(ranges_of(world.query("x")), (Ranges{range(3, 9), range(17, 24)}));
  const auto third = swarm.send(world, 0, 3);
  EXPECT_EQ(ranges_of(third), (Ranges{range(0, 9), range(17, 24)}));
  EXPECT_EQ(std::get<Incomplete>(third).offset, ByteOffset(9));
  EXPECT_EQ(std::get<Incomplete>(third).part_size, ByteCount(8));
  ASSERT_TRUE(std::holds_alternative<Complete>(swarm.send(world, 9, 17)));
  ASSERT_TRUE(std::holds_alternative<Complete>(world.query("x")));
  world.pass(std::chrono::seconds(60));
  expect_done(out, world, swarm.all);
  EXPECT_EQ(out.store.calls("put_part"), 3U);
  EXPECT_EQ(out.store.calls("complete"), 1U);
}

TEST(Swarm, ASmallOneIsStillOneRequest) {
  Outside out;
  World world(&out);
  Swarm swarm(&out, text(7));
  EXPECT_EQ(ranges_of(swarm.send(world, 5, 7)), (Ranges{range(5, 7)}));
  EXPECT_EQ(ranges_of(swarm.send(world, 0, 2)), (Ranges{range(0, 2), range(5, 7)}));
  ASSERT_TRUE(std::holds_alternative<Complete>(swarm.send(world, 1, 6)));
  world.pass(std::chrono::seconds(60));
  expect_done(out, world, swarm.all);
  EXPECT_EQ(out.store.calls("create_multipart"), 0U);
  EXPECT_EQ(world.metrics.discarded_bytes, ByteCount(2));
}

TEST(Swarm, DisjointWritersDoNotFenceEachOther) {
  Outside out;
  World world(&out);
  Swarm swarm(&out, text(30));
  std::vector<Flight*> writers;
  for (const std::uint64_t begin : {10U, 0U, 20U}) {
    writers.push_back(swarm.launch(world, begin, begin + 10));
  }
  for (int step = 0; step < 10; ++step) {
    for (Flight* const writer : writers) {
      EXPECT_FALSE(writer->landed());
      writer->body.allow(1);
      world.settle_events();
    }
  }
  EXPECT_EQ(swarm.flying(), 0U);
  ASSERT_TRUE(std::holds_alternative<Complete>(*writers.back()->outcome));
  expect_done(out, world, swarm.all);
  EXPECT_EQ(out.store.calls("put_part"), 4U);
  EXPECT_EQ(world.metrics.discarded_bytes, ByteCount(0));
}

// Ruling 3: a newer writer trims the older one to what does not overlap.
TEST(Swarm, ANewerWriterTrimsTheOlder) {
  Outside out;
  World world(&out);
  Swarm swarm(&out, text(32));
  Flight* const older = swarm.launch(world, 0, 32);
  older->body.allow(6);
  world.settle_events();
  Flight* const newer = swarm.launch(world, 8, 24);
  newer->body.allow(1);
  world.settle_events();
  older->body.finish();  // 6 to 8 and 24 to 32 are still its own
  world.settle_events();
  EXPECT_EQ(world.metrics.discarded_bytes, ByteCount(16));
  ASSERT_TRUE(older->landed());
  EXPECT_EQ(ranges_of(*older->outcome), (Ranges{range(0, 9), range(24, 32)}));
  newer->body.finish();
  world.settle_events();
  ASSERT_TRUE(newer->landed());
  ASSERT_TRUE(std::holds_alternative<Complete>(*newer->outcome));
  expect_done(out, world, swarm.all);
}

// G7: a connection that is gone without a word does not keep its range.
TEST(Swarm, WhoHasNothingLeftIsToldAndKeepsWhatItBrought) {
  Outside out;
  World world(&out);
  Swarm swarm(&out, text(20));
  Flight* const dead = swarm.launch(world, 0, 20);
  dead->body.allow(11);
  world.settle_events();
  Flight* const again = swarm.launch(world, 0, 20);
  again->body.allow(11);  // nothing new yet: nobody is fenced
  world.settle_events();
  EXPECT_FALSE(dead->body.interrupted());
  again->body.allow(1);
  world.settle_events();
  ASSERT_TRUE(dead->landed());
  EXPECT_EQ(problem_of(*dead->outcome), ProblemType::kTakenOver);
  EXPECT_EQ(world.metrics.discarded_bytes, ByteCount(11));
  again->body.finish();
  world.settle_events();
  ASSERT_TRUE(std::holds_alternative<Complete>(*again->outcome));
  expect_done(out, world, swarm.all);
}

// Goal: two clients that both repeat the same range whenever they are fenced come to an end.
// Method: each one is stopped after the first byte that is new to the upload, the worst that can
// happen.
TEST(Swarm, TwoCannotFenceEachOtherForEver) {
  Outside out;
  World world(&out);
  Swarm swarm(&out, text(40));
  Flight* current = swarm.launch(world, 0, 40);
  current->body.allow(1);
  world.settle_events();
  int fenced = 0;
  for (std::size_t known = 1; known < 40; ++known) {
    Flight* const rival = swarm.launch(world, 0, 40);
    rival->body.allow(known + 1);
    world.settle_events();
    ASSERT_TRUE(current->landed()) << known;
    ++fenced;
    current = rival;
  }
  current->body.finish();
  world.settle_events();
  EXPECT_EQ(fenced, 39);
  ASSERT_TRUE(std::holds_alternative<Complete>(*current->outcome));
  expect_done(out, world, swarm.all);
}

// one completion request; the second writer gets the result as well.
TEST(Swarm, BothFinishAtOnce) {
  for (const bool during : {false, true}) {
    Outside out;
    World world(&out);
    Signal held;
    bool holding = during;
    out.store.before_call([&](std::string operation) -> Task<void> {
      while (holding && operation == "complete") {
        const Signal::Seen seen = held.seen();
        if (!holding) break;
        co_await held.wait(seen);
      }
    });
    Swarm swarm(&out, text(32));
    swarm.send(world, 0, 16);
    Flight* const first = swarm.launch(world, 16, 24);
    Flight* const second = swarm.launch(world, 24, 32);
    Flight* const twin = swarm.launch(world, 20, 30);  // brings nothing new in the end
    first->body.finish();
    second->body.finish();
    world.settle_events();
    twin->body.finish();
    world.settle_events();
    EXPECT_EQ(second->landed(), !during);
    EXPECT_EQ(twin->landed(), !during);
    holding = false;
    held.notify_all();
    world.settle_events();
    ASSERT_EQ(swarm.flying(), 0U);
    EXPECT_TRUE(std::holds_alternative<Complete>(*first->outcome) ||
                std::holds_alternative<Incomplete>(*first->outcome));
    EXPECT_TRUE(std::holds_alternative<Complete>(*second->outcome));
    EXPECT_TRUE(std::holds_alternative<Complete>(*twin->outcome)) << twin->outcome->index();
    EXPECT_EQ(out.store.calls("complete"), 1U);
    EXPECT_EQ(out.store.calls("put_part"), 4U);
    expect_done(out, world, swarm.all);
  }
}

// A range that comes too late gets the result and begins nothing; the start request does.
TEST(Swarm, LateRangesBeginNothing) {
  Outside out;
  World world(&out);
  Swarm swarm(&out, text(20));
  swarm.send(world, 10, 20);
  ASSERT_TRUE(std::holds_alternative<Complete>(swarm.send(world, 0, 10)));
  ASSERT_TRUE(std::holds_alternative<Complete>(swarm.send(world, 0, 10)));
  ASSERT_TRUE(std::holds_alternative<Complete>(swarm.send(world, 5, 20)));
  expect_done(out, world, swarm.all);

  core::Append start;
  start.length = ByteCount(0);
  start.total = ByteCount(20);
  start.parallel = true;
  FakeBody nothing("");
  const auto begun =
      world.run(world.service->execute(World::command("x", start), core::Grant(), &nothing));
  EXPECT_EQ(ranges_of(begun), Ranges());
  EXPECT_EQ(ranges_of(swarm.send(world, 9, 12)), (Ranges{range(9, 12)}));
  world.cancel("x");
  EXPECT_EQ(problem_of(swarm.send(world, 0, 9)), ProblemType::kUploadGone);
  EXPECT_EQ(out.state.snapshot().size(), 2U);
}

// The same size a quarter of an hour later is a new version, not a repetition: it must not be told
// that it is stored.
TEST(Swarm, ANewVersionOfTheSameSizeIsNotTakenForARepetition) {
  Outside out;
  World world(&out);
  {
    Swarm old(&out, text(20));
    old.send(world, 10, 20);
    ASSERT_TRUE(std::holds_alternative<Complete>(old.send(world, 0, 10)));
  }
  world.pass(std::chrono::minutes(16));
  Swarm fresh(&out, std::string(20, 'n'));
  EXPECT_EQ(ranges_of(fresh.send(world, 10, 20)), (Ranges{range(10, 20)}));
  ASSERT_TRUE(std::holds_alternative<Complete>(fresh.send(world, 0, 10)));
  EXPECT_EQ(out.store.find_object("x")->bytes, std::string(20, 'n'));
}

TEST(Swarm, WithoutTheModeAGapStoresNothing) {  // ruling 2
  Outside out;
  World world(&out);
  const std::string all = text(20);
  FakeBody first(all.substr(0, 4));
  world.range("x", 0, 4, 20, &first);
  Swarm swarm(&out, all);  // asks for the mode too late: the upload has begun without it
  const auto answer = swarm.launch(world, 10, 20)->outcome;
  ASSERT_TRUE(answer.has_value());
  const auto* state = std::get_if<Incomplete>(&*answer);
  ASSERT_NE(state, nullptr);
  EXPECT_FALSE(state->parallel);
  EXPECT_EQ(state->offset, ByteOffset(4));
}

TEST(Swarm, ASequentialClientOnAParallelUpload) {
  Outside out;
  World world(&out);
  Swarm swarm(&out, text(30));
  EXPECT_EQ(ranges_of(swarm.send(world, 22, 25)), (Ranges{range(22, 25)}));
  for (std::uint64_t at = 0; at < 30; at += 8) {
    FakeBody body(swarm.all.substr(at, 8));
    const auto answer = world.range("x", at, std::min<std::uint64_t>(8, 30 - at), 30, &body);
    if (at + 8 >= 30) {
      ASSERT_TRUE(std::holds_alternative<Complete>(answer));
    } else {
      EXPECT_EQ(std::get<Incomplete>(answer).offset.value(), at + 8 < 22 ? at + 8 : 25);
    }
  }
  expect_done(out, world, swarm.all);
}

TEST(Swarm, TotalsAndBoundsAreChecked) {
  Outside out;
  World world(&out);
  Swarm swarm(&out, text(20));
  swarm.send(world, 8, 12);
  FakeBody other(text(4));
  EXPECT_EQ(problem_of(world.range("x", 12, 4, 21, &other)), ProblemType::kTotalMismatch);
  FakeBody behind(text(4));
  EXPECT_EQ(problem_of(world.range("x", 18, 4, 20, &behind)), ProblemType::kBodyTooLong);
  FakeBody beyond(text(4));
  EXPECT_EQ(problem_of(world.range("x", 30, std::nullopt, std::nullopt, &beyond)),
            ProblemType::kBodyTooLong);
  FakeBody longer(text(6));
  EXPECT_EQ(problem_of(world.range("x", 0, 4, 20, &longer)), ProblemType::kBodyTooLong);
  EXPECT_EQ(ranges_of(world.query("x")), (Ranges{range(0, 4), range(8, 12)}));
}

// Goal: whatever arrived before the line broke is in the map, wherever it broke and whoever else is
// writing; what is missing can be sent. Also after a restart.
TEST(Swarm, CutAtEveryByteWithSeveralWriters) {
  constexpr std::uint64_t kSize = 37;
  for (const bool restart : {false, true}) {
    for (std::uint64_t cut = 0; cut <= 15; ++cut) {
      Outside out;
      auto world = std::make_unique<World>(&out, 1);
      Swarm swarm(&out, text(kSize));
      Flight* const steady = swarm.launch(*world, 0, 11);
      Flight* const broken = swarm.launch(*world, 13, 28);
      steady->body.allow(5);
      world->settle_events();
      broken->body.allow(cut);
      world->settle_events();
      broken->body.cut();
      world->settle_events();
      ASSERT_TRUE(broken->landed());
      EXPECT_FALSE(steady->landed());
      Ranges expected;
      if (cut > 0) expected.push_back(range(13, 13 + cut));
      EXPECT_EQ(ranges_of(world->query("x")), expected);
      steady->body.finish();
      world->settle_events();
      expected.insert(expected.begin(), range(0, 11));
      EXPECT_EQ(ranges_of(*steady->outcome), expected);
      if (restart) {
        world = nullptr;
        world = std::make_unique<World>(&out, 2);
        EXPECT_EQ(ranges_of(world->query("x")), expected);
      }
      swarm.send(*world, 20, kSize);
      ASSERT_TRUE(std::holds_alternative<Complete>(swarm.send(*world, 11, 30))) << cut;
      world->pass(std::chrono::seconds(60));
      expect_done(out, *world, swarm.all);
    }
  }
}

// Goal: any number of writers with any ranges, cut and repeated, give the right object once,
// and what the map has named stays in it. Method: random schedules, with and without trouble of the
// store and the database, with and without an end of the process in the middle.
TEST(Swarm, RandomSchedules) {
  for (unsigned seed = 0; seed < 240; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto pick = [&random](std::size_t n) { return random() % n; };
    const std::uint64_t size = 1 + pick(90);
    const bool trouble = seed % 4 == 1;
    const bool restarts = seed % 4 >= 2;
    Outside out;
    auto world = std::make_unique<World>(&out, seed);
    Swarm swarm(&out, text(size));
    core::RangeSet told;
    bool complete = false;
    if (trouble) {
      const auto decide = [&](std::string_view, std::uint64_t) -> std::optional<Fault> {
        if (pick(12) != 0) return std::nullopt;
        return pick(2) == 0 ? Fault::before(Errc::kUnavailable) : Fault::after();
      };
      out.store.faults().decide_by(decide);
      if (seed % 8 == 1) out.state.faults().decide_by(decide);
    }
    const auto look = [&] {
      const auto answer = world->query("x");
      if (std::holds_alternative<Complete>(answer)) complete = true;
      const auto* state = std::get_if<Incomplete>(&answer);
      if (state == nullptr) return;
      core::RangeSet now;
      for (const ByteRange& r : state->ranges) now.add(r);
      for (const ByteRange& r : told.ranges()) {
        EXPECT_TRUE(now.contains(r)) << r.begin().value() << "-" << r.end().value();
      }
      told = now;
    };
    for (int step = 0; step < 3000 && !complete; ++step) {
      std::vector<Flight*> flying;
      for (Flight& flight : swarm.flights()) {
        if (!flight.landed()) flying.push_back(&flight);
      }
      const std::size_t what = pick(20);
      if (flying.size() < 6 && what < 6) {
        // Mostly what is missing, sometimes anything.
        const auto holes = told.missing(range(0, size));
        std::uint64_t begin = pick(size);
        if (!holes.empty() && pick(4) != 0) begin = holes.at(pick(holes.size())).begin().value();
        swarm.launch(*world, begin, begin + 1 + pick(size - begin));
      } else if (!flying.empty() && what < 18) {
        Flight* const flight = flying.at(pick(flying.size()));
        if (pick(10) == 0) {
          flight->body.cut();
        } else {
          flight->body.allow(1 + pick(9));
        }
        if (pick(4) != 0) world->settle_events();
      } else if (restarts && pick(20) == 0) {
        for (Flight* const flight : flying) flight->body.cut();
        world->settle_events();
        world = nullptr;
        world = std::make_unique<World>(&out, seed + 1000);
        look();
      } else {
        world->settle_events();
        if (trouble) world->pass(std::chrono::milliseconds(700));
        look();
      }
    }
    ASSERT_TRUE(complete);
    for (Flight& flight : swarm.flights()) flight.body.finish();
    world->pass(std::chrono::seconds(120));
    ASSERT_EQ(swarm.flying(), 0U);
    const auto* object = out.store.find_object("x");
    ASSERT_NE(object, nullptr);
    EXPECT_EQ(object->bytes, swarm.all);
    const auto rows = out.state.snapshot();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows.at(0).state, UploadState::kComplete);
    if (trouble) continue;
    EXPECT_LE(out.store.calls("complete"), 1U);
    // Each part once, unless a process ended while it was on its way.
    if (!restarts) {
      EXPECT_LE(out.store.calls("put_part"), (size + 7) / 8);
    }
    EXPECT_EQ(out.store.multipart_count(), 0U);
    EXPECT_EQ(out.store.objects().size(), 1U);
  }
}

// Goal: kill -9 in the middle of a swarm loses nothing of the map. Method: from store call n on the
// process is dead; another one goes on with the same store and database.
TEST(Swarm, CrashAtEveryStoreCall) {
  for (std::uint64_t n = 0;; ++n) {
    Outside out;
    Swarm swarm(&out, text(45));
    core::RangeSet told;
    bool crashed = false;
    {
      World world(&out, 1);
      std::uint64_t calls = 0;
      out.store.faults().decide_by([&](std::string_view, std::uint64_t) -> std::optional<Fault> {
        if (calls++ < n) return std::nullopt;
        crashed = true;
        out.state.faults().decide_by([](std::string_view, std::uint64_t) {
          return std::optional<Fault>(Fault::before(Errc::kUnavailable));
        });
        return Fault::before(Errc::kUnavailable);
      });
      for (const auto& [begin, end] :
           std::vector<std::pair<int, int>>{{30, 41}, {3, 18}, {17, 31}, {0, 5}}) {
        const auto answer =
            swarm.send(world, static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(end));
        if (const auto* state = std::get_if<Incomplete>(&answer)) {
          for (const ByteRange& r : state->ranges) told.add(r);
        }
      }
      world.stop();
    }
    out.store.faults().stop_failing();
    out.state.faults().stop_failing();
    World world(&out, 2);
    world.run_void(world.service->recover());
    if (!told.empty()) {
      core::RangeSet now;
      for (const ByteRange& r : ranges_of(world.query("x"))) now.add(r);
      for (const ByteRange& r : told.ranges()) EXPECT_TRUE(now.contains(r)) << n;
    }
    swarm.send(world, 20, 45);
    ASSERT_TRUE(std::holds_alternative<Complete>(swarm.send(world, 0, 25))) << n;
    const auto* object = out.store.find_object("x");
    ASSERT_NE(object, nullptr);
    EXPECT_EQ(object->bytes, swarm.all);
    if (!crashed) break;
    ASSERT_LT(n, 100U);
  }
}

// two processes on one state database, a request here, a request there. Each one takes the
// whole upload over; what the other was told stays true.
TEST(Swarm, TwoProcessesTakeTurns) {
  Outside out;
  World here(&out, 1);
  World there(&out, 2);
  Swarm swarm(&out, text(48));
  core::RangeSet told;
  int turn = 0;
  for (const std::uint64_t begin : {16U, 0U, 40U, 8U, 32U, 24U}) {
    World& world = turn++ % 2 == 0 ? here : there;
    const auto answer = swarm.send(world, begin, begin + 8);
    told.add(range(begin, begin + 8));
    if (turn < 6) {
      EXPECT_EQ(ranges_of(answer), told.ranges());
      EXPECT_EQ(ranges_of((turn % 2 == 0 ? here : there).query("x")), told.ranges());
    } else {
      EXPECT_TRUE(std::holds_alternative<Complete>(answer));
    }
  }
  EXPECT_EQ(out.store.find_object("x")->bytes, swarm.all);
  EXPECT_EQ(out.store.calls("complete"), 1U);
  EXPECT_EQ(out.store.calls("put_part"), 6U);
  EXPECT_TRUE(std::holds_alternative<Complete>(here.query("x")));
  EXPECT_TRUE(std::holds_alternative<Complete>(there.query("x")));
}

// The same while a request is running: the one that was fenced is told, nothing acknowledged is
// lost, and the next request in that process begins from what is recorded.
TEST(Swarm, TakeOverInTheMiddleOfARequest) {
  Outside out;
  World here(&out, 1);
  World there(&out, 2);
  Swarm swarm(&out, text(32));
  Flight* const running = swarm.launch(here, 0, 16);
  running->body.allow(9);
  here.settle_events();
  EXPECT_EQ(ranges_of(swarm.send(there, 20, 32)), (Ranges{range(0, 8), range(20, 32)}));
  running->body.finish();
  here.settle_events();
  ASSERT_TRUE(running->landed());
  EXPECT_EQ(problem_of(*running->outcome), ProblemType::kTakenOver);
  EXPECT_EQ(ranges_of(swarm.send(here, 8, 16)), (Ranges{range(0, 16), range(20, 32)}));
  ASSERT_TRUE(std::holds_alternative<Complete>(swarm.send(there, 16, 20)));
  EXPECT_EQ(out.store.find_object("x")->bytes, swarm.all);
}

// A silent writer of the stale copy is told at once, and new requests do not wait for it.
TEST(Swarm, AStaleCopyIsReplacedAndItsWritersAreTold) {
  Outside out;
  World here(&out, 1);
  World there(&out, 2);
  Swarm swarm(&out, text(40));
  Flight* const silent = swarm.launch(here, 32, 40);
  swarm.send(there, 24, 32);
  EXPECT_EQ(ranges_of(swarm.send(here, 0, 16)), (Ranges{range(0, 16), range(24, 32)}));
  ASSERT_TRUE(silent->landed());
  EXPECT_EQ(problem_of(*silent->outcome), ProblemType::kTakenOver);
  swarm.send(here, 16, 24);
  ASSERT_TRUE(std::holds_alternative<Complete>(swarm.send(here, 32, 40)));
  here.pass(std::chrono::seconds(60));
  EXPECT_EQ(here.service->status().live_uploads, 0U);
  EXPECT_EQ(out.store.find_object("x")->bytes, swarm.all);
}

// G8. Goal: unfinished parts that fill the whole budget, each with a hole that nobody will send
// soon, do not stop the others. Method: 2 MiB of parts in progress, 512 KiB of memory.
TEST(Swarm, ABudgetFullOfUnfinishedParts) {
  constexpr std::uint64_t kPart = 256U << 10;
  constexpr std::uint64_t kParts = 8;
  Outside out;
  World world(&out, 1, ByteCount(kPart), ByteCount(8 * BlockPool::kBlockBytes));
  Swarm swarm(&out, text(kPart * kParts));
  std::vector<Flight*> writers;
  for (std::uint64_t part = 0; part < kParts; ++part) {
    // Everything but the first 100 bytes: no part can become full.
    writers.push_back(swarm.launch(world, part * kPart + 100, (part + 1) * kPart, &world.pool));
  }
  for (int step = 0; step < 400 && swarm.flying() > 0; ++step) {
    for (Flight* const writer : writers) writer->body.allow(5000);
    world.pass(std::chrono::milliseconds(20));
    EXPECT_LE(world.pool.usage().taken, world.pool.usage().budget);
  }
  ASSERT_EQ(swarm.flying(), 0U);
  for (const Flight* writer : writers) {
    EXPECT_TRUE(std::holds_alternative<Incomplete>(*writer->outcome));
  }
  EXPECT_EQ(ranges_of(world.query("x")).size(), kParts);
  for (std::uint64_t part = 0; part < kParts; ++part)
    swarm.send(world, part * kPart, part * kPart + 100);
  ASSERT_TRUE(std::holds_alternative<Complete>(world.query("x")));
  world.pass(std::chrono::seconds(60));
  expect_done(out, world, swarm.all);
  EXPECT_EQ(out.store.calls("put_part"), kParts);
  EXPECT_EQ(world.pool.usage().taken, ByteCount(0));
}

// The same with a store that takes nothing for a while: those who wait for memory are ended, come
// back, and go on.
TEST(Swarm, ABudgetFullAndTheStoreAway) {
  constexpr std::uint64_t kPart = 256U << 10;
  Outside out;
  World world(&out, 1, ByteCount(kPart), ByteCount(4 * BlockPool::kBlockBytes));
  Swarm swarm(&out, text(kPart * 4));
  out.store.faults().fail_at(0, FaultPlan::Mode::kForever, Fault::before(Errc::kUnavailable));
  std::vector<Flight*> writers;
  for (std::uint64_t part = 0; part < 4; ++part) {
    writers.push_back(swarm.launch(world, part * kPart + 1, (part + 1) * kPart, &world.pool));
  }
  for (int step = 0; step < 100 && swarm.flying() > 0; ++step) {
    for (Flight* const writer : writers) writer->body.allow(20'000);
    world.pass(std::chrono::milliseconds(20));
  }
  ASSERT_EQ(swarm.flying(), 0U);
  for (const Flight* writer : writers) {
    EXPECT_EQ(problem_of(*writer->outcome), ProblemType::kStoreUnavailable);
  }
  out.store.faults().stop_failing();
  for (std::uint64_t part = 4; part-- > 0;) {
    Flight* const again = swarm.launch(world, part * kPart, (part + 1) * kPart, &world.pool);
    again->body.finish();
    world.pass(std::chrono::seconds(1));
    ASSERT_TRUE(again->landed());
  }
  ASSERT_TRUE(std::holds_alternative<Complete>(world.query("x")));
  world.pass(std::chrono::seconds(60));
  expect_done(out, world, swarm.all);
}

// A client that sends every second byte gets no million of small objects; from the lowest hole on
// it may always go on.
TEST(Swarm, ScatteredBytesHaveALimit) {
  Outside out;
  World world(&out, 1, ByteCount(1000));
  Swarm swarm(&out, text(2000));
  for (std::uint64_t at = 1; at < 999; at += 2) swarm.send(world, at, at + 1);
  const auto map = ranges_of(world.query("x"));
  EXPECT_EQ(map.size(), 256U);
  swarm.send(world, 0, 999);
  ASSERT_TRUE(std::holds_alternative<Complete>(swarm.send(world, 999, 2000)));
  world.pass(std::chrono::seconds(60));
  expect_done(out, world, swarm.all);
}

TEST(Swarm, DrainMakesTheMapTrue) {
  Outside out;
  auto world = std::make_unique<World>(&out, 1);
  Swarm swarm(&out, text(40));
  Flight* const a = swarm.launch(*world, 3, 20);
  Flight* const b = swarm.launch(*world, 27, 40);
  a->body.allow(9);
  b->body.allow(4);
  world->settle_events();
  world->run_void(world->service->drain(Deadline(out.clock.now())));
  ASSERT_EQ(swarm.flying(), 0U);
  EXPECT_EQ(problem_of(*a->outcome), ProblemType::kDraining);
  world = nullptr;
  world = std::make_unique<World>(&out, 2);
  EXPECT_EQ(ranges_of(world->query("x")), (Ranges{range(3, 12), range(27, 31)}));
}

}  // namespace
}  // namespace sluice::engine
