// For the tests of the retrying store: time that passes only when nothing else can happen, metrics
// that remember retries, and random numbers of one's choice.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/check.h"
#include "base/signal.h"
#include "base/task.h"
#include "ports/clock.h"
#include "ports/metrics.h"
#include "ports/random.h"

namespace sluice::stores {

class VirtualTime final : public Clock {
 public:
  Instant now() const noexcept override { return now_; }
  WallTime wall_now() const noexcept override { return WallTime(std::chrono::hours(480'000)); }
  Task<void> sleep_until(Instant when) override {
    auto alarm = std::make_shared<Signal>();
    while (now_ < when) {
      const Signal::Seen seen = alarm->seen();
      alarms_.emplace(when, alarm);
      co_await alarm->wait(seen);
    }
  }

  // Starts a task; run() lets it happen.
  template <class T>
  std::shared_ptr<std::optional<T>> start(Task<T> task) {
    auto answer = std::make_shared<std::optional<T>>();
    auto done = [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    };
    boost::asio::co_spawn(context, keep<T>(std::move(task), answer), std::move(done));
    return answer;
  }
  // Lets everything happen that happens until `end`.
  void run_until(Instant end) {
    settle();
    while (!alarms_.empty() && alarms_.begin()->first <= end) {
      now_ = std::max(now_, alarms_.begin()->first);
      auto due = alarms_.extract(alarms_.begin());
      due.mapped()->notify_all();
      settle();
    }
    now_ = std::max(now_, end);
  }
  template <class T>
  T run(Task<T> task) {
    const auto answer = start(std::move(task));
    settle();
    while (!answer->has_value()) {
      SLUICE_CHECK(!alarms_.empty());
      run_until(alarms_.begin()->first);
    }
    return std::move(**answer);
  }

  boost::asio::io_context context{1};

 private:
  template <class T>
  static Task<void> keep(Task<T> task, std::shared_ptr<std::optional<T>> answer) {
    auto value = co_await std::move(task);
    answer->emplace(std::move(value));
  }
  void settle() {
    context.restart();
    while (context.poll() > 0) context.restart();
  }
  Instant now_{std::chrono::hours(1)};
  std::multimap<Instant, std::shared_ptr<Signal>> alarms_;
};

// The given numbers, one per call of below(), then a fixed sequence without an end.
class ChosenRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) override {
    if (!next.empty() && out.size() == sizeof next.front()) {
      std::copy_n(std::as_bytes(std::span(&next.front(), 1)).begin(), out.size(), out.begin());
      next.pop_front();
      return;
    }
    for (std::byte& b : out) {
      state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
      b = static_cast<std::byte>(state_ >> 56);
    }
  }
  void then(Duration pause) { next.push_back(static_cast<std::uint64_t>(pause.count())); }

  std::deque<std::uint64_t> next;

 private:
  std::uint64_t state_ = 1;
};

class RetryMetrics final : public Metrics {
 public:
  void http_request(std::string_view, std::string_view, int, Duration) override {}
  void connection_opened() override {}
  void connection_closed() override {}
  void received(ByteCount) override {}
  void stored(ByteCount) override {}
  void discarded(std::string_view, ByteCount) override {}
  void upload_created() override {}
  void upload_finished(std::string_view) override {}
  void upload_resumed() override {}
  void parked(ByteCount) override {}
  void store_request(std::string_view, std::string_view, Duration) override {}
  void store_retry(std::string_view operation) override { ++retries[std::string(operation)]; }
  void auth_request(std::string_view, Duration) override {}
  void swept(std::uint64_t, ByteCount) override {}
  void orphans(std::uint64_t, ByteCount) override {}

  std::map<std::string, int> retries;
};

}  // namespace sluice::stores
