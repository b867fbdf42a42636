#include "http/upload_handler.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "http/origin.h"
#include "http/rendered.h"
#include "http/single_request.h"
#include "wire/http1.h"

namespace sluice::http {

namespace {

constexpr std::string_view kAllow = "GET, HEAD, PUT, POST, DELETE, OPTIONS";

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
  Hints hints(const core::Command& command) const;

  const std::shared_ptr<const Request> request;
  const protocols::Dialect* const dialect;
  const std::string fresh_name;
  const std::string origin;
  const protocols::Context context;
};

Answer UploadHandler::Spoken::rendered(const core::Outcome& outcome,
                                       const core::Command* command) const {
  return http::rendered(dialect->render(outcome, request->head(), command, context), outcome);
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

UploadHandler::UploadHandler(Services services, const HttpOptions& options, ByteCount size_max)
    : services_(services),
      permission_(Permission::Services{services.clock, services.log, services.app},
                  options.auth_deadline),
      dialects_(options.routes, size_max),
      forms_(FormHandler::Services{services.random, &permission_, services.uploads}, options),
      google_(GoogleHandler::Services{services.random, &permission_, services.uploads}, options,
              size_max),
      cors_(options.cors_origins),
      forwarded_(options.forwarded),
      interim_(options.interim) {}

Task<Answer> UploadHandler::handle(std::shared_ptr<const Request> request,
                                   Body* body) {
  const wire::RequestHead& head = request->head();
  const protocols::Dialect* dialect = dialects_.of(head);
  Answer answer;
  if (google_.takes(head) || forms_.takes(head)) co_return co_await nameless(request, body);
  if (dialect == nullptr) {
    if (head.method == "OPTIONS" && (head.target == "*" || forms_.serves(head.path))) {
      answer = options_answer(*request);
    } else {
      answer = problem_answer(core::Problem(core::ProblemType::kNoSuchResource), request->id());
    }
    co_return answer;
  }
  if (head.method == "OPTIONS") {
    answer = options_answer(*request);
  } else {
    const Spoken spoken(request, dialect, fresh_name(services_.random),
                        origin_of(*request, forwarded_), services_.clock->wall_now());
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
  Permission::Refuse refuse = [spoken, &asked](const core::Outcome& refused) {
    return spoken->rendered(refused, &asked);
  };
  auto allowed = co_await permission_.ask(spoken->request, asked, std::move(refuse));
  if (auto* denial = std::get_if<Answer>(&allowed)) {
    spoken->dialect->mark(spoken->request->head(), &denial->head.headers);
    co_return std::move(*denial);
  }
  core::Grant grant = std::get<core::Grant>(std::move(allowed));
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

// Requests that do not say in their path which upload they mean.
Task<Answer> UploadHandler::nameless(std::shared_ptr<const Request> request,
                                     engine::BodySource* body) const {
  std::string origin = origin_of(*request, forwarded_);
  Answer answer;
  if (google_.takes(request->head())) {
    answer = co_await google_.handle(request, std::move(origin), body);
  } else {
    answer = co_await forms_.handle(request, std::move(origin), body);
  }
  cors_.expose(request->head(), &answer.head.headers);
  answer.head.headers.set("Cache-Control", "no-store");
  co_return answer;
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
