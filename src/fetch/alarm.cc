#include "fetch/alarm.h"

#include <exception>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

namespace sluice::fetch {

namespace asio = boost::asio;

struct Alarm::State {
  explicit State(std::function<void()> r) : ring(std::move(r)) {}
  std::function<void()> ring;  // empty: rung or switched off
  asio::cancellation_signal cancel;
};

Alarm::Alarm(const Executor& executor, Clock* clock, Instant when, std::function<void()> ring)
    : state_(std::make_shared<State>(std::move(ring))) {
  if (when == Instant::max()) return;
  // The sleeper touches only the state it holds: nobody has to wait for its end.
  auto on_end = [state = state_](const std::exception_ptr&) {};
  asio::co_spawn(executor, sleep(state_, clock, when),
                 asio::bind_cancellation_slot(state_->cancel.slot(), std::move(on_end)));
}

Alarm::~Alarm() {
  state_->ring = nullptr;
  state_->cancel.emit(asio::cancellation_type::terminal);
}

Task<void> Alarm::sleep(std::shared_ptr<State> state, Clock* clock, Instant when) {
  co_await clock->sleep_until(when);
  const std::function<void()> ring = std::exchange(state->ring, nullptr);
  if (ring) ring();
}

}  // namespace sluice::fetch
