#include "net/signal_waiter.h"

#include <csignal>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace sluice::net {

namespace asio = boost::asio;

struct SignalWaiter::State {
  explicit State(const Executor& executor) : signals(executor, SIGTERM, SIGINT, SIGHUP) {}
  asio::signal_set signals;
};

SignalWaiter::SignalWaiter(const Executor& executor) : state_(std::make_shared<State>(executor)) {}

SignalWaiter::~SignalWaiter() {
  boost::system::error_code ignored;
  state_->signals.cancel(ignored);
}

Task<ProcessSignal> SignalWaiter::wait() {
  return wait_on(state_);
}

Task<ProcessSignal> SignalWaiter::wait_on(std::shared_ptr<State> state) {
  const int number = co_await state->signals.async_wait(asio::use_awaitable);
  if (number == SIGHUP) co_return ProcessSignal::kHangUp;
  if (number == SIGINT) co_return ProcessSignal::kInterrupt;
  co_return ProcessSignal::kTerminate;
}

void ignore_sigpipe() noexcept {
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
}

}  // namespace sluice::net
