// Clock, randomness, signals, limits.
#include <array>
#include <atomic>
#include <csignal>
#include <set>
#include <thread>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/system/system_error.hpp>
#include <sys/resource.h>

#include "net/asio_clock.h"
#include "net/descriptor_limit.h"
#include "net/loop_threads.h"
#include "net/signal_waiter.h"
#include "net/system_random.h"
#include "net/test_support.h"

namespace sluice::net {
namespace {

using namespace testing;  // NOLINT: test helpers

Task<Duration> sleep_for(Clock* clock, Duration time) {
  const Instant start = clock->now();
  co_await clock->sleep_until(start + time);
  co_return clock->now() - start;
}

TEST(AsioClock, SleepsAsLongAsAsked) {
  boost::asio::io_context loop;
  AsioClock clock;
  const Duration slept = run(loop, sleep_for(&clock, 60ms));
  EXPECT_GE(slept, 60ms);
  EXPECT_LT(slept, 5s);
  EXPECT_LT(run(loop, sleep_for(&clock, -1s)), 5s);
}

TEST(AsioClock, CancelledSleepIsAborted) {
  boost::asio::io_context loop;
  AsioClock clock;
  boost::asio::cancellation_signal cancel;
  std::exception_ptr thrown;
  boost::asio::co_spawn(loop, clock.sleep_until(Instant::max()),
                        boost::asio::bind_cancellation_slot(
                            cancel.slot(), [&](const std::exception_ptr& e) { thrown = e; }));
  loop.run_for(20ms);
  EXPECT_FALSE(thrown);
  cancel.emit(boost::asio::cancellation_type::terminal);
  loop.run_for(1s);
  ASSERT_TRUE(thrown);
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& error) {
    EXPECT_EQ(error.code(), boost::asio::error::operation_aborted);
  }
}

TEST(AsioClock, WallClockIsOfThisCentury) {
  EXPECT_GT(AsioClock().wall_now(), WallTime(std::chrono::milliseconds(1'700'000'000'000)));
}

TEST(SystemRandom, FillsEverythingAndDoesNotRepeat) {
  SystemRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    std::vector<std::byte> bytes(32);
    random.fill(bytes);
    seen.insert(hex(bytes));
  }
  EXPECT_EQ(seen.size(), 100U);
  std::vector<std::byte> much(3U << 20);
  random.fill(much);
  EXPECT_NE(sha256(much), sha256(std::vector<std::byte>(3U << 20)));
  random.fill({});
}

TEST(SignalWaiter, TellsWhichSignalCame) {
  boost::asio::io_context loop;
  SignalWaiter waiter(loop.get_executor());
  for (const auto& [number, signal] :
       {std::pair{SIGHUP, ProcessSignal::kHangUp}, std::pair{SIGTERM, ProcessSignal::kTerminate},
        std::pair{SIGINT, ProcessSignal::kInterrupt}}) {
    ASSERT_EQ(std::raise(number), 0);  // before anybody waits: it is not lost
    EXPECT_EQ(run(loop, waiter.wait()), signal);
  }
}

TEST(SignalWaiter, BrokenPipesDoNotEndTheProcess) {
  ignore_sigpipe();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  EXPECT_EQ(::write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  ::close(ends[1]);
}

TEST(DescriptorLimit, SoftBecomesHard) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 100;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(raise_descriptor_limit().value(), before.rlim_max);
  rlimit after{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
}

TEST(LoopThreads, PostRunsOnTheLoopAskedFor) {
  LoopThreads loops(3);
  std::atomic<int> ran{0};
  std::array<std::thread::id, 3> ids;
  loops.start();
  for (std::size_t i = 0; i < 3; ++i) {
    loops.post(i, [&, i] {
      ids.at(i) = std::this_thread::get_id();
      ++ran;
    });
  }
  while (ran < 3) std::this_thread::yield();
  loops.stop();
  loops.join();
  EXPECT_EQ((std::set<std::thread::id>{ids[0], ids[1], ids[2]}).size(), 3U);
  EXPECT_EQ(loops.size(), 3U);
}

}  // namespace
}  // namespace sluice::net
