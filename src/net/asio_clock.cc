#include "net/asio_clock.h"

#include <chrono>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/steady.h"

namespace sluice::net {

namespace asio = boost::asio;

Instant AsioClock::now() const noexcept {
  return steady_now();
}

WallTime AsioClock::wall_now() const noexcept {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

Task<void> AsioClock::sleep_until(Instant when) {
  const Executor executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, to_steady(when));
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace sluice::net
