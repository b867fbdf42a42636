#include "http/google_handler.h"

#include <utility>
#include <variant>

#include <boost/asio/this_coro.hpp>

#include "http/body_text.h"
#include "http/checked_body.h"
#include "http/form_reader.h"
#include "http/rendered.h"
#include "http/single_request.h"

namespace sluice::http {

namespace {

namespace google = protocols::google;
using core::ProblemType;

constexpr std::string_view kProtocol = "google";
constexpr const char* kDescription = "the object's description";

core::Outcome refused(core::Problem problem) {
  return core::Refused{std::move(problem), std::nullopt};
}

protocols::GoogleOptions make_options(const HttpOptions& options, ByteCount size_max) {
  protocols::GoogleOptions out;
  out.bucket = options.google_bucket;
  out.size_max = size_max;
  return out;
}

std::optional<ByteCount> length_of(const wire::RequestHead& head) {
  if (head.framing == wire::BodyFraming::kChunked) return std::nullopt;
  return head.content_length;
}

}  // namespace

// One request on its way.
struct GoogleHandler::Call {
  std::shared_ptr<const Request> request;
  std::string origin;
  protocols::GoogleTarget target;
  std::optional<protocols::GoogleObject> object;
  std::optional<wire::Checksum> crc32c;  // of the object, if we saw all of it

  Answer answer(const core::Outcome& outcome) const {
    return rendered(google::render(outcome, request->head(), object ? &*object : nullptr, crc32c,
                                   request->id()),
                    outcome);
  }
};

GoogleHandler::GoogleHandler(Services services, const HttpOptions& options, ByteCount size_max)
    : services_(services), options_(make_options(options, size_max)) {}

Task<Answer> GoogleHandler::handle(std::shared_ptr<const Request> request, std::string origin,
                                   engine::BodySource* body) const {
  using Kind = protocols::GoogleTarget::Kind;
  Call call;
  call.request = request;
  call.origin = std::move(origin);
  auto target = google::target(request->head(), options_);
  Answer answer;
  if (target) {
    call.target = std::move(*target);
    switch (call.target.kind) {
      case Kind::kStart:
        answer = co_await start(&call, body);
        break;
      case Kind::kMedia:
        answer = co_await media(&call, body);
        break;
      case Kind::kMultipart:
        answer = co_await multipart(&call, body);
        break;
      case Kind::kSession:
        answer = co_await session(&call, body);
        break;
    }
  } else {
    answer = call.answer(refused(std::move(target).error()));
  }
  answer.protocol = kProtocol;
  if (call.object) answer.upload = call.object->name;
  co_return answer;
}

Task<Answer> GoogleHandler::start(Call* call, engine::BodySource* body) const {
  const wire::RequestHead& head = call->request->head();
  const auto length = length_of(head);
  if (length && length->value() > google::kDescriptionMax) {
    const core::Problem problem(ProblemType::kTooLarge, "the object's description is too long");
    co_return call->answer(refused(problem));
  }
  const auto text = co_await text_of(body, google::kDescriptionMax, kDescription);
  if (!text) co_return call->answer(outcome_of(text.error()));
  auto object = google::described(call->target, head.headers, *text, "");
  if (!object) co_return call->answer(refused(std::move(object).error()));
  call->object = std::move(*object);
  google::Session session;
  session.fresh = fresh_name(services_.random);
  auto command = google::start(*call->object, head, session.fresh, options_);
  if (!command) co_return call->answer(refused(std::move(command).error()));

  const core::Command asked = *command;
  Permission::Refuse refuse = [call](const core::Outcome& o) { return call->answer(o); };
  auto allowed = co_await services_.permission->ask(call->request, asked, std::move(refuse));
  if (auto* denial = std::get_if<Answer>(&allowed)) co_return std::move(*denial);
  core::Grant grant = std::get<core::Grant>(std::move(allowed));
  session.subject = grant.subject;
  call->object->key = grant.key;
  call->object->size_max = grant.size_max;
  command->attributes.raw_metadata = google::memo(*call->object);
  core::Command begin = std::move(*command);
  const core::Outcome outcome =
      co_await services_.uploads->execute(std::move(begin), std::move(grant), body);
  if (std::holds_alternative<core::Incomplete>(outcome) ||
      std::holds_alternative<core::Complete>(outcome)) {
    const std::string id = google::session_id(session);
    co_return rendered(google::started(call->target, id, call->origin), outcome);
  }
  co_return call->answer(outcome);
}

Task<Answer> GoogleHandler::media(Call* call, engine::BodySource* body) const {
  const wire::RequestHead& head = call->request->head();
  const std::string* type = head.headers.find("Content-Type");
  auto object = google::described(call->target, head.headers, "", type != nullptr ? *type : "");
  if (!object) co_return call->answer(refused(std::move(object).error()));
  call->object = std::move(*object);
  co_return co_await whole(call, body, length_of(head));
}

// The description, then the object. Anything behind it is not looked at.
Task<Answer> GoogleHandler::multipart(Call* call, engine::BodySource* body) const {
  const wire::RequestHead& head = call->request->head();
  const std::string* type = head.headers.find("Content-Type");
  const auto form = wire::multipart_of(type != nullptr ? *type : "");
  if (!form) co_return call->answer(outcome_of(form.error()));
  if (!*form || (*form)->kind != wire::MultipartKind::kRelated) {
    const core::Problem problem(ProblemType::kUnsupportedMediaType,
                                "uploadType=multipart needs Content-Type: multipart/related");
    co_return call->answer(refused(problem));
  }
  const Executor executor = co_await boost::asio::this_coro::executor;
  FormReader reader(body, executor, **form);
  const auto described = co_await reader.next_part();
  if (!described) co_return call->answer(outcome_of(described.error()));
  std::string text;
  if (*described) {
    auto value = co_await reader.value(google::kDescriptionMax);
    if (!value) co_return call->answer(outcome_of(value.error()));
    text = std::move(*value);
  }
  const auto media = co_await reader.next_part();
  if (!media) co_return call->answer(outcome_of(media.error()));
  if (!*media) {
    const core::Problem problem(ProblemType::kMalformedRequest,
                                "the body has not two parts: description and object");
    co_return call->answer(refused(problem));
  }
  auto object = google::described(call->target, head.headers, text, reader.part().content_type);
  if (!object) co_return call->answer(refused(std::move(object).error()));
  call->object = std::move(*object);
  Answer answer = co_await whole(call, &reader, std::nullopt);
  if (reader.malformed() && !answer.gone) {
    answer = call->answer(outcome_of(*reader.malformed()));  // it knows better what is wrong
  }
  co_return answer;
}

Task<Answer> GoogleHandler::whole(Call* call, engine::BodySource* body,
                                  std::optional<ByteCount> length) const {
  auto command = google::whole(*call->object, length, fresh_name(services_.random), options_);
  if (!command) co_return call->answer(refused(std::move(command).error()));
  const core::Command asked = *command;
  Permission::Refuse refuse = [call](const core::Outcome& o) { return call->answer(o); };
  auto allowed = co_await services_.permission->ask(call->request, asked, std::move(refuse));
  if (auto* denial = std::get_if<Answer>(&allowed)) co_return std::move(*denial);
  core::Grant grant = std::get<core::Grant>(std::move(allowed));
  CheckedBody checked(body, length, call->object->crc32c);
  core::Command all = std::move(*command);
  core::Outcome outcome =
      co_await run_whole(services_.uploads, std::move(all), std::move(grant), &checked);
  if (checked.differs()) {
    outcome = refused(core::Problem(ProblemType::kMalformedRequest,
                                    "the object has another crc32c than was said"));
  }
  const auto* complete = std::get_if<core::Complete>(&outcome);
  if (complete != nullptr && checked.count() == complete->result.size) {
    call->crc32c = checked.sum();
  }
  co_return call->answer(outcome);
}

Task<Answer> GoogleHandler::session(Call* call, engine::BodySource* body) const {
  const wire::RequestHead& head = call->request->head();
  const auto session = google::session_of(call->target.session);
  if (!session) {
    const core::Problem problem(ProblemType::kUploadNotFound, "there is no such session");
    co_return call->answer(refused(problem));
  }
  auto command = google::of_session(*session, head, options_);
  if (!command) co_return call->answer(refused(std::move(command).error()));
  core::Grant grant;
  grant.subject = session->subject;

  auto* append = std::get_if<core::Append>(&command->verb);
  if (append != nullptr && !append->begin) {
    // The whole object in this body: the first bytes of the session, or a new beginning (R-39).
    core::Command question;
    question.name = command->name;
    question.verb = core::Query{};
    core::Grant same = grant;
    const core::Outcome known =
        co_await services_.uploads->execute(std::move(question), std::move(same), nullptr);
    const auto* open = std::get_if<core::Incomplete>(&known);
    if (open == nullptr) {
      const auto* complete = std::get_if<core::Complete>(&known);
      if (complete != nullptr) call->object = google::from_memo(complete->about.raw_metadata);
      co_return call->answer(known);
    }
    call->object = google::from_memo(open->about.raw_metadata);
    if (open->offset == ByteOffset(0) || !call->object) {
      append->begin = ByteOffset(0);
    } else {
      append->may_begin = true;
      command->attributes = call->object->attributes;
      command->attributes.raw_metadata = open->about.raw_metadata;
      command->key = call->object->name;
      grant.key = call->object->key;
      grant.size_max = call->object->size_max;
    }
  }

  // R-52, where this request carries all of the object.
  std::optional<CheckedBody> checked;
  const bool first = append != nullptr && append->begin.value_or(ByteOffset(0)) == ByteOffset(0);
  const bool last = append != nullptr && (append->ends_object || append->total == append->length);
  if (first && last) {
    auto said = google::described(call->target, head.headers, R"({"name":"-"})", "");
    if (!said) co_return call->answer(refused(std::move(said).error()));
    checked.emplace(body, append->length, said->crc32c);
    body = &*checked;
  }
  core::Command cancel;
  cancel.name = command->name;
  cancel.verb = core::Cancel{};
  core::Grant same = grant;
  core::Command run = std::move(*command);
  core::Outcome outcome =
      co_await services_.uploads->execute(std::move(run), std::move(grant), body);
  if (checked && checked->differs()) {
    const core::Outcome cancelled =
        co_await services_.uploads->execute(std::move(cancel), std::move(same), nullptr);
    static_cast<void>(cancelled);
    outcome = refused(core::Problem(ProblemType::kMalformedRequest,
                                    "the object has another crc32c than was said"));
  }
  if (const auto* complete = std::get_if<core::Complete>(&outcome)) {
    call->object = google::from_memo(complete->about.raw_metadata);
    if (checked && checked->count() == complete->result.size) call->crc32c = checked->sum();
  }
  co_return call->answer(outcome);
}

}  // namespace sluice::http
