#include "http/upload_handler.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "base/text.h"

namespace sluice::http {

namespace {

constexpr std::string_view kProtocol = "put308";
constexpr std::string_view kAllow = "GET, HEAD, PUT, POST, DELETE, OPTIONS";
constexpr int kAppRetryAfterS = 2;
constexpr std::size_t kDenialBodyMax = 64U << 10;

std::vector<protocols::Put308Options> make_routes(const HttpOptions& options, ByteCount size_max) {
  std::vector<protocols::Put308Options> routes;
  for (const HttpOptions::Route& route : options.routes) {
    protocols::Put308Options out;
    out.prefix = route.prefix;
    out.vimeo = route.vimeo;
    out.size_max = size_max;
    routes.push_back(std::move(out));
  }
  std::sort(routes.begin(), routes.end(),
            [](const auto& a, const auto& b) { return a.prefix.size() > b.prefix.size(); });
  return routes;
}

AuthRequest auth_request(const Request& request, const core::Command& command) {
  const wire::RequestHead& head = request.head();
  AuthRequest out;
  out.request_id = request.id();
  out.method = head.method;
  out.target = head.target;
  if (const std::string* host = head.headers.find("Host")) out.host = *host;
  out.scheme = request.encrypted() ? "https" : "http";
  out.client = request.peer();
  out.name = command.name;
  if (const auto* append = std::get_if<core::Append>(&command.verb)) out.length = append->total;
  out.content_type = command.attributes.content_type;
  out.headers = head.headers;
  return out;
}

// The application's own answer, as far as clients need it.
Answer denied(const Denial& denial, const std::string& request_id) {
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
      answer = problem_answer(core::Problem(*type), request_id);
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

std::string_view word_of(const core::Outcome& outcome) {
  struct Word {
    std::string_view operator()(const core::Incomplete&) const { return "incomplete"; }
    std::string_view operator()(const core::Complete&) const { return "complete"; }
    std::string_view operator()(const core::Cancelled&) const { return "cancelled"; }
    std::string_view operator()(const core::Inspected&) const { return "inspected"; }
    std::string_view operator()(const core::Refused& refused) const {
      return core::problem_entry(refused.problem.type).slug;
    }
    std::string_view operator()(const core::ClientGone&) const { return "client-gone"; }
  };
  return std::visit(Word(), outcome);
}

Answer rendered(const core::Outcome& outcome, const Request& request,
                const protocols::Put308Options& route) {
  Answer answer;
  auto response = protocols::put308::render(outcome, request.head(), route, request.id());
  if (response) {
    answer.head = std::move(response->head);
    answer.body = std::move(response->body);
    answer.close = response->close;
  } else {
    answer.gone = true;
  }
  answer.end = word_of(outcome);
  return answer;
}

}  // namespace

UploadHandler::UploadHandler(Services services, const HttpOptions& options, ByteCount size_max)
    : services_(services),
      routes_(make_routes(options, size_max)),
      cors_(options.cors_origins),
      auth_deadline_(options.auth_deadline) {}

Task<Answer> UploadHandler::handle(std::shared_ptr<const Request> request,
                                   engine::BodySource* body) {
  const wire::RequestHead& head = request->head();
  const protocols::Put308Options* route = route_of(*request);
  Answer answer;
  if (route == nullptr) {
    if (head.method == "OPTIONS" && head.target == "*") {
      answer = options_answer(*request);
    } else {
      answer = problem_answer(core::Problem(core::ProblemType::kNoSuchResource), request->id());
    }
    co_return answer;
  }
  if (head.method == "OPTIONS") {
    answer = options_answer(*request);
  } else {
    auto parsed = protocols::put308::parse(head, *route);
    if (parsed) {
      std::string name = parsed->name;
      core::Command command = std::move(*parsed);
      answer = co_await serve(request, route, std::move(command), body);
      answer.upload = std::move(name);
    } else {
      const core::Outcome refused = core::Refused{std::move(parsed).error(), std::nullopt};
      answer = rendered(refused, *request, *route);
    }
    cors_.expose(head, &answer.head.headers);
  }
  answer.protocol = kProtocol;
  answer.head.headers.set("Cache-Control", "no-store");
  co_return answer;
}

Task<Answer> UploadHandler::serve(std::shared_ptr<const Request> request,
                                  const protocols::Put308Options* route, core::Command command,
                                  engine::BodySource* body) {
  AuthRequest question = auth_request(*request, command);
  const Deadline deadline(services_.clock->now() + auth_deadline_);
  auto allowed = co_await services_.app->authorize(std::move(question), deadline);
  if (!allowed) {
    services_.log->warn("the application cannot be asked",
                        {{"request_id", request->id()}, {"error", allowed.error().detail()}});
    core::Problem problem(core::ProblemType::kApplicationUnavailable);
    problem.retry_after_s = kAppRetryAfterS;
    co_return problem_answer(problem, request->id());
  }
  if (const auto* denial = std::get_if<Denial>(&*allowed)) {
    co_return denied(*denial, request->id());
  }
  core::Grant grant = std::get<core::Grant>(std::move(*allowed));
  const core::Outcome outcome =
      co_await services_.uploads->execute(std::move(command), std::move(grant), body);
  co_return rendered(outcome, *request, *route);
}

const protocols::Put308Options* UploadHandler::route_of(const Request& request) const {
  for (const protocols::Put308Options& route : routes_) {
    if (request.head().path.starts_with(route.prefix)) return &route;
  }
  return nullptr;
}

Answer UploadHandler::options_answer(const Request& request) const {
  Answer answer;
  answer.head.status = 204;
  answer.end = "options";
  if (auto preflight = cors_.preflight(request.head(), kAllow)) {
    answer.head.headers = std::move(*preflight);
    answer.end = "preflight";
  } else if (cors_.enabled()) {
    answer.head.headers.add("Vary", "Origin");
  }
  answer.head.headers.add("Allow", std::string(kAllow));
  return answer;
}

}  // namespace sluice::http
