#include "hooks/forward_app.h"

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "hooks/forward_answer.h"
#include "hooks/forward_request.h"

namespace sluice::hooks {

namespace {

constexpr Duration kRetryPause = std::chrono::milliseconds(50);
// Permission does not depend on the body; it is read only to keep the connection.
constexpr Duration kIgnoredBodyTime = std::chrono::milliseconds(200);

bool connect_failed(const Error& error) {
  return error.code() == Errc::kUnavailable || error.code() == Errc::kTimedOut;
}

}  // namespace

ForwardApp::ForwardApp(AuthOptions options, AuthUrl url, fetch::HttpClient* client, Clock* clock,
                       Metrics* metrics, Log* log)
    : options_(std::move(options)),
      url_(std::move(url)),
      client_(client),
      clock_(clock),
      metrics_(metrics),
      log_(log) {}

Task<Result<AuthAnswer>> ForwardApp::authorize(AuthRequest request, Deadline deadline) {
  const Instant begin = clock_->now();
  deadline = deadline.tightened(begin + options_.timeout);
  auto headers = forward_headers(request, url_, options_.forward_headers);
  Result<AuthAnswer> answer = fail(Errc::kUnavailable, "");
  if (headers) {
    wire::Headers fields = std::move(*headers);
    answer = co_await ask(std::move(fields), deadline);
  } else {
    answer = fail(Errc::kUnavailable, headers.error().detail());
  }
  const Duration took = clock_->now() - begin;
  if (!answer) {
    metrics_->auth_request("error", took);
    log_->warn("authorization: no usable answer from the application",
               {{"request_id", request.request_id},
                {"reason", answer.error().detail()},
                {"ms", std::chrono::duration<double, std::milli>(took).count()}});
  } else if (std::holds_alternative<Denial>(*answer)) {
    metrics_->auth_request("deny", took);
    log_->debug("authorization: denied",
                {{"request_id", request.request_id}, {"status", std::get<Denial>(*answer).status}});
  } else {
    metrics_->auth_request("allow", took);
  }
  co_return answer;
}

Task<Result<AuthAnswer>> ForwardApp::ask(wire::Headers headers, Deadline deadline) {
  auto sent = co_await send(std::move(headers), deadline);
  if (!sent) {
    // Whatever the reason, the client may come back: nothing has been created.
    co_return fail(Errc::kUnavailable,
                   std::string(to_string(sent.error().code())) + ": " + sent.error().detail());
  }
  const std::unique_ptr<fetch::Response> response = std::move(*sent);
  const int status = response->status();
  if (status >= 200 && status <= 299) {
    auto grant = grant_from(response->headers());
    if (!grant) co_return fail(std::move(grant).error());
    const Deadline soon = deadline.tightened(clock_->now() + kIgnoredBodyTime);
    co_await body_of(response.get(), soon);
    co_return AuthAnswer(std::move(*grant));
  }
  if (status >= 400 && status <= 499) {
    auto body = co_await body_of(response.get(), deadline);
    co_return AuthAnswer(denial_from(status, response->headers(), std::move(body).value_or("")));
  }
  co_return fail(Errc::kUnavailable, "the application answered " + std::to_string(status));
}

Task<Result<std::unique_ptr<fetch::Response>>> ForwardApp::send(wire::Headers headers,
                                                                Deadline deadline) {
  for (int attempt = 1;; ++attempt) {
    fetch::Request request(url_.endpoint, "GET", url_.target);
    request.headers = headers;
    const bool fresh = attempt > 1;
    auto sent = co_await client_->send(std::move(request), deadline, fresh);
    if (sent || attempt > 1 || !connect_failed(sent.error())) co_return sent;
    const Instant wake = clock_->now() + kRetryPause;
    if (deadline.passed(wake)) co_return sent;
    co_await clock_->sleep_until(wake);
  }
}

Task<std::optional<std::string>> ForwardApp::body_of(fetch::Response* response, Deadline deadline) {
  std::string body;
  std::vector<std::byte> chunk(16U << 10);
  while (true) {
    const MutableBuffer into{chunk.data(), chunk.size()};
    auto got = co_await response->read(into, deadline);
    if (!got) co_return std::nullopt;
    if (*got == 0) co_return body;
    if (body.size() + *got > kDenialBodyMax) co_return std::nullopt;
    body.append(reinterpret_cast<const char*>(chunk.data()), *got);
  }
}

}  // namespace sluice::hooks
