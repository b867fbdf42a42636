#include "fetch/connection_pool.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "fetch/alarm.h"

namespace sluice::fetch {

// A caller's right to a connection, from its arrival until the connection is there. Whoever gives
// up half-way passes the room on.
class ConnectionPool::Turn {
 public:
  explicit Turn(const std::shared_ptr<ConnectionPool>& pool) : pool_(pool), signal_(pool) {}
  ~Turn() {
    const auto pool = pool_.lock();
    if (!pool) return;
    std::erase(pool->waiting_, this);
    if (granted_) pool->leave();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  Signal* signal() const noexcept { return signal_.get(); }
  bool granted() const noexcept { return granted_; }
  // Precondition: the pool has counted it.
  void grant() {
    granted_ = true;
    signal()->notify_all();
  }
  // The connection counts from now on.
  std::unique_ptr<Connection> use(std::unique_ptr<Stream> stream, bool reused) {
    SLUICE_CHECK(granted_);
    granted_ = false;
    return std::make_unique<Connection>(pool_, std::move(stream), reused);
  }

 private:
  const std::weak_ptr<ConnectionPool> pool_;
  const SignalLease signal_;
  bool granted_ = false;
};

Connection::~Connection() {
  if (!stream_) return;
  stream_.reset();
  const auto pool = pool_.lock();
  if (pool) pool->leave();
}

void Connection::give_back(std::unique_ptr<Connection> connection) {
  const auto pool = connection->pool_.lock();
  if (!pool) return;
  pool->keep(std::move(connection->stream_));
  pool->leave();
}

ConnectionPool::SignalLease::SignalLease(const std::shared_ptr<ConnectionPool>& pool)
    : pool_(pool), at_(pool->signals_.emplace(pool->signals_.end())) {}

ConnectionPool::SignalLease::~SignalLease() {
  const auto pool = pool_.lock();
  if (pool) pool->signals_.erase(at_);
}

ConnectionPool::ConnectionPool(Executor executor, Clock* clock, Dialer* dialer, Endpoint endpoint,
                               ClientOptions options)
    : executor_(std::move(executor)),
      clock_(clock),
      dialer_(dialer),
      endpoint_(std::move(endpoint)),
      options_(options) {
  SLUICE_CHECK(options_.connections_max > 0);
}

Task<Result<std::unique_ptr<Connection>>> ConnectionPool::take(Reuse reuse, Deadline deadline) {
  Turn turn(shared_from_this());
  auto my_turn = co_await wait_turn(&turn, deadline);
  if (!my_turn) co_return fail(std::move(my_turn).error());

  drop_expired();
  while (reuse != Reuse::kNever && !idle_.empty()) {
    // The youngest: the least likely to have been closed, and the others may grow old.
    std::unique_ptr<Stream> stream = std::move(idle_.back().stream);
    idle_.pop_back();
    if (reuse == Reuse::kAny) co_return turn.use(std::move(stream), true);
    const Deadline now(clock_->now());
    const auto spoke = co_await stream->wait_readable(1, now);
    const bool quiet = !spoke && spoke.error().code() == Errc::kTimedOut;
    if (quiet) co_return turn.use(std::move(stream), true);
  }
  // An idle connection that may not be used makes room for a new one.
  if (on_loan_ + idle_.size() > options_.connections_max) idle_.erase(idle_.begin());

  const Deadline dial_deadline = deadline.tightened(clock_->now() + options_.connect_time);
  auto stream = co_await dialer_->connect(endpoint_, dial_deadline);
  if (!stream) co_return fail(std::move(stream).error());
  co_return turn.use(std::move(*stream), false);
}

Task<Result<Ok>> ConnectionPool::wait_turn(Turn* turn, Deadline deadline) {
  if (waiting_.empty() && has_room()) {
    ++on_loan_;
    turn->grant();
    co_return Ok{};
  }
  waiting_.push_back(turn);
  const Alarm alarm(executor_, clock_, deadline.at(),
                    [signal = turn->signal()] { signal->notify_all(); });
  while (true) {
    const Signal::Seen seen = turn->signal()->seen();
    if (turn->granted()) co_return Ok{};
    if (deadline.passed(clock_->now())) {
      co_return fail(Errc::kTimedOut, "no free connection to " + endpoint_.host);
    }
    co_await turn->signal()->wait(seen);
  }
}

// Idle connections do not count: one of them is used, or closed for a new one.
bool ConnectionPool::has_room() const noexcept {
  return on_loan_ < options_.connections_max;
}

void ConnectionPool::leave() {
  SLUICE_CHECK(on_loan_ > 0);
  --on_loan_;
  admit();
}

void ConnectionPool::admit() {
  while (!waiting_.empty() && has_room()) {
    Turn* const next = waiting_.front();
    waiting_.pop_front();
    ++on_loan_;
    next->grant();
  }
}

void ConnectionPool::keep(std::unique_ptr<Stream> stream) {
  drop_expired();
  if (options_.idle_max == 0) return;
  if (idle_.size() >= options_.idle_max) idle_.erase(idle_.begin());
  idle_.emplace_back(std::move(stream), clock_->now());
}

void ConnectionPool::drop_expired() {
  const Instant limit = clock_->now() - options_.idle_time;
  const auto alive = std::find_if(idle_.begin(), idle_.end(),
                                  [limit](const Idle& idle) { return idle.since > limit; });
  idle_.erase(idle_.begin(), alive);
}

}  // namespace sluice::fetch
