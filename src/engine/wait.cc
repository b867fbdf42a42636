#include "engine/wait.h"

#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/system/system_error.hpp>

namespace sluice::engine {

Task<bool> wait_until(Signal* signal, Signal::Seen seen, Clock* clock, Instant until) {
  using boost::asio::experimental::awaitable_operators::operator||;
  if (until == Instant::max()) {
    co_await signal->wait(seen);
    co_return true;
  }
  auto either = signal->wait(seen) || clock->sleep_until(until);
  bool notified = false;
  try {
    const auto first = co_await std::move(either);
    notified = first.index() == 0;
  } catch (const boost::asio::multiple_exceptions&) {
    // Both were cancelled, and so are we.
    throw boost::system::system_error(boost::asio::error::operation_aborted);
  }
  co_return notified || signal->seen() != seen;
}

}  // namespace sluice::engine
