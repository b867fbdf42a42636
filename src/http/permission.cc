#include "http/permission.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "base/text.h"
#include "core/problem.h"

namespace sluice::http {

namespace {

constexpr int kAppRetryAfterS = 2;
constexpr std::size_t kDenialBodyMax = 64U << 10;

AuthRequest auth_request(const Request& request, const core::Command& command) {
  const wire::RequestHead& head = request.head();
  AuthRequest out;
  out.request_id = request.id();
  out.method = head.method;
  out.target = head.target;
  if (const std::string* host = head.headers.find("Host")) out.host = *host;
  out.scheme = request.encrypted() ? "https" : "http";
  out.client = request.peer();
  out.name = command.key.value_or(command.name);
  if (const auto* append = std::get_if<core::Append>(&command.verb)) out.length = append->total;
  if (const auto* create = std::get_if<core::Create>(&command.verb)) out.length = create->total;
  out.content_type = command.attributes.content_type;
  out.headers = head.headers;
  return out;
}

// The application's own answer, as far as clients need it.
Answer denied(const Denial& denial, const Permission::Refuse& refuse) {
  Answer answer;
  const bool refuses = denial.status >= 400 && denial.status <= 499;
  const int status = refuses ? denial.status : 403;
  if (denial.body.empty() || denial.body.size() > kDenialBodyMax) {
    std::optional<core::ProblemType> type;
    for (const core::ProblemEntry& entry : core::problem_catalogue()) {
      if (entry.status == status && !type) type = entry.type;
    }
    // The catalogue's first 400 and 404 speak of other things than the application does.
    if (type && status != 400 && status != 404) {
      answer = refuse(core::Refused{core::Problem(*type), std::nullopt});
    }
    answer.head.status = status;
  } else {
    answer.head.status = status;
    const std::string* type = denial.headers.find("Content-Type");
    answer.head.headers.add("Content-Type", type != nullptr ? *type : "text/plain; charset=utf-8");
    answer.body = denial.body;
  }
  for (const char* name : {"WWW-Authenticate", "Retry-After"}) {
    for (const wire::Header& header : denial.headers.list()) {
      if (equals_ignoring_case(header.name, name)) answer.head.headers.add(name, header.value);
    }
  }
  answer.end = "denied";
  return answer;
}

}  // namespace

Task<Permission::Allowed> Permission::ask(std::shared_ptr<const Request> request,
                                          core::Command command, Refuse refuse) const {
  AuthRequest question = auth_request(*request, command);
  const Deadline deadline(services_.clock->now() + deadline_);
  auto allowed = co_await services_.app->authorize(std::move(question), deadline);
  if (!allowed) {
    services_.log->warn("the application cannot be asked",
                        {{"request_id", request->id()}, {"error", allowed.error().detail()}});
    core::Problem problem(core::ProblemType::kApplicationUnavailable);
    problem.retry_after_s = kAppRetryAfterS;
    co_return Allowed(refuse(core::Refused{std::move(problem), std::nullopt}));
  }
  if (const auto* denial = std::get_if<Denial>(&*allowed)) {
    co_return Allowed(denied(*denial, refuse));
  }
  co_return Allowed(std::get<core::Grant>(std::move(*allowed)));
}

}  // namespace sluice::http
