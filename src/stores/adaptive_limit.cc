#include "stores/adaptive_limit.h"

#include <algorithm>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/system/system_error.hpp>

namespace sluice::stores {

namespace {

// After this long without a complaint the limit is taken back quickly.
constexpr Duration kCalm = std::chrono::seconds(10);

Task<void> wait_at_most(Signal* signal, Signal::Seen seen, Clock* clock, Instant until) {
  using boost::asio::experimental::awaitable_operators::operator||;
  if (until == Instant::max()) {
    co_await signal->wait(seen);
    co_return;
  }
  auto either = signal->wait(seen) || clock->sleep_until(until);
  try {
    const auto first = co_await std::move(either);
    static_cast<void>(first);  // the caller looks at its own state
  } catch (const boost::asio::multiple_exceptions&) {
    // Both were cancelled, and so are we.
    throw boost::system::system_error(boost::asio::error::operation_aborted);
  }
}

}  // namespace

Task<bool> AdaptiveLimit::Pass::enter(Deadline deadline) {
  if (limit_->queue_.empty() && limit_->has_room()) {
    limit_->begin(this);
    co_return true;
  }
  state_ = State::kWaiting;
  limit_->queue_.push_back(this);
  while (true) {
    const Signal::Seen seen = moved_.seen();
    if (state_ == State::kInside) co_return true;
    if (deadline.passed(limit_->clock_->now())) {
      leave(Answer::kOther);
      co_return false;
    }
    co_await wait_at_most(&moved_, seen, limit_->clock_, deadline.at());
  }
}

void AdaptiveLimit::Pass::leave(Answer answer) {
  switch (std::exchange(state_, State::kOutside)) {
    case State::kOutside:
      return;
    case State::kWaiting:
      std::erase(limit_->queue_, this);
      return;
    case State::kInside:
      break;
  }
  --limit_->in_flight_;
  limit_->learn(*this, answer);
  limit_->admit();
}

void AdaptiveLimit::begin(Pass* pass) {
  ++in_flight_;
  pass->state_ = Pass::State::kInside;
  pass->wave_ = wave_;
}

void AdaptiveLimit::learn(const Pass& pass, Answer answer) {
  const Instant now = clock_->now();
  switch (answer) {
    case Answer::kThrottled: {
      last_throttled_ = now;
      if (pass.wave_ != wave_) return;
      ++wave_;
      // Of what really was in flight, this call included; a limit nobody reaches limits nothing.
      const double used = std::min(limit_, static_cast<double>(in_flight_ + 1));
      limit_ = std::max(1.0, used / 2);
      return;
    }
    case Answer::kSuccess: {
      const bool calm = now - last_throttled_ >= kCalm;
      limit_ = std::min(static_cast<double>(kUnlimited), limit_ + (calm ? 1 : 1 / limit_));
      return;
    }
    case Answer::kOther:
      return;
  }
}

void AdaptiveLimit::admit() {
  while (!queue_.empty() && has_room()) {
    Pass* const next = queue_.front();
    queue_.pop_front();
    begin(next);
    next->moved_.notify_all();
  }
}

}  // namespace sluice::stores
