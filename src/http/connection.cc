#include "http/connection.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "http/request_id.h"
#include "wire/http1.h"

namespace sluice::http {

namespace {

constexpr std::size_t kReadStep = 4U << 10;

bool is_clean(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// RFC 9110 10.1.1: the only expectation there is. HTTP/1.0 clients have none.
bool has_other_expectation(const wire::RequestHead& head) {
  if (head.minor_version < 1) return false;
  for (const wire::Header& header : head.headers.list()) {
    if (equals_ignoring_case(header.name, "Expect") &&
        !equals_ignoring_case(header.value, "100-continue")) {
      return true;
    }
  }
  return false;
}

// The head as it goes out. Framing and connection fields are ours, whatever the handler says.
std::string compose(const Answer& answer, const Request* request, const std::string& id,
                    bool keep) {
  wire::ResponseHead head;
  head.status = answer.head.status;
  if (is_clean(answer.head.reason)) head.reason = answer.head.reason;
  for (const wire::Header& header : answer.head.headers.list()) {
    // A value that would break out of its line must not get here; if one does, it goes no further.
    if (!is_clean(header.name) || !is_clean(header.value)) continue;
    head.headers.add(header.name, header.value);
  }
  for (const char* ours : {"Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive"}) {
    head.headers.remove(ours);
  }
  head.headers.set("X-Request-Id", id);
  const bool to_head = request != nullptr && request->head().method == "HEAD";
  if (head.status != 204 && head.status != 304 && !(to_head && answer.body.empty())) {
    head.headers.add("Content-Length", std::to_string(answer.body.size()));
  }
  if (!keep) {
    head.headers.add("Connection", "close");
  } else if (request != nullptr && request->head().minor_version == 0) {
    head.headers.add("Connection", "keep-alive");
  }
  return wire::write_response_head(head);
}

}  // namespace

Connection::Connection(Services services, const HttpOptions* options,
                       std::unique_ptr<Stream> stream)
    : services_(std::move(services)), options_(options), stream_(std::move(stream)) {}

Connection::~Connection() = default;

Task<void> Connection::serve() {
  bool more = true;
  while (more) {
    const Next next = co_await next_request();
    if (const auto* request = std::get_if<std::shared_ptr<const Request>>(&next)) {
      const bool keep = co_await exchange(*request);
      more = keep;
      first_ = false;
    } else {
      if (const auto* problem = std::get_if<core::Problem>(&next)) co_await refuse(*problem);
      more = false;
    }
  }
  stream_->close();
}

void Connection::stop() noexcept {
  stopping_ = true;
  if (idle_) stream_->cancel_read();
}

Task<Connection::Next> Connection::next_request() {
  // Some old clients send an empty line behind a body.
  if (received_ == "\r\n") received_.clear();
  if (received_.empty()) {
    received_.shrink_to_fit();  // most connections wait most of the time
    if (stopping_) co_return Ended();
    const auto patience = first_ ? options_->header_timeout : options_->idle_timeout;
    const Deadline deadline(services_.clock->now() + patience);
    idle_ = true;
    const auto ready = co_await stream_->wait_readable(1, deadline);
    idle_ = false;
    if (!ready) co_return Ended();
  }
  wire::Http1Limits limits;
  limits.head_bytes_max = options_->header_bytes_max;
  const Deadline deadline(services_.clock->now() + options_->header_timeout);
  while (true) {
    auto parsed = wire::parse_request_head(received_, limits);
    if (!parsed) co_return judge(parsed.error());
    if (*parsed) {
      wire::RequestHead& head = (*parsed)->head;
      received_.erase(0, (*parsed)->consumed);
      std::string id = request_id(head.headers, services_.random);
      co_return std::make_shared<const Request>(std::move(head), std::move(id), stream_->peer(),
                                                stream_->encrypted());
    }
    const std::size_t had = received_.size();
    received_.resize(had + kReadStep);
    std::vector<MutableBuffer> into;
    into.push_back(MutableBuffer{reinterpret_cast<std::byte*>(received_.data()) + had, kReadStep});
    const auto got = co_await stream_->read(std::move(into), deadline);
    received_.resize(had + (got ? *got : 0));
    if (!got && got.error().code() == Errc::kTimedOut && had > 0) {
      co_return core::Problem(core::ProblemType::kRequestTimeout, "the request head took too long");
    }
    if (!got || *got == 0) co_return Ended();
  }
}

Connection::Next Connection::judge(const Error& error) const {
  using core::ProblemType;
  if (error.code() == Errc::kTooLarge) {
    const bool line_ended = received_.find('\n', 2) < options_->header_bytes_max;
    return core::Problem(line_ended ? ProblemType::kHeadersTooLarge : ProblemType::kTargetTooLong);
  }
  if (error.code() == Errc::kRejected) return core::Problem(ProblemType::kHttpVersion);
  return core::Problem(ProblemType::kMalformedRequest, error.detail());
}

// One request and its answer. True: the connection is fit for another one.
Task<bool> Connection::exchange(std::shared_ptr<const Request> request) {
  const Instant began = services_.clock->now();
  RequestBody::Services body_services;
  body_services.executor = services_.executor;
  body_services.stream = stream_.get();
  body_services.pool = services_.pool;
  body_services.clock = services_.clock;
  body_services.metrics = services_.metrics;
  body_services.options = options_;
  RequestBody body(body_services, request->head(), std::exchange(received_, std::string()));
  struct Running {
    Running(RequestBody** s, RequestBody* b) : slot(s) { *slot = b; }
    ~Running() { *slot = nullptr; }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    RequestBody** const slot;
  };
  const Running running(&body_, &body);

  Answer answer;
  if (has_other_expectation(request->head())) {
    answer = problem_answer(core::Problem(core::ProblemType::kExpectationFailed), request->id());
  } else {
    answer = co_await services_.handler->handle(request, &body);
  }
  if (answer.gone) {
    report(answer, request.get(), request->id(), began, body.received(), false);
    co_return false;
  }

  bool keep = request->head().keep_alive && !answer.close;
  bool drain_behind = false;
  if (!body.finished()) {
    const auto rest = body.rest();
    if (body.failed() || body.awaits_continue() || answer.close) {
      keep = false;
    } else if (answer.head.status < 400) {
      const Deadline deadline(services_.clock->now() + options_->drain_time);
      const bool drained = co_await body.drain(options_->drain_bytes, deadline);
      if (!drained) keep = false;
    } else if (rest && rest->value() <= options_->drain_bytes) {
      drain_behind = keep;
    } else {
      keep = false;
    }
  }
  keep = keep && !stopping_;

  const bool sent = co_await send(&answer, request.get(), request->id(), keep);
  if (sent && keep && drain_behind) {
    const Deadline deadline(services_.clock->now() + options_->drain_time);
    keep = co_await body.drain(options_->drain_bytes, deadline);
  }
  report(answer, request.get(), request->id(), began, body.received(), sent);
  if (!sent) co_return false;
  if (body.finished()) received_ = body.take_behind();
  if (!keep && (!body.finished() || !received_.empty())) co_await linger();
  co_return keep;
}

// Answers what is not even a request, and ends the connection.
Task<void> Connection::refuse(core::Problem problem) {
  const Instant began = services_.clock->now();
  const std::string id = new_request_id(services_.random);
  const Answer answer = problem_answer(problem, id);
  const bool sent = co_await send(&answer, nullptr, id, false);
  report(answer, nullptr, id, began, ByteCount(), sent);
  if (sent) co_await linger();
}

Task<bool> Connection::send(const Answer* answer, const Request* request, std::string id,
                            bool keep) {
  const std::string head = compose(*answer, request, id, keep);
  std::vector<ConstBuffer> from;
  from.push_back(ConstBuffer{reinterpret_cast<const std::byte*>(head.data()), head.size()});
  const bool to_head = request != nullptr && request->head().method == "HEAD";
  if (!to_head && !answer->body.empty() && answer->head.status != 204) {
    from.push_back(
        ConstBuffer{reinterpret_cast<const std::byte*>(answer->body.data()), answer->body.size()});
  }
  const Deadline deadline(services_.clock->now() + options_->write_timeout);
  const auto written = co_await stream_->write(std::move(from), deadline);
  co_return written.has_value();
}

// Half-closes and throws away what still comes, within bounds. Closing at once would make the
// system answer late bytes with a reset, which can take our answer away from the client.
Task<void> Connection::linger() {
  stream_->shutdown_write();
  const Deadline deadline(services_.clock->now() + options_->drain_time);
  std::vector<std::byte> buffer(std::min<std::size_t>(16U << 10, options_->drain_bytes + 1));
  std::size_t seen = 0;
  while (seen < options_->drain_bytes) {
    std::vector<MutableBuffer> into;
    into.push_back(MutableBuffer{buffer.data(), buffer.size()});
    const auto got = co_await stream_->read(std::move(into), deadline);
    if (!got || *got == 0) break;
    seen += *got;
  }
}

void Connection::report(const Answer& answer, const Request* request, const std::string& id,
                        Instant began, ByteCount received, bool answered) const {
  const Duration took = services_.clock->now() - began;
  const int status = answered ? answer.head.status : 0;
  std::string_view method = "none";
  if (request != nullptr) method = request->head().method;
  std::string_view end = answer.end;
  if (!answered && !answer.gone) end = "answer-not-taken";
  services_.metrics->http_request(answer.protocol, method, status, took);
  if (!services_.log->enabled(LogLevel::kInfo)) return;
  const double milliseconds = std::chrono::duration<double, std::milli>(took).count();
  services_.log->info("request", {{"request_id", id},
                                  {"client", stream_->peer()},
                                  {"method", method},
                                  {"upload", answer.upload},
                                  {"status", status},
                                  {"bytes_in", received.value()},
                                  {"ms", milliseconds},
                                  {"end", end}});
}

}  // namespace sluice::http
