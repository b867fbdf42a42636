#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/text.h"
#include "base/time.h"
#include "protocols/tus.h"
#include "protocols/tus_fields.h"

namespace sluice::protocols {

namespace {

using core::ProblemType;

constexpr int kRetryAfterDefault = 1;  // seconds

// Sun, 06 Nov 1994 08:49:37 GMT (T-56)
std::string http_date(WallTime time) {
  static constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed",
                                                    "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  std::array<char, 64> out{};
  const int n = std::snprintf(
      out.data(), out.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
      kDays[std::chrono::weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
      kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  return std::string(out.data(), static_cast<std::size_t>(n));
}

struct Verdict {
  int status;
  std::string_view code;  // tusd's, where the meaning is the same (TP-02)
};

struct Row {
  ProblemType type;
  Verdict verdict;
};

// What clients make of a status decides it (digest sections 4 and 8): 404 for what is gone, 409, 423
// and 5xx for what passes; 400 and 429 make them give up.
constexpr Row kVerdicts[] = {
    {ProblemType::kOffsetMismatch, {409, "ERR_MISMATCHED_OFFSET"}},
    {ProblemType::kTakenOver, {423, "ERR_UPLOAD_INTERRUPTED"}},     // TP-07
    {ProblemType::kBodyTooLong, {413, "ERR_UPLOAD_SIZE_EXCEEDED"}},  // T-27, T-50
    {ProblemType::kTooLarge, {413, "ERR_MAX_SIZE_EXCEEDED"}},
    {ProblemType::kTotalMismatch, {400, "ERR_INVALID_UPLOAD_LENGTH"}},  // T-36, T-37
    {ProblemType::kUploadNotFound, {404, "ERR_UPLOAD_NOT_FOUND"}},
    {ProblemType::kUploadGone, {404, "ERR_UPLOAD_NOT_FOUND"}},  // some clients do not know 410
    {ProblemType::kPreconditionFailed, {412, "ERR_UNSUPPORTED_VERSION"}},
    {ProblemType::kUnsupportedMediaType, {415, "ERR_INVALID_CONTENT_TYPE"}},
    {ProblemType::kRequestTimeout, {503, "ERR_READ_TIMEOUT"}},  // 408 is not repeated by tus-js-client
    {ProblemType::kCompleting, {423, "ERR_UPLOAD_LOCKED"}},     // TP-08
    {ProblemType::kTooManyRequests, {503, "ERR_OVERLOADED"}},   // TP-09
    {ProblemType::kDraining, {503, "ERR_SERVER_SHUTDOWN"}},
    {ProblemType::kNotImplemented, {501, "ERR_NOT_IMPLEMENTED"}},
    {ProblemType::kMalformedRequest, {400, "ERR_INVALID_REQUEST"}},
};

Verdict verdict(ProblemType type) {
  for (const Row& row : kVerdicts) {
    if (row.type == type) return row.verdict;
  }
  const int status = core::problem_entry(type).status;
  if (status == 503) return {503, "ERR_SERVICE_UNAVAILABLE"};
  return {status, status >= 500 ? "ERR_INTERNAL_SERVER_ERROR" : "ERR_UPLOAD_REJECTED"};
}

class Renderer {
 public:
  Renderer(const wire::RequestHead& request, const TusOptions& options,
           const core::Command* command, const Context& context)
      : request_(request),
        options_(options),
        command_(command),
        context_(context),
        method_(tus::method_of(request)) {}

  std::optional<Response> operator()(const core::Incomplete& outcome) const {
    return answered(outcome.offset, outcome.total, outcome.about);
  }

  std::optional<Response> operator()(const core::Complete& outcome) const {
    return answered(end_of(outcome.result.size), outcome.result.size, outcome.about);
  }

  std::optional<Response> operator()(const core::Cancelled&) const { return begin(204); }

  // No command of this protocol asks for it.
  std::optional<Response> operator()(const core::Inspected&) const { return begin(204); }

  std::optional<Response> operator()(const core::Refused& outcome) const {
    const core::Problem& problem = outcome.problem;
    Verdict said = verdict(problem.type);
    // tus-js-client gives an address up when HEAD fails, unless it is locked (digest section 8).
    if (method_ == "HEAD" && said.status == 503) said = {423, "ERR_UPLOAD_LOCKED"};
    Response response = begin(said.status);
    wire::Headers& headers = response.head.headers;
    if (said.status == 409 && outcome.offset) {  // TP-03: there, and only there
      headers.add("Upload-Offset", std::to_string(outcome.offset->value()));
    }
    if (said.status == 412) headers.add("Tus-Version", std::string(tus::kVersion));  // T-03
    if (said.status == 405) headers.add("Allow", std::string(tus::kAllow));
    if (said.status == 401) headers.add("WWW-Authenticate", "Bearer");  // RFC 9110 15.5.2
    if (said.status == 423 || said.status == 503) {
      const int after = problem.retry_after_s.value_or(kRetryAfterDefault);
      headers.add("Retry-After", std::to_string(after));
    }
    if (problem.type == ProblemType::kTakenOver) response.close = true;
    const core::ProblemEntry& entry = core::problem_entry(problem.type);
    const std::string& detail = problem.detail;
    headers.add("Content-Type", "text/plain; charset=utf-8");
    if (request_.method != "HEAD") {
      response.body = std::string(said.code) + ": " +
                      (detail.empty() ? std::string(entry.title) : detail) + "\n";
    }
    return response;
  }

  std::optional<Response> operator()(const core::ClientGone&) const { return std::nullopt; }

 private:
  Response begin(int status) const {
    Response response;
    response.head.status = status;
    response.head.headers.add("Tus-Resumable", std::string(tus::kVersion));  // T-01
    response.head.headers.add("Cache-Control", "no-store");                  // T-15
    return response;
  }

  std::optional<Response> answered(ByteOffset offset, std::optional<ByteCount> total,
                                   const core::About& about) const {
    const bool creates = method_ == "POST";
    const bool asks = method_ == "HEAD";
    Response response = begin(creates ? 201 : asks ? 200 : 204);
    wire::Headers& headers = response.head.headers;
    if (creates) {
      headers.add("Location", address());
      headers.add("Content-Length", "0");
    }
    if (!creates || tus::has_content(request_)) {
      headers.add("Upload-Offset", std::to_string(offset.value()));
    }
    if (about.expires_at) headers.add("Upload-Expires", http_date(*about.expires_at));
    if (!asks) return response;
    if (total) {
      headers.add("Upload-Length", std::to_string(total->value()));
    } else {
      headers.add("Upload-Defer-Length", "1");
    }
    if (!about.raw_metadata.empty()) headers.add("Upload-Metadata", about.raw_metadata);
    return response;
  }

  // Absolute where the host is known (TP-01), otherwise by its path.
  std::string address() const {
    const std::string name = command_ != nullptr ? command_->name : std::string();
    return std::string(context_.origin) + options_.prefix + percent_encode(name, true);
  }

  const wire::RequestHead& request_;
  const TusOptions& options_;
  const core::Command* const command_;
  const Context& context_;
  const std::string method_;
};

}  // namespace

std::optional<Response> Tus::render(const core::Outcome& outcome, const wire::RequestHead& request,
                                    const core::Command* command, const Context& context) const {
  return std::visit(Renderer(request, options_, command, context), outcome);
}

void Tus::mark(const wire::RequestHead& /*request*/, wire::Headers* answer) const {
  answer->set("Tus-Resumable", std::string(tus::kVersion));
}

// T-05 to T-08. The request's own Tus-Resumable does not matter.
Response Tus::options(const wire::RequestHead& request) const {
  Response response;
  response.head.status = 200;
  wire::Headers& headers = response.head.headers;
  mark(request, &headers);
  headers.add("Tus-Version", std::string(tus::kVersion));
  headers.add("Tus-Extension", std::string(tus::kExtensions));
  headers.add("Tus-Max-Size", std::to_string(options_.size_max.value()));
  headers.add("Allow", std::string(tus::kAllow));
  headers.add("Content-Length", "0");
  return response;
}

}  // namespace sluice::protocols
