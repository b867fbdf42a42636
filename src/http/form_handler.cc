#include "http/form_handler.h"

#include <optional>
#include <utility>
#include <variant>

#include <boost/asio/this_coro.hpp>

#include "base/text.h"
#include "http/form_reader.h"
#include "http/rendered.h"
#include "http/single_request.h"
#include "protocols/form.h"
#include "protocols/object_attributes.h"

namespace sluice::http {

namespace {

namespace form = protocols::form;
using core::ProblemType;

constexpr std::string_view kProtocol = "form";
constexpr std::size_t kFieldMax = 64U << 10;

std::vector<std::string> prefixes(const HttpOptions& options) {
  std::vector<std::string> out;
  for (const HttpOptions::Route& route : options.routes) {
    if (route.speaks == HttpOptions::Speaks::kPut308) out.push_back(route.prefix);
  }
  return out;
}

core::Outcome refused(ProblemType type, std::string why) {
  return core::Refused{core::Problem(type, std::move(why)), std::nullopt};
}

}  // namespace

// One request on its way.
struct FormHandler::Form {
  std::shared_ptr<const Request> request;
  std::string address;  // names are appended to it
  wire::Multipart multipart;
  core::ObjectAttributes attributes;  // from the request's own fields

  std::string key;  // the field, for the next files
  std::optional<std::string> redirect;
  std::vector<form::Stored> stored;

  // A problem in this protocol, with what was stored before it. Gone: nobody to answer.
  Answer refuse(const core::Outcome& outcome) const {
    const auto* refusal = std::get_if<core::Refused>(&outcome);
    if (refusal == nullptr) return rendered(std::nullopt, outcome);
    return rendered(form::failed(refusal->problem, stored, request->id()), outcome);
  }
  Answer refuse(core::Problem problem) const {
    return refuse(core::Outcome(core::Refused{std::move(problem), std::nullopt}));
  }
};

FormHandler::FormHandler(Services services, const HttpOptions& options)
    : services_(services), prefixes_(prefixes(options)), redirects_(options.form_redirects) {}

std::string_view FormHandler::prefix_of(std::string_view path) const noexcept {
  for (const std::string& prefix : prefixes_) {
    const std::string_view whole = prefix;
    if (path == whole || (whole.size() > 1 && path == whole.substr(0, whole.size() - 1))) {
      return whole;
    }
  }
  return {};
}

Task<Answer> FormHandler::handle(std::shared_ptr<const Request> request, std::string origin,
                                 engine::BodySource* body) const {
  const wire::RequestHead& head = request->head();
  Form form;
  form.request = request;
  form.address = origin + std::string(prefix_of(head.path));
  const std::string* type = head.headers.find("Content-Type");
  const auto multipart = wire::multipart_of(type != nullptr ? *type : "");
  auto attributes = protocols::object_attributes(head.headers);
  Answer answer;
  if (!multipart) {
    answer = form.refuse(outcome_of(multipart.error()));
  } else if (!attributes) {
    answer = form.refuse(std::move(attributes).error());
  } else if (head.headers.find("Content-Range") != nullptr) {
    answer = form.refuse(refused(ProblemType::kMalformedRequest,
                                 "a body with Content-Range needs a name: PUT it to its address"));
  } else {
    form.attributes = std::move(*attributes);
    if (*multipart && (*multipart)->kind == wire::MultipartKind::kFormData) {
      form.multipart = **multipart;
      form.attributes.content_type.clear();
      answer = co_await parts(&form, body);
    } else {
      answer = co_await raw(&form, body);
    }
  }
  answer.protocol = kProtocol;
  if (!form.stored.empty()) answer.upload = form.stored.back().result.name;
  co_return answer;
}

// The whole body is the object.
Task<Answer> FormHandler::raw(Form* form, engine::BodySource* body) const {
  const wire::RequestHead& head = form->request->head();
  core::Append append;
  append.ends_object = true;
  if (head.framing != wire::BodyFraming::kChunked) {
    append.length = head.content_length;
    append.total = append.length;
  }
  core::Command command;
  command.name = fresh_name(services_.random);
  command.verb = append;
  command.attributes = form->attributes;
  Permission::Refuse refuse = [form](const core::Outcome& o) { return form->refuse(o); };
  auto allowed = co_await services_.permission->ask(form->request, command, std::move(refuse));
  if (auto* denial = std::get_if<Answer>(&allowed)) co_return std::move(*denial);
  core::Grant grant = std::get<core::Grant>(std::move(allowed));
  const std::string name = command.name;
  const core::Outcome outcome =
      co_await run_whole(services_.uploads, std::move(command), std::move(grant), body);
  const auto* complete = std::get_if<core::Complete>(&outcome);
  if (complete == nullptr) co_return form->refuse(outcome);
  form::Stored stored;
  stored.location = form->address + name;
  stored.result = complete->result;
  form->stored.push_back(stored);
  co_return rendered(form::stored_body(stored), outcome);
}

Task<Answer> FormHandler::parts(Form* form, engine::BodySource* body) const {
  const Permission::Refuse refuse = [form](const core::Outcome& o) { return form->refuse(o); };
  core::Append append;
  append.ends_object = true;
  core::Command command;
  command.name = fresh_name(services_.random);
  command.verb = append;
  command.attributes = form->attributes;
  auto first = co_await services_.permission->ask(form->request, command, refuse);
  if (auto* denial = std::get_if<Answer>(&first)) co_return std::move(*denial);
  std::optional<core::Grant> grant = std::get<core::Grant>(std::move(first));

  const Executor executor = co_await boost::asio::this_coro::executor;
  FormReader reader(body, executor, form->multipart);
  while (true) {
    const auto more = co_await reader.next_part();
    if (!more) co_return form->refuse(outcome_of(more.error()));
    if (!*more) break;
    const wire::FormPart part = reader.part();
    if (!part.is_file()) {
      if (part.name != "key" && part.name != "redirect_to") continue;
      const auto value = co_await reader.value(kFieldMax);
      if (!value) co_return form->refuse(outcome_of(value.error()));
      if (part.name == "key") {
        form->key = *value;
      } else if (form::may_redirect(*value, redirects_)) {
        form->redirect = *value;
      } else {
        co_return form->refuse(
            core::Problem(ProblemType::kMalformedRequest, "redirect_to is not allowed here"));
      }
      continue;
    }
    // A file field that the user left empty is sent as a file without name and bytes.
    if (part.filename->empty()) {
      const auto nothing = co_await reader.value(0);
      if (nothing) continue;
      if (nothing.error().code() != Errc::kTooLarge) {
        co_return form->refuse(outcome_of(nothing.error()));
      }
      co_return form->refuse(
          core::Problem(ProblemType::kMalformedRequest, "a file of the form has no name"));
    }

    form::Stored stored;
    stored.field = part.name;
    stored.filename = *part.filename;
    command.key.reset();
    if (!form->key.empty()) {
      auto key = form::object_key(form->key, *part.filename);
      if (!key) co_return form->refuse(std::move(key).error());
      stored.key = *key;
      command.key = std::move(*key);
      if (!form::is_pattern(form->key)) form->key.clear();  // for one file only
    }
    wire::Headers own;
    own.add("Content-Type", part.content_type);
    auto attributes = protocols::object_attributes(own);
    if (!attributes) co_return form->refuse(std::move(attributes).error());
    command.attributes.content_type = attributes->content_type;

    if (!grant || command.key) {
      auto allowed = co_await services_.permission->ask(form->request, command, refuse);
      if (auto* denial = std::get_if<Answer>(&allowed)) co_return std::move(*denial);
      grant = std::get<core::Grant>(std::move(allowed));
    }
    core::Command one = command;
    core::Grant granted = std::move(*grant);
    const core::Outcome outcome =
        co_await run_whole(services_.uploads, std::move(one), std::move(granted), &reader);
    const auto* complete = std::get_if<core::Complete>(&outcome);
    if (complete == nullptr) {
      // The reader knows better than the engine what is wrong with the form.
      if (reader.malformed()) co_return form->refuse(outcome_of(*reader.malformed()));
      co_return form->refuse(outcome);
    }
    stored.location = form->address + command.name;
    stored.result = complete->result;
    form->stored.push_back(std::move(stored));
    command.name = fresh_name(services_.random);
    grant.reset();
  }
  Answer answer;
  const core::Outcome done = core::Complete{};
  if (form->redirect) {
    answer = rendered(form::redirect(*form->redirect), done);
  } else {
    answer = rendered(form::stored_form(form->stored), done);
  }
  co_return answer;
}

}  // namespace sluice::http
