// Rows S-08, S-26, S-34 and the rest of what the header promises, on a model store in virtual time.
#include "stores/retrying_store.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "stores/adaptive_limit.h"
#include "stores/memory_store.h"
#include "stores/virtual_time.h"

namespace sluice::stores {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RetryingStoreTest : public testing::Test {
 protected:
  RetryingStoreTest() { open(RetryOptions()); }

  void open(RetryOptions options) {
    MemoryStoreOptions memory;
    memory.limits.part_min = ByteCount(4);
    memory.clock = &time;
    auto model = std::make_unique<MemoryStore>(memory);
    inner = model.get();
    // Seen by the model in front of its own faults: when each attempt came.
    inner->before_call([this](std::string operation) { return note(std::move(operation)); });
    RetryServices services;
    services.clock = &time;
    services.random = &random;
    services.metrics = &metrics;
    store = make_retrying_store(std::move(model), options, services);
  }

  Task<void> note(std::string operation) {
    attempts.push_back(time.now());
    ++now_inside;
    most_inside = std::max(most_inside, now_inside);
    if (call_takes > Duration::zero()) co_await time.sleep_until(time.now() + call_takes);
    --now_inside;
    static_cast<void>(operation);
  }

  // The first `count` calls fail.
  void fail_first(std::uint64_t count, Fault fault) {
    inner->faults().decide_by(
        [count, fault](std::string_view, std::uint64_t number) -> std::optional<Fault> {
          if (number < count) return fault;
          return std::nullopt;
        });
  }

  Deadline within(Duration limit) const { return Deadline(time.now() + limit); }
  static ObjectSpec spec(std::string key) {
    return ObjectSpec(ObjectKey(std::move(key)), core::ObjectAttributes(), UploadToken("token"));
  }
  Payload payload(const std::string& bytes) const {
    return Payload(Bytes::copy_of(bytes),
                   wire::Checksum::of(inner->checksum_kind(), as_bytes(bytes)));
  }
  std::vector<milliseconds> pauses() const {
    std::vector<milliseconds> gaps;
    for (std::size_t i = 1; i < attempts.size(); ++i) {
      gaps.push_back(std::chrono::duration_cast<milliseconds>(attempts[i] - attempts[i - 1]));
    }
    return gaps;
  }
  Errc error_of_stat(Deadline deadline) {
    const Result<ObjectInfo> answer = time.run(store->stat(ObjectKey("o"), deadline));
    return answer ? Errc::kCancelled : answer.error().code();
  }

  // Calls one after the other; counts how they end.
  Task<int> busy_client(Instant stop, int* good, int* bad) {
    const ObjectKey key("o");
    while (time.now() < stop) {
      const Deadline deadline(time.now() + seconds(120));
      const Result<ObjectInfo> answer = co_await store->stat(key, deadline);
      *(answer ? good : bad) += 1;
    }
    co_return 0;
  }

  VirtualTime time;
  ChosenRandom random;
  RetryMetrics metrics;
  MemoryStore* inner = nullptr;
  std::unique_ptr<ObjectStore> store;
  std::vector<Instant> attempts;
  Duration call_takes{};
  int now_inside = 0;
  int most_inside = 0;
};

TEST_F(RetryingStoreTest, ForwardsWhatTheStoreIs) {
  EXPECT_EQ(store->limits().part_min, ByteCount(4));
  EXPECT_EQ(store->checksum_kind(), inner->checksum_kind());
}

// S-08: 503 twice, then fine: three attempts, growing delays, the same bytes.
TEST_F(RetryingStoreTest, S08SendsAPartAgainUntilItIsThere) {
  const auto made = time.run(store->create_multipart(spec("o"), within(seconds(60))));
  ASSERT_TRUE(made);
  attempts.clear();
  inner->faults().fail_at(0, FaultPlan::Mode::kForever, Fault::before(Errc::kUnavailable));
  random.then(milliseconds(100));
  random.then(milliseconds(200));

  PartTarget target(ObjectKey("o"), *made, PartNumber(1), ByteRange(ByteOffset(0), ByteOffset(9)));
  const auto answer =
      time.start(store->put_part(target, payload("some part"), within(seconds(60))));
  time.run_until(time.now() + milliseconds(150));
  inner->faults().stop_failing();
  time.run_until(time.now() + seconds(5));
  ASSERT_TRUE(answer->has_value());
  ASSERT_TRUE((*answer)->has_value()) << (*answer)->error().detail();
  EXPECT_EQ(inner->faults().failures(), 2U);
  EXPECT_EQ(pauses(), (std::vector<milliseconds>{milliseconds(100), milliseconds(200)}));
  EXPECT_EQ(metrics.retries["UploadPart"], 2);

  std::vector<PartReceipt> parts{**(*answer)};
  Completion completion(spec("o"), *made, parts, ByteCount(9), std::nullopt);
  ASSERT_TRUE(time.run(store->complete(completion, within(seconds(60)))));
  EXPECT_EQ(inner->find_object("o")->bytes, "some part");
}

TEST_F(RetryingStoreTest, PausesAreDrawnFromAWindowThatDoublesUpToTheCap) {
  RetryOptions options;
  options.attempts_max = 6;
  options.cap = milliseconds(500);
  options.budget_tokens = 1e6;
  open(options);
  fail_first(UINT64_MAX, Fault::before(Errc::kUnavailable));
  std::vector<milliseconds> longest(5);
  std::vector<milliseconds> shortest(5, milliseconds(1'000'000));
  for (int i = 0; i < 200; ++i) {
    attempts.clear();
    EXPECT_EQ(error_of_stat(within(seconds(60))), Errc::kUnavailable);
    ASSERT_EQ(attempts.size(), 6U);
    for (std::size_t n = 0; n < 5; ++n) {
      longest[n] = std::max(longest[n], pauses()[n]);
      shortest[n] = std::min(shortest[n], pauses()[n]);
    }
  }
  const std::vector<int> window{100, 200, 400, 500, 500};
  for (std::size_t n = 0; n < 5; ++n) {
    EXPECT_LE(longest[n], milliseconds(window[n]));
    EXPECT_GE(longest[n], milliseconds(window[n] * 9 / 10));
    EXPECT_LE(shortest[n], milliseconds(window[n] / 10));
  }
}

TEST_F(RetryingStoreTest, RepeatsEveryOperation) {
  const Deadline deadline = within(std::chrono::hours(1));
  const auto fail_next = [this] {
    inner->faults().fail_at(0, FaultPlan::Mode::kOnce, Fault::before(Errc::kDisconnected));
  };
  fail_next();
  ASSERT_TRUE(time.run(store->put_object(spec("a"), payload("abc"), deadline)));
  fail_next();
  EXPECT_EQ(time.run(store->stat(ObjectKey("a"), deadline))->size, ByteCount(3));
  fail_next();
  const ByteRange first(ByteOffset(0), ByteOffset(2));
  EXPECT_EQ(time.run(store->get(ObjectKey("a"), first, deadline))->to_string(), "ab");
  fail_next();
  EXPECT_EQ(time.run(store->list_objects("", deadline))->size(), 1U);
  fail_next();
  ASSERT_TRUE(time.run(store->remove(ObjectKey("a"), deadline)));
  EXPECT_EQ(inner->find_object("a"), nullptr);
  fail_next();
  const auto made = time.run(store->create_multipart(spec("b"), deadline));
  ASSERT_TRUE(made);
  fail_next();
  PartTarget target(ObjectKey("b"), *made, PartNumber(1), first);
  const auto receipt = time.run(store->put_part(target, payload("xy"), deadline));
  ASSERT_TRUE(receipt);
  fail_next();
  EXPECT_EQ(time.run(store->list_parts(ObjectKey("b"), *made, deadline))->size(), 1U);
  fail_next();
  EXPECT_EQ(time.run(store->list_multiparts("", deadline))->size(), 1U);
  fail_next();
  Completion completion(spec("b"), *made, {*receipt}, ByteCount(2), std::nullopt);
  ASSERT_TRUE(time.run(store->complete(completion, deadline)));
  EXPECT_EQ(inner->find_object("b")->bytes, "xy");
  fail_next();
  ASSERT_TRUE(time.run(store->abort(ObjectKey("b"), *made, deadline)));
  fail_next();
  ASSERT_TRUE(time.run(store->settle(spec("b"), deadline)));
  fail_next();
  ASSERT_TRUE(time.run(store->probe(deadline)));
  EXPECT_EQ(metrics.retries.size(), 13U);
  for (const auto& [operation, count] : metrics.retries) EXPECT_EQ(count, 1) << operation;
}

TEST_F(RetryingStoreTest, NeverRepeatsWhatIsFinal) {
  for (const Errc code :
       {Errc::kInvalidArgument, Errc::kUnauthorized, Errc::kNotFound, Errc::kConflict,
        Errc::kFenced, Errc::kTooLarge, Errc::kRejected, Errc::kCorrupt, Errc::kCancelled}) {
    attempts.clear();
    inner->faults().fail_at(0, FaultPlan::Mode::kForever, Fault::before(code));
    EXPECT_EQ(error_of_stat(within(seconds(60))), code);
    EXPECT_EQ(attempts.size(), 1U) << to_string(code);
  }
}

TEST_F(RetryingStoreTest, RepeatsWhateverMayPass) {
  for (const Errc code : {Errc::kUnavailable, Errc::kThrottled, Errc::kOutcomeUnknown,
                          Errc::kTimedOut, Errc::kDisconnected}) {
    attempts.clear();
    inner->faults().fail_at(0, FaultPlan::Mode::kOnce, Fault::before(code));
    EXPECT_EQ(error_of_stat(within(seconds(60))), Errc::kNotFound);
    EXPECT_EQ(attempts.size(), 2U) << to_string(code);
  }
}

// S-26: bytes that arrive damaged are sent again, twice at most.
TEST_F(RetryingStoreTest, S26SendsDamagedBytesAgainTwice) {
  const auto damaged = [this](std::uint64_t times) {
    attempts.clear();
    std::uint64_t seen = 0;
    inner->faults().decide_by(
        [times, seen](std::string_view, std::uint64_t) mutable -> std::optional<Fault> {
          if (seen++ < times) return Fault::before(Errc::kCorrupt);
          return std::nullopt;
        });
  };
  damaged(2);
  EXPECT_TRUE(time.run(store->put_object(spec("o"), payload("abc"), within(seconds(60)))));
  EXPECT_EQ(attempts.size(), 3U);
  damaged(3);
  const auto object = time.run(store->put_object(spec("o"), payload("abc"), within(seconds(60))));
  ASSERT_FALSE(object);
  EXPECT_EQ(object.error().code(), Errc::kCorrupt);
  EXPECT_EQ(attempts.size(), 3U);

  damaged(0);
  const auto made = time.run(store->create_multipart(spec("p"), within(seconds(60))));
  ASSERT_TRUE(made);
  PartTarget target(ObjectKey("p"), *made, PartNumber(2), ByteRange(ByteOffset(4), ByteOffset(7)));
  damaged(2);
  EXPECT_TRUE(time.run(store->put_part(target, payload("abc"), within(seconds(60)))));
  damaged(3);
  const auto part = time.run(store->put_part(target, payload("abc"), within(seconds(60))));
  ASSERT_FALSE(part);
  EXPECT_EQ(part.error().code(), Errc::kCorrupt);
  EXPECT_EQ(attempts.size(), 3U);
}

TEST_F(RetryingStoreTest, GivesUpAfterTheLastAttempt) {
  fail_first(UINT64_MAX, Fault::before(Errc::kTimedOut));
  EXPECT_EQ(error_of_stat(within(seconds(600))), Errc::kTimedOut);
  EXPECT_EQ(attempts.size(), 5U);
}

// An attempt whose reply was lost may have had its effect, whatever the last one says.
TEST_F(RetryingStoreTest, AnUnknownOutcomeStaysUnknown) {
  inner->faults().decide_by([](std::string_view, std::uint64_t number) -> std::optional<Fault> {
    return number == 0 ? Fault::before(Errc::kOutcomeUnknown) : Fault::before(Errc::kUnavailable);
  });
  const auto answer = time.run(store->put_object(spec("o"), payload("abc"), within(seconds(600))));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::kOutcomeUnknown);
  EXPECT_EQ(attempts.size(), 5U);
}

// The engine resolves it by looking for the object (G5).
TEST_F(RetryingStoreTest, CompletionWithALostReplyAnswersNotFoundAtTheSecondAttempt) {
  const auto made = time.run(store->create_multipart(spec("o"), within(seconds(60))));
  PartTarget target(ObjectKey("o"), *made, PartNumber(1), ByteRange(ByteOffset(0), ByteOffset(3)));
  const auto part = time.run(store->put_part(target, payload("abc"), within(seconds(60))));
  ASSERT_TRUE(part);
  inner->faults().fail_at(0, FaultPlan::Mode::kOnce, Fault::after(), "complete");
  Completion completion(spec("o"), *made, {*part}, ByteCount(3), std::nullopt);
  const auto answer = time.run(store->complete(completion, within(seconds(60))));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::kNotFound);
  EXPECT_EQ(inner->find_object("o")->token, UploadToken("token"));
}

TEST_F(RetryingStoreTest, EndsByTheDeadlineWithTheLastError) {
  RetryOptions options;
  options.attempts_max = 100;
  open(options);
  fail_first(UINT64_MAX, Fault::before(Errc::kUnavailable));
  for (int i = 0; i < 5; ++i) {
    const Instant began = time.now();
    EXPECT_EQ(error_of_stat(within(seconds(3))), Errc::kUnavailable);
    EXPECT_LE(time.now() - began, seconds(3));
  }
  fail_first(UINT64_MAX, Fault::before(Errc::kThrottled));
  const Instant began = time.now();
  EXPECT_EQ(error_of_stat(within(seconds(30))), Errc::kThrottled);
  EXPECT_LE(time.now() - began, seconds(30));
  EXPECT_EQ(error_of_stat(Deadline::never()), Errc::kThrottled);
}

TEST_F(RetryingStoreTest, ABudgetKeepsAnOutageFromMultiplyingTraffic) {
  RetryOptions options;
  options.budget_tokens = 10;
  options.budget_per_success = 0.5;
  open(options);
  fail_first(UINT64_MAX, Fault::before(Errc::kUnavailable));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(error_of_stat(within(seconds(600))), Errc::kUnavailable);
  }
  EXPECT_EQ(attempts.size(), 110U);  // one each, and the ten retries there were

  inner->faults().stop_failing();
  inner->put_foreign("o", "abc");
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(time.run(store->stat(ObjectKey("o"), within(seconds(60)))));
  }
  attempts.clear();
  fail_first(UINT64_MAX, Fault::before(Errc::kUnavailable));
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(error_of_stat(within(seconds(600))), Errc::kUnavailable);
  }
  EXPECT_EQ(attempts.size(), 12U);  // four successes earned two
}

// S-34: SlowDown for ten seconds: fewer calls at once, more again later, none fails.
TEST_F(RetryingStoreTest, S34ThrottlingNarrowsAndRecovers) {
  call_takes = milliseconds(50);
  Instant until = time.now() + seconds(5);
  const auto slow_down = [this, &until](std::string_view, std::uint64_t) -> std::optional<Fault> {
    const bool now = time.now() >= until && time.now() < until + seconds(10);
    if (now) return Fault::before(Errc::kThrottled);
    return std::nullopt;
  };
  inner->faults().decide_by(slow_down);
  inner->put_foreign("o", "abc");

  // Forty clients that do one thing after the other, for a minute and a half.
  const Instant end = time.now() + seconds(90);
  int good = 0;
  int bad = 0;
  for (int i = 0; i < 40; ++i) time.start(busy_client(end, &good, &bad));

  const auto most_within = [this](Duration span) {
    most_inside = 0;
    const std::size_t before = attempts.size();
    time.run_until(time.now() + span);
    return std::pair(most_inside, attempts.size() - before);
  };
  const auto healthy = most_within(seconds(5));
  EXPECT_EQ(healthy.first, 40);
  EXPECT_GE(healthy.second, 3900U);
  most_within(seconds(1));
  const auto throttled = most_within(seconds(9));
  EXPECT_LE(throttled.first, 10);
  EXPECT_LE(throttled.second, 400U);  // it would have been 7200
  most_within(seconds(45));
  const auto recovered = most_within(seconds(15));
  EXPECT_EQ(recovered.first, 40);
  EXPECT_GE(recovered.second, 11'500U);
  time.run_until(end + seconds(130));
  EXPECT_EQ(bad, 0);
  EXPECT_GT(good, 20'000);
  EXPECT_EQ(now_inside, 0);
}

// ------------------------------------------------------------------------- the limit by itself

Task<int> hold(AdaptiveLimit* limit, VirtualTime* time, Duration how_long,
               AdaptiveLimit::Answer answer, Deadline deadline) {
  AdaptiveLimit::Pass pass(limit);
  const bool entered = co_await pass.enter(deadline);
  if (!entered) co_return 0;
  const Instant end = time->now() + how_long;
  co_await time->sleep_until(end);
  pass.leave(answer);
  co_return 1;
}

using Answer = AdaptiveLimit::Answer;

TEST(AdaptiveLimitTest, OneWaveOfComplaintsHalvesOnce) {
  VirtualTime time;
  AdaptiveLimit limit(&time);
  for (int i = 0; i < 16; ++i) {
    time.start(hold(&limit, &time, seconds(1), Answer::kThrottled, Deadline::never()));
  }
  time.run_until(time.now() + milliseconds(1));
  EXPECT_EQ(limit.in_flight(), 16U);
  time.run_until(time.now() + seconds(2));
  EXPECT_EQ(limit.limit(), 8U);
  for (int i = 0; i < 5; ++i) {
    time.start(hold(&limit, &time, seconds(1), Answer::kThrottled, Deadline::never()));
    time.run_until(time.now() + seconds(2));
  }
  EXPECT_EQ(limit.limit(), 1U);
}

TEST(AdaptiveLimitTest, WaitersComeInOrderAndMayGiveUp) {
  VirtualTime time;
  AdaptiveLimit limit(&time);
  time.run(hold(&limit, &time, seconds(1), Answer::kThrottled, Deadline::never()));
  ASSERT_EQ(limit.limit(), 1U);
  const Instant began = time.now();
  const auto first =
      time.start(hold(&limit, &time, seconds(10), Answer::kOther, Deadline::never()));
  const auto late =
      time.start(hold(&limit, &time, seconds(1), Answer::kOther, Deadline(began + seconds(5))));
  const auto patient =
      time.start(hold(&limit, &time, seconds(1), Answer::kOther, Deadline(began + seconds(20))));
  time.run_until(began + seconds(4));
  EXPECT_EQ(limit.waiting(), 2U);
  time.run_until(began + seconds(6));
  EXPECT_EQ(limit.waiting(), 1U);
  EXPECT_EQ(late->value_or(-1), 0);
  EXPECT_FALSE(patient->has_value());
  time.run_until(began + seconds(12));
  EXPECT_EQ(first->value_or(-1), 1);
  EXPECT_EQ(patient->value_or(-1), 1);
  EXPECT_EQ(limit.in_flight(), 0U);
}

TEST(AdaptiveLimitTest, ACallThatIsGivenUpLeavesItsPlace) {
  VirtualTime time;
  AdaptiveLimit limit(&time);
  time.run(hold(&limit, &time, seconds(1), Answer::kThrottled, Deadline::never()));
  {
    AdaptiveLimit::Pass inside(&limit);
    EXPECT_TRUE(time.run(inside.enter(Deadline::never())));
    EXPECT_EQ(limit.in_flight(), 1U);
  }
  EXPECT_EQ(limit.in_flight(), 0U);
}

}  // namespace
}  // namespace sluice::stores
