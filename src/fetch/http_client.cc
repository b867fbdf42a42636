#include "fetch/http_client.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "fetch/connection_pool.h"
#include "fetch/exchange.h"
#include "fetch/live_response.h"
#include "fetch/request_head.h"

namespace sluice::fetch {

namespace {

using ResponsePtr = std::unique_ptr<Response>;
using ExchangePtr = std::shared_ptr<Exchange>;

constexpr std::size_t kBodyGulp = 64U << 10;

// Which of the kept connections this request may be sent on. One that cannot be sent again wants
// more certainty.
Reuse reuse_for(const Request& request, bool fresh) noexcept {
  if (fresh) return Reuse::kNever;
  return request.resend_safe && !request.producer ? Reuse::kAny : Reuse::kQuiet;
}

// A request that may be repeated, on a kept connection the server may have been about to close.
bool may_repeat(const Exchange& exchange, bool reused, const Request& request) noexcept {
  return reused && request.resend_safe && !exchange.producer_started();
}

// The connection was closed while our request was on its way: no answer at all, or the words some
// servers leave on a connection that was idle too long.
bool was_stale(const Exchange& exchange, const Result<wire::ParsedResponse>& answer) {
  if (answer) return answer->head.status == 408 && !answer->keep_alive;
  return answer.error().code() == Errc::kDisconnected && !exchange.answered();
}

Error no_answer(const Error& error) {
  return Error(Errc::kOutcomeUnknown, "no whole answer: " + error.detail());
}

}  // namespace

class HttpClient::Impl {
 public:
  Impl(Executor executor, Clock* clock, Dialer* dialer, ClientOptions options)
      : executor_(std::move(executor)), clock_(clock), dialer_(dialer), options_(options) {}

  Executor executor() const { return executor_; }
  Clock* clock() const noexcept { return clock_; }

  ConnectionPool* pool(const Endpoint& endpoint) {
    auto& pool = pools_[endpoint];
    if (!pool) {
      pool = std::make_shared<ConnectionPool>(executor_, clock_, dialer_, endpoint, options_);
    }
    return pool.get();
  }

 private:
  const Executor executor_;
  Clock* const clock_;
  Dialer* const dialer_;
  const ClientOptions options_;
  std::map<Endpoint, std::shared_ptr<ConnectionPool>> pools_;
};

HttpClient::HttpClient(Executor executor, Clock* clock, Dialer* dialer, ClientOptions options)
    : impl_(std::make_unique<Impl>(std::move(executor), clock, dialer, options)) {}

HttpClient::~HttpClient() = default;

Task<Result<ResponsePtr>> HttpClient::send(Request request, Deadline deadline, bool fresh) {
  SLUICE_CO_TRY(std::string head, make_request_head(request));
  ConnectionPool* const pool = impl_->pool(request.endpoint);
  const auto outgoing = std::make_shared<const Outgoing>(std::move(request), std::move(head));
  bool repeated = fresh;
  while (true) {
    const Reuse reuse = reuse_for(outgoing->request, repeated);
    auto connection = co_await pool->take(reuse, deadline);
    if (!connection) co_return fail(std::move(connection).error());
    if (deadline.passed(impl_->clock()->now())) {
      co_return fail(Errc::kTimedOut, "deadline passed before the request was sent");
    }
    const bool reused = (*connection)->reused();
    const auto exchange = std::make_shared<Exchange>(std::move(*connection), outgoing);
    auto answer =
        co_await Exchange::run(exchange, impl_->executor(), impl_->clock(), pool, deadline);
    const bool stale =
        may_repeat(*exchange, reused, outgoing->request) && was_stale(*exchange, answer);
    if (!stale && !answer && exchange->producer_failed()) co_return fail(std::move(answer).error());
    if (!stale && !answer) co_return fail(no_answer(answer.error()));
    if (!stale) {
      auto input = exchange->take_input();
      co_return std::make_unique<LiveResponse>(std::move(*answer), exchange->release(),
                                               std::move(input), exchange->sent());
    }
    repeated = true;  // on a new connection, so this is the last time
  }
}

Task<Result<FullResponse>> HttpClient::fetch(Request request, std::size_t body_max,
                                             Deadline deadline, bool fresh) {
  auto sent = co_await send(std::move(request), deadline, fresh);
  if (!sent) co_return fail(std::move(sent).error());
  const ResponsePtr response = std::move(*sent);
  FullResponse full;
  full.status = response->status();
  full.headers = response->headers();
  while (true) {
    const std::size_t have = full.body.size();
    // One byte more than allowed shows that there is more.
    const std::size_t room = std::min(kBodyGulp, body_max - have) + 1;
    full.body.resize(have + room);
    MutableBuffer into;
    into.data = reinterpret_cast<std::byte*>(full.body.data() + have);
    into.size = room;
    const auto n = co_await response->read(into, deadline);
    full.body.resize(have + n.value_or(0));
    if (!n) co_return fail(n.error());
    if (*n == 0) break;
    if (full.body.size() > body_max) co_return fail(Errc::kTooLarge, "answer is too large");
  }
  full.body.shrink_to_fit();
  co_return full;
}

}  // namespace sluice::fetch
