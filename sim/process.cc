#include "sim/process.h"

#include <chrono>
#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "cleaner/sweeper.h"
#include "engine/run_on.h"
#include "sim/store.h"
#include "stores/retrying_store.h"

namespace sluice::sim {

namespace asio = boost::asio;

namespace {

constexpr Duration kHousekeeping = std::chrono::minutes(5);
constexpr Duration kCalmHousekeeping = std::chrono::minutes(30);  // for speed

void rethrow(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

}  // namespace

class Process::LaneClock final : public Clock {
 public:
  LaneClock(Outside* outside, LaneId lane, const Duration* skew)
      : outside_(outside), lane_(lane), skew_(skew) {}
  Instant now() const noexcept override { return outside_->context.now_of(lane_); }
  WallTime wall_now() const noexcept override {
    return outside_->clock.wall_now() +
           std::chrono::duration_cast<std::chrono::milliseconds>(*skew_);
  }
  Task<void> sleep_until(Instant when) override {
    return outside_->context.sleep_until(lane_, when);
  }

 private:
  Outside* const outside_;
  const LaneId lane_;
  const Duration* const skew_;
};

struct Process::Thread {
  explicit Thread(LaneClock c) : clock(c) {}
  LaneClock clock;
  Executor executor;
  std::unique_ptr<ObjectStore> store;
  std::unique_ptr<engine::UploadService> uploads;
};

Process::Process(Outside* outside, std::uint32_t place, std::uint64_t seed)
    : outside_(outside),
      id_(outside->context.add_process()),
      draw_(seed),
      line_(outside, "p" + std::to_string(place) + "." + std::to_string(id_)),
      log_(&outside->trace, line_.name()),
      state_(outside, &line_),
      pool_(ByteCount(outside->settings.pool_blocks * BlockPool::kBlockBytes)),
      registry_(engine::make_registry()) {
  const Settings& settings = outside->settings;
  pool_.on_pressure([this] {
    for (const auto& thread : threads_) thread->uploads->relieve_pressure();
  });
  for (std::uint32_t i = 0; i < settings.threads; ++i) {
    const LaneId lane = outside->context.add_lane(id_, settings.lag);
    auto thread = std::make_unique<Thread>(LaneClock(outside, lane, &wall_skew_));
    thread->executor = outside->context.executor(lane);
    stores::RetryServices retrying;
    retrying.clock = &thread->clock;
    retrying.random = &draw_;
    retrying.metrics = &metrics_;
    thread->store = stores::make_retrying_store(std::make_unique<SimStore>(outside, &line_),
                                                settings.retry, retrying);
    engine::Services services;
    services.executor = thread->executor;
    services.clock = &thread->clock;
    services.random = &draw_;
    services.log = &log_;
    services.metrics = &metrics_;
    services.state = &state_;
    services.store = thread->store.get();
    services.pool = &pool_;
    thread->uploads = std::make_unique<engine::UploadService>(services, settings.engine, registry_);
    threads_.push_back(std::move(thread));
  }
  tasks_ = std::make_unique<TaskScope>(threads_.front()->executor);
  tasks_->spawn(threads_.front()->uploads->recover());
  tasks_->spawn(housekeeping());
  outside_->note(name(), "starts");
}

Process::~Process() {
  SLUICE_CHECK(ended_);
}

Task<void> Process::housekeeping() {
  LaneClock* const clock = &threads_.front()->clock;
  while (true) {
    const Duration pause = outside_->calm ? kCalmHousekeeping : kHousekeeping;
    co_await clock->sleep_until(clock->now() + pause);
    co_await threads_.front()->uploads->recover();
  }
}

void Process::receive(core::Command command, std::shared_ptr<SimBody> body,
                      std::shared_ptr<Reply> reply) {
  Thread* const thread = threads_[next_thread_++ % threads_.size()].get();
  if (body) {
    body->attach(&thread->clock, &pool_);
    std::erase_if(bodies_, [](const auto& known) { return known.expired(); });
    bodies_.push_back(body);
  }
  std::erase_if(replies_, [](const auto& known) { return known.expired(); });
  replies_.push_back(reply);
  ++serving_;
  Task<void> serving = serve(thread, std::move(command), std::move(body), std::move(reply));
  asio::co_spawn(thread->executor, std::move(serving), rethrow);
}

Task<void> Process::serve(Thread* thread, core::Command command, std::shared_ptr<SimBody> body,
                          std::shared_ptr<Reply> reply) {
  const Asked asked = outside_->checker->asked(command.name);
  outside_->note(name(), "serves", command.name, command.verb.index());
  core::Outcome outcome =
      co_await thread->uploads->execute(std::move(command), core::Grant(), body.get());
  if (body) body->disconnect();
  --serving_;
  served_.notify_all();
  if (!line_.alive()) co_return;
  outside_->note(name(), "answers", asked.name, outcome.index());
  // What the engine says is a promise, whether or not the client still listens.
  outside_->checker->answered(asked, outcome);
  reply->outcome = std::move(outcome);
  reply->moved.notify_all();
}

void Process::kill() {
  outside_->note(name(), "is killed");
  line_.cut();
  for (const auto& known : bodies_) {
    if (const auto body = known.lock()) body->disconnect();
  }
  for (const auto& known : replies_) {
    const auto reply = known.lock();
    if (!reply || reply->outcome) continue;
    reply->broken = true;
    reply->moved.notify_all();
  }
  asio::co_spawn(threads_.front()->executor, stop_all(), rethrow);
  outside_->context.bury(id_);
  SLUICE_CHECK(ended_);
}

Task<void> Process::stop_all() {
  tasks_->cancel();
  co_await tasks_->join();
  outside_->trace.remark(name(), "stops its threads");
  TaskScope stopping(threads_.front()->executor);
  for (const auto& thread : threads_) {
    Task<void> stop = thread->uploads->stop();
    stopping.spawn(engine::run_on_void(thread->executor, std::move(stop)));
  }
  co_await stopping.join();
  while (serving_ > 0) {  // whose requests had arrived, and had not begun
    const Signal::Seen seen = served_.seen();
    if (serving_ == 0) break;
    co_await served_.wait(seen);
  }
  ended_ = true;
}

void Process::shut_down(bool* ended) {
  asio::co_spawn(threads_.front()->executor, shut_down_all(ended), rethrow);
}

Task<void> Process::shut_down_all(bool* ended) {
  outside_->note(name(), "shuts down");
  TaskScope draining(threads_.front()->executor);
  for (const auto& thread : threads_) {
    const Deadline soon(thread->clock.now() + std::chrono::seconds(5));
    Task<void> drain = thread->uploads->drain(soon);
    draining.spawn(engine::run_on_void(thread->executor, std::move(drain)));
  }
  co_await draining.join();
  co_await stop_all();
  *ended = true;
}

void Process::sweep(bool* ended) {
  asio::co_spawn(threads_.front()->executor, sweep_all(ended), rethrow);
}

Task<void> Process::sweep_all(bool* ended) {
  Thread* const thread = threads_.front().get();
  cleaner::SweepServices services;
  services.clock = &thread->clock;
  services.log = &log_;
  services.metrics = &metrics_;
  services.state = &state_;
  services.store = thread->store.get();
  services.abort = [uploads = thread->uploads.get()](UploadId id, std::string reason) {
    return uploads->abort(std::move(id), std::move(reason));
  };
  const cleaner::Report report =
      co_await cleaner::sweep(std::move(services), outside_->settings.cleaner, false);
  outside_->note(name(), "swept", {}, report.findings.size(), report.errors.size());
  *ended = true;
}

void Process::recover(bool* ended) {
  asio::co_spawn(threads_.front()->executor, recover_all(ended), rethrow);
}

Task<void> Process::recover_all(bool* ended) {
  co_await threads_.front()->uploads->recover();
  *ended = true;
}

void Process::jump_clock(Duration by) {
  outside_->note(name(), "clock jumps", {}, static_cast<std::uint64_t>(by.count()));
  wall_skew_ += by;
}

void Process::check_idle() {
  for (const auto& thread : threads_) {
    const auto status = thread->uploads->status();
    if (status.live_uploads > 0 || status.writers > 0) {
      outside_->violate(name() + " keeps uploads in memory although nothing happens");
    }
  }
  const BlockPool::Usage usage = pool_.usage();
  if (usage.taken.value() > 0 || usage.waiting > 0) {
    outside_->violate("G8: " + name() + " keeps blocks although nothing happens");
  }
}

}  // namespace sluice::sim
