#include "http/upload_handler.h"

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/text.h"
#include "http/origin.h"
#include "wire/http1.h"

namespace sluice::http {

namespace {

constexpr std::string_view kAllow = "GET, HEAD, PUT, POST, DELETE, OPTIONS";
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
  out.name = command.name;
  if (const auto* append = std::get_if<core::Append>(&command.verb)) out.length = append->total;
  if (const auto* create = std::get_if<core::Create>(&command.verb)) out.length = create->total;
  out.content_type = command.attributes.content_type;
  out.headers = head.headers;
  return out;
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

}  // namespace

struct UploadHandler::Spoken {
  Spoken(std::shared_ptr<const Request> r, const protocols::Dialect* d, std::string name,
         std::string address, WallTime now)
      : request(std::move(r)),
        dialect(d),
        fresh_name(std::move(name)),
        origin(std::move(address)),
        context{request->id(), fresh_name, origin, now} {}
  Spoken(const Spoken&) = delete;
  Spoken& operator=(const Spoken&) = delete;

  Answer rendered(const core::Outcome& outcome, const core::Command* command) const;
  Answer denied(const Denial& denial, const core::Command* command) const;
  Hints hints(const core::Command& command) const;

  const std::shared_ptr<const Request> request;
  const protocols::Dialect* const dialect;
  const std::string fresh_name;
  const std::string origin;
  const protocols::Context context;
};

Answer UploadHandler::Spoken::rendered(const core::Outcome& outcome,
                                       const core::Command* command) const {
  Answer answer;
  auto response = dialect->render(outcome, request->head(), command, context);
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

Hints UploadHandler::Spoken::hints(const core::Command& command) const {
  Hints out;
  const auto announced = dialect->announcement(request->head(), command, context);
  if (announced) out.announcement = wire::write_response_head(*announced);
  if (dialect->progress(request->head(), ByteOffset())) {
    out.progress = [whole = request, speaks = dialect](ByteOffset durable) {
      const auto head = speaks->progress(whole->head(), durable);
      return head ? wire::write_response_head(*head) : std::string();
    };
  }
  return out;
}

// The application's own answer, as far as clients need it.
Answer UploadHandler::Spoken::denied(const Denial& denial,
                                     const core::Command* command) const {
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
      const core::Outcome refused = core::Refused{core::Problem(*type), std::nullopt};
      answer = rendered(refused, command);
    }
    answer.head.status = status;
  } else {
    answer.head.status = status;
    const std::string* type = denial.headers.find("Content-Type");
    answer.head.headers.add("Content-Type", type != nullptr ? *type : "text/plain; charset=utf-8");
    answer.body = denial.body;
  }
  dialect->mark(request->head(), &answer.head.headers);
  for (const char* name : {"WWW-Authenticate", "Retry-After"}) {
    for (const wire::Header& header : denial.headers.list()) {
      if (equals_ignoring_case(header.name, name)) answer.head.headers.add(name, header.value);
    }
  }
  answer.end = "denied";
  return answer;
}

UploadHandler::UploadHandler(Services services, const HttpOptions& options, ByteCount size_max)
    : services_(services),
      dialects_(options.routes, size_max),
      cors_(options.cors_origins),
      auth_deadline_(options.auth_deadline),
      forwarded_(options.forwarded),
      interim_(options.interim) {}

Task<Answer> UploadHandler::handle(std::shared_ptr<const Request> request,
                                   Body* body) {
  const wire::RequestHead& head = request->head();
  const protocols::Dialect* dialect = dialects_.of(head);
  Answer answer;
  if (dialect == nullptr) {
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
    const Spoken spoken(request, dialect, fresh_name(), origin_of(*request, forwarded_),
                        services_.clock->wall_now());
    auto parsed = dialect->parse(head, spoken.context);
    if (parsed) {
      std::string name = parsed->name;
      core::Command command = std::move(*parsed);
      answer = co_await serve(&spoken, std::move(command), body);
      answer.upload = std::move(name);
    } else {
      const core::Outcome refused = core::Refused{std::move(parsed).error(), std::nullopt};
      answer = spoken.rendered(refused, nullptr);
    }
    cors_.expose(head, &answer.head.headers);
  }
  answer.protocol = dialect->protocol();
  answer.head.headers.set("Cache-Control", "no-store");
  co_return answer;
}

Task<Answer> UploadHandler::serve(const Spoken* spoken, core::Command command,
                                  Body* body) {
  const core::Command asked = command;  // the engine takes its own
  AuthRequest question = auth_request(*spoken->request, command);
  const Deadline deadline(services_.clock->now() + auth_deadline_);
  auto allowed = co_await services_.app->authorize(std::move(question), deadline);
  if (!allowed) {
    services_.log->warn(
        "the application cannot be asked",
        {{"request_id", spoken->request->id()}, {"error", allowed.error().detail()}});
    core::Problem problem(core::ProblemType::kApplicationUnavailable);
    problem.retry_after_s = kAppRetryAfterS;
    const core::Outcome refused = core::Refused{std::move(problem), std::nullopt};
    co_return spoken->rendered(refused, &asked);
  }
  if (const auto* denial = std::get_if<Denial>(&*allowed)) {
    co_return spoken->denied(*denial, &asked);
  }
  core::Grant grant = std::get<core::Grant>(std::move(*allowed));
  if (interim_ && spoken->request->head().minor_version >= 1) {
    body->hint(spoken->hints(asked));
  }
  const core::Grant granted = grant;
  const core::Outcome outcome =
      co_await services_.uploads->execute(std::move(command), std::move(grant), body);
  const protocols::Dialect* const dialect = spoken->dialect;
  if (auto more = dialect->follow_up(outcome, spoken->request->head(), asked)) {
    core::Grant again = granted;
    const core::Outcome done =
        co_await services_.uploads->execute(std::move(*more), std::move(again), body);
    static_cast<void>(done);  // the client is told of its own request
  }
  co_return spoken->rendered(outcome, &asked);
}

// 128 bits nobody can guess, fit for an address.
std::string UploadHandler::fresh_name() const {
  std::array<std::byte, 16> raw{};
  services_.random->fill(raw);
  return base64url(raw);
}

Answer UploadHandler::options_answer(const Request& request) const {
  Answer answer;
  answer.head.status = 204;
  answer.head.headers.add("Allow", std::string(kAllow));
  answer.end = "options";
  if (auto response = dialects_.options(request.head())) {
    answer.head = std::move(response->head);
    answer.body = std::move(response->body);
  }
  const std::string* said = answer.head.headers.find("Allow");
  const std::string methods = said != nullptr ? *said : std::string(kAllow);
  if (auto preflight = cors_.preflight(request.head(), methods)) {
    answer.head.status = 204;
    for (const wire::Header& header : preflight->list()) {
      answer.head.headers.set(header.name, header.value);
    }
    answer.body.clear();
    answer.end = "preflight";
  } else if (cors_.enabled()) {
    cors_.expose(request.head(), &answer.head.headers);
  }
  return answer;
}

}  // namespace sluice::http
