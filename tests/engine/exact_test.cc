// What tus and the IETF protocol ask of the engine beside put308: uploads begun without bytes,
// appends at exactly the offset, totals that come later, settled queries, released names.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/engine/world.h"

namespace sluice::engine {
namespace {

using core::Cancelled;
using core::Complete;
using core::Incomplete;
using core::ProblemType;
using core::Refused;

std::string text(std::size_t n) {
  std::string s;
  for (std::size_t i = 0; i < n; ++i) s += static_cast<char>('a' + (i * 7 + i / 26) % 26);
  return s;
}

core::Command named(std::string name) {
  core::Command command;
  command.name = std::move(name);
  command.attributes.raw_metadata = "filename YQ==";
  return command;
}

core::Command create(std::optional<std::uint64_t> total) {
  core::Command command = named("x");
  core::Create verb;
  if (total) verb.total = ByteCount(*total);
  command.verb = verb;
  return command;
}

core::Append exact(std::uint64_t begin, std::optional<std::uint64_t> length) {
  core::Append append;
  append.begin = ByteOffset(begin);
  if (length) append.length = ByteCount(*length);
  append.may_begin = false;
  append.exact = true;
  return append;
}

struct Exact : public ::testing::Test {
  core::Outcome run(core::Command command, FakeBody* body = nullptr) {
    return world.run(world.service->execute(std::move(command), core::Grant(), body));
  }
  Task<core::Outcome> start(core::Append append, FakeBody* body) {
    core::Command command = named("x");
    command.verb = append;
    return world.service->execute(std::move(command), core::Grant(), body);
  }
  core::Outcome append(core::Append append, std::string bytes) {
    FakeBody body(std::move(bytes));
    return world.run(start(append, &body));
  }
  core::Outcome query(bool settle = false) {
    core::Command command = named("x");
    core::Query verb;
    verb.settle = settle;
    command.verb = verb;
    return run(std::move(command));
  }
  core::Outcome release() {
    core::Command command = named("x");
    core::Cancel verb;
    verb.release_complete = true;
    command.verb = verb;
    return run(std::move(command));
  }
  static std::uint64_t offset(const core::Outcome& outcome) {
    const auto* state = std::get_if<Incomplete>(&outcome);
    EXPECT_NE(state, nullptr) << "outcome " << outcome.index();
    return state == nullptr ? 999'999 : state->offset.value();
  }
  static void expect_refused(const core::Outcome& outcome, ProblemType type,
                             std::optional<std::uint64_t> at = std::nullopt) {
    const auto* refused = std::get_if<Refused>(&outcome);
    ASSERT_NE(refused, nullptr) << "outcome " << outcome.index();
    EXPECT_EQ(refused->problem.type, type) << refused->problem.detail;
    if (at) {
      EXPECT_EQ(refused->offset, ByteOffset(*at));
    }
  }
  void expect_object(const std::string& bytes) {
    const auto* object = out.store.find_object("x");
    ASSERT_NE(object, nullptr);
    EXPECT_EQ(object->bytes, bytes);
    EXPECT_EQ(out.store.multipart_count(), 0U);
    for (const auto& [key, stored] : out.store.objects()) EXPECT_FALSE(key.starts_with(".sluice/"));
  }
  static bool is_complete(const core::Outcome& outcome) {
    return std::holds_alternative<Complete>(outcome);
  }

  Outside out;
  World world{&out};
};

TEST_F(Exact, CreateThenAppend) {
  const auto created = run(create(20));
  EXPECT_EQ(offset(created), 0U);
  const auto& about = std::get<Incomplete>(created).about;
  EXPECT_EQ(about.raw_metadata, "filename YQ==");
  ASSERT_TRUE(about.expires_at);
  EXPECT_EQ(*about.expires_at, out.clock.wall_now() + std::chrono::hours(7 * 24));
  EXPECT_EQ(offset(query()), 0U);
  out.clock.pass(std::chrono::hours(1));
  const auto more = append(exact(0, 13), text(13));
  EXPECT_EQ(offset(more), 13U);
  EXPECT_EQ(*std::get<Incomplete>(more).about.expires_at,
            out.clock.wall_now() + std::chrono::hours(7 * 24));
  const auto done = append(exact(13, 7), text(20).substr(13));
  ASSERT_TRUE(is_complete(done));
  EXPECT_EQ(std::get<Complete>(done).about.raw_metadata, "filename YQ==");
  EXPECT_FALSE(std::get<Complete>(done).about.expires_at);
  expect_object(text(20));
  EXPECT_EQ(std::get<Complete>(query()).about.raw_metadata, "filename YQ==");
}

TEST_F(Exact, CreateOfNothingIsComplete) {  // T-39
  ASSERT_TRUE(is_complete(run(create(0))));
  expect_object("");
  EXPECT_EQ(out.state.snapshot().at(0).state, UploadState::kComplete);
}

TEST_F(Exact, CreateTooLarge) {
  expect_refused(run(create(1ULL << 40)), ProblemType::kTooLarge);
  EXPECT_TRUE(out.state.snapshot().empty());
}

TEST_F(Exact, CreateReplacesAnUnfinishedOne) {
  run(create(20));
  append(exact(0, 13), text(13));
  EXPECT_EQ(offset(run(create(10))), 0U);
  ASSERT_TRUE(is_complete(append(exact(0, 10), text(10))));
  world.pass(std::chrono::seconds(5));
  expect_object(text(10));
}

// The plan is made when the first bytes come: chunks that are legal parts are the parts.
TEST_F(Exact, ChunksBecomeParts) {
  run(create(40));
  for (std::uint64_t at = 0; at < 40; at += 10) {
    append(exact(at, 10), text(40).substr(at, 10));
  }
  expect_object(text(40));
  EXPECT_EQ(world.metrics.parks, 0);
}

TEST_F(Exact, KeyOfTheRequest) {
  core::Command command = create(3);
  command.key = "dir/key.bin";
  run(std::move(command));
  ASSERT_TRUE(is_complete(append(exact(0, 3), "abc")));
  ASSERT_NE(out.store.find_object("dir/key.bin"), nullptr);
}

TEST_F(Exact, OtherOffsetsStoreNothing) {  // T-18
  run(create(40));
  append(exact(0, 13), text(13));
  for (const std::uint64_t at : {0U, 12U, 14U, 39U}) {
    FakeBody body(text(1));
    expect_refused(world.run(start(exact(at, 1), &body)), ProblemType::kOffsetMismatch, 13);
    EXPECT_EQ(body.reads, 0);
  }
  EXPECT_EQ(offset(query()), 13U);
}

TEST_F(Exact, UnknownUploads) {  // T-21
  expect_refused(append(exact(0, 1), "a"), ProblemType::kUploadNotFound);
  run(create(10));
  core::Command cancel = named("x");
  cancel.verb = core::Cancel();
  ASSERT_TRUE(std::holds_alternative<Cancelled>(run(std::move(cancel))));
  expect_refused(append(exact(0, 1), "a"), ProblemType::kUploadGone);
  EXPECT_EQ(out.state.snapshot().size(), 1U);  // nothing was begun
}

// TUSKit repeats the same request after a cut and goes on with the offset of the refusal.
TEST_F(Exact, TheRefusalSaysAllThatIsHere) {
  run(create(40));
  FakeBody cut = FakeBody::cut(text(13));
  ASSERT_TRUE(std::holds_alternative<core::ClientGone>(world.run(start(exact(0, 40), &cut))));
  expect_refused(append(exact(0, 40), text(40)), ProblemType::kOffsetMismatch, 13);
  ASSERT_TRUE(is_complete(append(exact(13, 27), text(40).substr(13))));
  expect_object(text(40));
}

TEST_F(Exact, CutAtEveryByte) {  // T-23
  for (std::size_t at = 0; at < 30; ++at) {
    run(create(30));
    FakeBody cut = FakeBody::cut(text(at));
    world.run(start(exact(0, 30), &cut));
    EXPECT_EQ(offset(query()), at);
    ASSERT_TRUE(is_complete(append(exact(at, 30 - at), text(30).substr(at))));
    world.pass(std::chrono::seconds(1));
    expect_object(text(30));
  }
}

// Ruling 3: the newer writer takes over at once, although the older one hangs.
TEST_F(Exact, TakeOver) {
  run(create(20));
  append(exact(0, 5), text(5));
  FakeBody hanging(text(20).substr(5));
  hanging.hold_at(3);
  std::optional<core::Outcome> first;
  boost::asio::co_spawn(out.context, start(exact(5, 15), &hanging),
                        [&](const std::exception_ptr&, core::Outcome o) { first = std::move(o); });
  world.settle_events();
  ASSERT_FALSE(first);
  ASSERT_TRUE(is_complete(append(exact(5, 15), text(20).substr(5))));
  world.settle_events();
  ASSERT_TRUE(first);
  expect_object(text(20));
}

// T-95: of many at one offset one succeeds.
TEST_F(Exact, OneOfManySucceeds) {
  for (const std::size_t size : {6U, 30U}) {
    run(create(size));
    std::vector<std::unique_ptr<FakeBody>> bodies;
    std::vector<std::optional<core::Outcome>> outcomes(8);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      bodies.push_back(std::make_unique<FakeBody>(std::string(size, static_cast<char>('a' + i))));
      boost::asio::co_spawn(
          out.context, start(exact(0, size), bodies.back().get()),
          [&outcomes, i](const std::exception_ptr&, core::Outcome o) { outcomes[i] = std::move(o); });
    }
    world.pass(std::chrono::seconds(5));
    std::string stored;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      ASSERT_TRUE(outcomes[i]);
      if (is_complete(*outcomes[i])) stored += static_cast<char>('a' + i);
    }
    ASSERT_EQ(stored.size(), 1U) << stored;
    // Parts on their way when the newer one came count (ruling 3): honest clients send equal bytes.
    if (size <= 8) expect_object(std::string(size, stored[0]));
  }
}

TEST_F(Exact, TooMuch) {  // T-27
  run(create(7));
  expect_refused(append(exact(0, 8), text(8)), ProblemType::kBodyTooLong);
  EXPECT_EQ(offset(query()), 0U);
  expect_refused(append(exact(0, std::nullopt), text(8)), ProblemType::kBodyTooLong);
  EXPECT_EQ(offset(query()), 0U);
  // Parts that were full before the end was seen stay; the object does not become whole.
  run(create(20));
  expect_refused(append(exact(0, std::nullopt), text(21)), ProblemType::kBodyTooLong);
  EXPECT_EQ(offset(query()), 16U);
  ASSERT_TRUE(is_complete(append(exact(16, 4), text(20).substr(16))));
  world.pass(std::chrono::seconds(5));
  expect_object(text(20));
}

TEST_F(Exact, TotalLater) {  // T-35 to T-37
  run(create(std::nullopt));
  EXPECT_FALSE(std::get<Incomplete>(append(exact(0, 5), text(5))).total);
  core::Append low = exact(5, 0);
  low.total = ByteCount(3);
  expect_refused(append(low, ""), ProblemType::kTotalMismatch);
  core::Append huge = exact(5, 0);
  huge.total = ByteCount(1ULL << 40);
  expect_refused(append(huge, ""), ProblemType::kTooLarge);
  core::Append more = exact(5, 5);
  more.total = ByteCount(12);
  EXPECT_EQ(std::get<Incomplete>(append(more, text(10).substr(5))).total, ByteCount(12));
  core::Append other = exact(10, 2);
  other.total = ByteCount(13);
  expect_refused(append(other, "xy"), ProblemType::kTotalMismatch);
  EXPECT_EQ(std::get<Incomplete>(query()).total, ByteCount(12));
  ASSERT_TRUE(is_complete(append(exact(10, 2), text(12).substr(10))));
  expect_object(text(12));
}

TEST_F(Exact, TotalWithAnEmptyRequest) {  // T-35
  run(create(std::nullopt));
  append(exact(0, 25), text(25));
  core::Append last = exact(25, 0);
  last.total = ByteCount(25);
  ASSERT_TRUE(is_complete(append(last, "")));
  expect_object(text(25));
}

TEST_F(Exact, AppendToAComplete) {  // T-26, TP-06
  run(create(10));
  ASSERT_TRUE(is_complete(append(exact(0, 10), text(10))));
  EXPECT_TRUE(is_complete(append(exact(10, 0), "")));
  EXPECT_TRUE(is_complete(append(exact(10, std::nullopt), "")));
  expect_refused(append(exact(10, 1), "a"), ProblemType::kBodyTooLong);
  expect_refused(append(exact(10, std::nullopt), "a"), ProblemType::kBodyTooLong);
  expect_refused(append(exact(0, 10), text(10)), ProblemType::kOffsetMismatch, 10);
  core::Append other = exact(10, 0);
  other.total = ByteCount(11);
  expect_refused(append(other, ""), ProblemType::kTotalMismatch);
  EXPECT_EQ(world.metrics.finished.size(), 1U);
  EXPECT_EQ(out.state.snapshot().size(), 1U);
}

// IETF: only what ends the object ends it.
TEST_F(Exact, TotalIsNotTheEnd) {
  run(create(20));
  core::Append all = exact(0, 20);
  all.ends_at_total = false;
  EXPECT_EQ(offset(append(all, text(20))), 20U);
  EXPECT_EQ(offset(query(true)), 20U);
  EXPECT_EQ(out.store.find_object("x"), nullptr);
  core::Append end = exact(20, 0);
  end.ends_at_total = false;
  end.ends_object = true;
  ASSERT_TRUE(is_complete(append(end, "")));
  expect_object(text(20));
}

// IETF HEAD: the running append is ended, and what it brought counts.
TEST_F(Exact, SettledQuery) {
  run(create(40));
  FakeBody hanging(text(40));
  hanging.hold_at(13);
  std::optional<core::Outcome> first;
  boost::asio::co_spawn(out.context, start(exact(0, 40), &hanging),
                        [&](const std::exception_ptr&, core::Outcome o) { first = std::move(o); });
  world.settle_events();
  ASSERT_FALSE(first);
  EXPECT_EQ(offset(query(true)), 13U);
  world.settle_events();
  ASSERT_TRUE(first);
  expect_refused(*first, ProblemType::kTakenOver);
  world.pass(std::chrono::minutes(1));
  EXPECT_EQ(offset(query(true)), 13U);
  ASSERT_TRUE(is_complete(append(exact(13, 27), text(40).substr(13))));
  expect_object(text(40));
}

// How the IETF dialect knows that an upload is complete: a refusal names no offset.
TEST_F(Exact, RefusalOfACompleteOneHasNoOffset) {
  run(create(10));
  append(exact(0, 10), text(10));
  const auto refused = append(exact(10, 1), "a");
  expect_refused(refused, ProblemType::kBodyTooLong);
  EXPECT_FALSE(std::get<Refused>(refused).offset);
}

// What is said while the body comes is recorded: never more than the offset later. The length is not
// announced, so that the parts stay small.
TEST_F(Exact, ProgressIsDurable) {
  run(create(40));
  FakeBody body(text(35));
  body.hold_at(25);  // three parts and a byte
  core::Append most = exact(0, std::nullopt);
  most.ends_at_total = false;
  std::optional<core::Outcome> end;
  boost::asio::co_spawn(out.context, start(most, &body),
                        [&](const std::exception_ptr&, core::Outcome o) { end = std::move(o); });
  world.pass(std::chrono::milliseconds(500));
  EXPECT_FALSE(body.told.empty());
  body.go();
  world.pass(std::chrono::minutes(1));
  ASSERT_TRUE(end);
  EXPECT_EQ(offset(*end), 35U);
  ASSERT_FALSE(body.told.empty());
  EXPECT_TRUE(std::is_sorted(body.told.begin(), body.told.end()));
  EXPECT_GT(body.told.front(), 0U);
  EXPECT_LE(body.told.back(), 35U);
}

TEST_F(Exact, SurvivesTheProcess) {
  run(create(30));
  append(exact(0, 13), text(13));
  world.stop();
  World second(&out);
  core::Command asked = named("x");
  asked.verb = core::Query();
  const auto found = second.run(second.service->execute(std::move(asked), core::Grant(), nullptr));
  EXPECT_EQ(offset(found), 13U);
  EXPECT_EQ(std::get<Incomplete>(found).total, ByteCount(30));
  EXPECT_EQ(std::get<Incomplete>(found).about.raw_metadata, "filename YQ==");
}

TEST_F(Exact, ReleaseOfAComplete) {  // T-72, T-74, TP-15
  run(create(10));
  append(exact(0, 10), text(10));
  ASSERT_TRUE(std::holds_alternative<Cancelled>(release()));
  expect_refused(query(), ProblemType::kUploadNotFound);
  expect_refused(append(exact(10, 0), ""), ProblemType::kUploadNotFound);
  expect_refused(release(), ProblemType::kUploadNotFound);
  expect_object(text(10));
}

TEST_F(Exact, ReleaseOfAnUnfinished) {  // T-73
  run(create(30));
  append(exact(0, 13), text(13));
  ASSERT_TRUE(std::holds_alternative<Cancelled>(release()));
  expect_refused(query(), ProblemType::kUploadGone);
  EXPECT_TRUE(out.store.objects().empty());
  EXPECT_EQ(out.store.multipart_count(), 0U);
}

}  // namespace
}  // namespace sluice::engine
