#include "engine/wait.h"

#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>

namespace sluice::engine {

Task<bool> wait_until(Signal* signal, Signal::Seen seen, Clock* clock, Instant until) {
  using boost::asio::experimental::awaitable_operators::operator||;
  if (until == Instant::max()) {
    co_await signal->wait(seen);
    co_return true;
  }
  auto either = signal->wait(seen) || clock->sleep_until(until);
  const auto first = co_await std::move(either);
  co_return first.index() == 0 || signal->seen() != seen;
}

}  // namespace sluice::engine
