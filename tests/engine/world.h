// A small world around the unchanged engine: virtual time, a store and a state database as models
// with faults, clients that speak in commands. The store and the database outlive a "process".
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/block_pool.h"
#include "base/check.h"
#include "engine/upload_service.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "ports/metrics.h"
#include "ports/random.h"
#include "statedb/memory_state_db.h"
#include "stores/memory_store.h"

namespace sluice::engine {

// Time passes when nothing else can happen.
class VirtualClock final : public Clock {
 public:
  Instant now() const noexcept override { return now_; }
  WallTime wall_now() const noexcept override {
    return WallTime(std::chrono::seconds(1'700'000'000)) +
           std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch());
  }
  Task<void> sleep_until(Instant when) override {
    Signal wake;
    const Entry entry(this, when, &wake);
    while (now_ < when) {
      const Signal::Seen seen = wake.seen();
      if (now_ >= when) break;
      co_await wake.wait(seen);
    }
  }
  // Jumps to the next moment somebody waits for. False: nobody waits.
  bool advance() {
    if (sleepers_.empty()) return false;
    Instant next = Instant::max();
    for (const auto& [when, signal] : sleepers_) next = std::min(next, when);
    now_ = std::max(now_, next);
    for (const auto& [when, signal] : sleepers_) {
      if (when <= now_) signal->notify_all();
    }
    return true;
  }
  // Time that passes while nobody looks.
  void pass(Duration time) { now_ += time; }
  // Nearest moment somebody waits for.
  Instant next() const {
    Instant next = Instant::max();
    for (const auto& [when, signal] : sleepers_) next = std::min(next, when);
    return next;
  }

 private:
  struct Entry {
    Entry(VirtualClock* c, Instant when, Signal* signal) : clock(c), wake(signal) {
      clock->sleepers_.emplace_back(when, signal);
    }
    ~Entry() {
      std::erase_if(clock->sleepers_, [&](const auto& s) { return s.second == wake; });
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    VirtualClock* clock;
    Signal* wake;
  };
  Instant now_{std::chrono::seconds(1000)};
  std::vector<std::pair<Instant, Signal*>> sleepers_;
};

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed * 2 + 1) {}
  void fill(std::span<std::byte> out) override {
    for (std::byte& b : out) {
      state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
      b = static_cast<std::byte>(state_ >> 56);
    }
  }

 private:
  std::uint64_t state_;
};

class SilentLog final : public Log {
 public:
  bool enabled(LogLevel) const noexcept override { return false; }
  void write(LogLevel, std::string_view, std::initializer_list<LogField>) override {}
};

class CountingMetrics final : public Metrics {
 public:
  void http_request(std::string_view, std::string_view, int, Duration) override {}
  void connection_opened() override {}
  void connection_closed() override {}
  void received(ByteCount bytes) override { received_bytes += bytes; }
  void stored(ByteCount bytes) override { stored_bytes += bytes; }
  void discarded(std::string_view, ByteCount bytes) override { discarded_bytes += bytes; }
  void upload_created() override {}
  void upload_finished(std::string_view outcome) override { finished.emplace_back(outcome); }
  void upload_resumed() override {}
  void parked(ByteCount) override { ++parks; }
  void store_request(std::string_view, std::string_view, Duration) override {}
  void store_retry(std::string_view) override {}
  void auth_request(std::string_view, Duration) override {}
  void swept(std::uint64_t, ByteCount) override {}
  void orphans(std::uint64_t, ByteCount) override {}

  ByteCount received_bytes, stored_bytes, discarded_bytes;
  std::vector<std::string> finished;
  int parks = 0;
};

// A request body from memory: pieces, then an end. A piece may wait until it is released.
class FakeBody final : public BodySource {
 public:
  explicit FakeBody(std::string bytes, Errc end_error = Errc::kCancelled, bool clean = true)
      : bytes_(std::move(bytes)), end_error_(end_error), clean_(clean) {}
  static FakeBody cut(std::string bytes) { return FakeBody(std::move(bytes), Errc::kDisconnected, false); }
  static FakeBody stalled(std::string bytes) { return FakeBody(std::move(bytes), Errc::kTimedOut, false); }

  // Holds the end of the body back until go() or interrupt().
  void hold() { hold_at(bytes_.size()); }
  // The same for everything behind the first `n` bytes.
  void hold_at(std::size_t n) {
    held_ = true;
    held_at_ = n;
  }
  void go() {
    held_ = false;
    moved_.notify_all();
  }
  void batch(std::size_t n) { batch_ = n; }

  Task<Result<Bytes>> read(ByteCount max) override {
    ++reads;
    if (interrupted_) co_return fail(Errc::kCancelled, "interrupted");
    while (held_ && at_ >= held_at_ && !interrupted_) {
      const Signal::Seen seen = moved_.seen();
      if (!held_ || interrupted_) break;
      co_await moved_.wait(seen);
    }
    if (interrupted_) co_return fail(Errc::kCancelled, "interrupted");
    const std::size_t here = held_ ? held_at_ : bytes_.size();
    const std::size_t n = std::min({static_cast<std::size_t>(max.value()), batch_, here - at_});
    if (n > 0) {
      Bytes piece = Bytes::copy_of(std::string_view(bytes_).substr(at_, n));
      at_ += n;
      co_return piece;
    }
    if (!clean_) co_return fail(end_error_, "the line broke");
    co_return Bytes();
  }
  void durable(ByteOffset end) noexcept override { told.push_back(end.value()); }
  void interrupt() noexcept override {
    interrupted_ = true;
    moved_.notify_all();
  }
  void let_go() noexcept override {}
  std::size_t taken() const { return at_; }

  std::vector<std::uint64_t> told;  // durable()
  int reads = 0;

 private:
  std::string bytes_;
  std::size_t at_ = 0;
  std::size_t batch_ = 5;
  Errc end_error_;
  bool clean_;
  bool held_ = false;
  std::size_t held_at_ = 0;
  bool interrupted_ = false;
  Signal moved_;
};

inline core::StoreLimits tiny_limits() {
  core::StoreLimits limits;
  limits.part_min = ByteCount(4);
  limits.part_max = ByteCount(1 << 20);
  limits.part_multiple = ByteCount(1);
  limits.parts_max = 1000;
  limits.object_max = ByteCount(1 << 30);
  limits.single_put_max = ByteCount(1 << 20);
  return limits;
}

// What outlives the process.
struct Outside {
  Outside() : store(options()) {}
  stores::MemoryStoreOptions options() {
    stores::MemoryStoreOptions o;
    o.limits = tiny_limits();
    o.clock = &clock;
    return o;
  }
  VirtualClock clock;
  boost::asio::io_context context{1};
  stores::MemoryStore store;
  statedb::MemoryStateDb state;
};

// One process.
class World {
 public:
  explicit World(Outside* outside, std::uint64_t seed = 1, ByteCount part_size = ByteCount(8),
                 ByteCount budget = ByteCount(4 << 20))
      : out(outside), pool(budget), random_(seed) {
    EngineOptions options;
    options.part_size = part_size;
    options.memory_budget = budget;
    Services services;
    services.executor = out->context.get_executor();
    services.clock = &out->clock;
    services.random = &random_;
    services.log = &log_;
    services.metrics = &metrics;
    services.state = &out->state;
    services.store = &out->store;
    services.pool = &pool;
    service.emplace(services, options, make_registry());
    pool.on_pressure([this] {
      if (service) service->relieve_pressure();
    });
  }
  ~World() { stop(); }

  // Orderly end; what was acknowledged is durable anyway.
  void stop() {
    if (!service) return;
    run_void(service->drain(Deadline(out->clock.now())));
    run_void(service->stop());
    service.reset();
  }

  core::Outcome run(Task<core::Outcome> task) {
    std::optional<core::Outcome> outcome;
    auto done = [&](const std::exception_ptr& error, core::Outcome value) {
      if (error) std::rethrow_exception(error);
      outcome = std::move(value);
    };
    boost::asio::co_spawn(out->context, std::move(task), done);
    drive([&] { return outcome.has_value(); });
    return std::move(*outcome);
  }
  void run_void(Task<void> task) {
    bool ended = false;
    auto done = [&](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
      ended = true;
    };
    boost::asio::co_spawn(out->context, std::move(task), done);
    drive([&] { return ended; });
  }
  // Lets everything happen that happens within this time.
  void pass(Duration time) {
    const Instant end = out->clock.now() + time;
    settle_events();
    while (out->clock.next() <= end && out->clock.advance()) settle_events();
    out->clock.pass(end - out->clock.now());
  }
  void settle_events() {
    out->context.restart();
    while (out->context.poll() > 0) out->context.restart();
  }

  static core::Command command(std::string name, decltype(core::Command::verb) verb) {
    core::Command c;
    c.name = std::move(name);
    c.verb = verb;
    c.attributes.content_type = "video/mp4";
    return c;
  }
  Task<core::Outcome> start_put(std::string name, FakeBody* body, std::optional<std::uint64_t> total) {
    core::Append a;
    a.ends_object = true;
    if (total) {
      a.total = ByteCount(*total);
      a.length = ByteCount(*total);
    }
    return service->execute(command(std::move(name), a), core::Grant(), body);
  }
  Task<core::Outcome> start_range(std::string name, std::uint64_t begin, std::optional<std::uint64_t> length,
                                  std::optional<std::uint64_t> total, FakeBody* body) {
    core::Append a;
    a.begin = ByteOffset(begin);
    if (length) a.length = ByteCount(*length);
    if (total) a.total = ByteCount(*total);
    return service->execute(command(std::move(name), a), core::Grant(), body);
  }
  core::Outcome put(std::string name, FakeBody* body, std::optional<std::uint64_t> total) {
    return run(start_put(std::move(name), body, total));
  }
  core::Outcome range(std::string name, std::uint64_t begin, std::optional<std::uint64_t> length,
                      std::optional<std::uint64_t> total, FakeBody* body) {
    return run(start_range(std::move(name), begin, length, total, body));
  }
  core::Outcome query(std::string name, std::optional<std::uint64_t> total = std::nullopt) {
    core::Query q;
    if (total) q.total = ByteCount(*total);
    return run(service->execute(command(std::move(name), q), core::Grant(), nullptr));
  }
  core::Outcome cancel(std::string name) {
    return run(service->execute(command(std::move(name), core::Cancel()), core::Grant(), nullptr));
  }

  Outside* const out;
  BlockPool pool;
  CountingMetrics metrics;
  std::optional<UploadService> service;

 private:
  template <class Done>
  void drive(Done done) {
    for (int steps = 0; !done(); ++steps) {
      SLUICE_CHECK(steps < 1'000'000);
      out->context.restart();
      if (out->context.poll() > 0) continue;
      if (!out->clock.advance()) SLUICE_CHECK(done());  // a dead-lock
    }
  }
  SeededRandom random_;
  SilentLog log_;
};

}  // namespace sluice::engine
