#include "net/resolve.h"

#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/steady.h"

namespace sluice::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

enum class Ended : std::uint8_t { kAnswered, kTimedOut, kAborted };

struct Answer {
  Ended ended = Ended::kTimedOut;
  error_code error;
  tcp::resolver::results_type results;
};
// Behind a pointer: what passes through Asio's completion stays small and is moved, not copied.
using AnswerPtr = std::shared_ptr<Answer>;

// The resolver's answer, the timer and the cancellation race for the handler. Held by the first
// two.
template <class Handler>
class Race : public std::enable_shared_from_this<Race<Handler>> {
 public:
  Race(const Executor& executor, Handler handler)
      : resolver_(executor), timer_(executor), handler_(std::move(handler)) {}

  void start(const std::string& host, std::uint16_t port, Deadline deadline) {
    auto slot = asio::get_associated_cancellation_slot(*handler_);
    if (slot.is_connected()) {
      slot.assign([weak = this->weak_from_this()](asio::cancellation_type) {
        const auto self = weak.lock();
        if (self) self->finish(Ended::kAborted, {}, {});
      });
    }
    if (!deadline.is_never()) {
      timer_.expires_at(to_steady(deadline.at()));
      timer_.async_wait([self = this->shared_from_this()](error_code error) {
        if (!error) self->finish(Ended::kTimedOut, {}, {});
      });
    }
    resolver_.async_resolve(
        host, std::to_string(port), tcp::resolver::numeric_service,
        [self = this->shared_from_this()](error_code error, tcp::resolver::results_type results) {
          self->finish(Ended::kAnswered, error, std::move(results));
        });
  }

 private:
  void finish(Ended ended, error_code error, tcp::resolver::results_type results) {
    if (!handler_) return;
    Handler handler = std::move(*handler_);
    handler_.reset();
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (ended != Ended::kAborted && slot.is_connected()) slot.clear();
    timer_.cancel();
    resolver_.cancel();
    auto answer = std::make_shared<Answer>();
    answer->ended = ended;
    answer->error = error;
    answer->results = std::move(results);
    const error_code thrown =
        ended == Ended::kAborted ? error_code(asio::error::operation_aborted) : error_code();
    auto resume = [h = std::move(handler), thrown, answer]() mutable {
      std::move(h)(thrown, std::move(answer));
    };
    asio::post(resolver_.get_executor(), std::move(resume));
  }

  tcp::resolver resolver_;
  asio::steady_timer timer_;
  std::optional<Handler> handler_;
};

Task<AnswerPtr> ask(Executor executor, std::string host, std::uint16_t port, Deadline deadline) {
  auto initiate = [executor, host = std::move(host), port, deadline](auto handler) {
    using Handler = decltype(handler);
    const auto race = std::make_shared<Race<Handler>>(executor, std::move(handler));
    race->start(host, port, deadline);
  };
  return asio::async_initiate<const asio::use_awaitable_t<>&, void(error_code, AnswerPtr)>(
      initiate, asio::use_awaitable);
}

}  // namespace

Task<Result<std::vector<SocketAddress>>> resolve(Executor executor, std::string host,
                                                 std::uint16_t port, Deadline deadline) {
  std::vector<SocketAddress> addresses;
  const auto literal = SocketAddress::parse(host, port);
  if (literal) {
    addresses.push_back(*literal);
    co_return addresses;
  }
  const AnswerPtr answer = co_await ask(executor, host, port, deadline);
  if (answer->ended == Ended::kTimedOut) co_return fail(Errc::kTimedOut, "resolving " + host);
  if (answer->error) {
    co_return fail(Errc::kUnavailable, "resolving " + host + ": " + answer->error.message());
  }
  for (const auto& entry : answer->results) {
    const tcp::endpoint endpoint = entry.endpoint();
    addresses.emplace_back(endpoint.data(), static_cast<socklen_t>(endpoint.size()));
  }
  if (addresses.empty()) co_return fail(Errc::kUnavailable, "no address for " + host);
  co_return addresses;
}

}  // namespace sluice::net
