#include "protocols/google.h"

#include <algorithm>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/text.h"
#include "protocols/put308.h"
#include "protocols/put308_fields.h"

namespace sluice::protocols::google {

namespace {

using core::ProblemType;

constexpr std::string_view kNames = ".sluice/sessions/";  // upload_name() refuses it
constexpr std::size_t kFreshMin = 16;

tl::unexpected<core::Problem> refuse(ProblemType type, std::string why) {
  return tl::unexpected<core::Problem>(core::Problem(type, std::move(why)));
}

core::Command command_for(const GoogleObject& object, std::string_view fresh) {
  core::Command command;
  command.name = upload_name_of(fresh);
  command.key = object.name;
  command.attributes = object.attributes;
  command.attributes.raw_metadata = memo(object);
  return command;
}

std::optional<core::Problem> too_large(std::optional<ByteCount> size, ByteCount limit) {
  if (!size || *size <= limit) return std::nullopt;
  return core::Problem(ProblemType::kTooLarge, "the object has " + std::to_string(size->value()) +
                                                   " bytes, the limit is " +
                                                   std::to_string(limit.value()));
}

std::string base64url_text(std::string_view text) {
  return base64url(as_bytes(text));
}

std::optional<std::string> from_base64url(std::string_view text) {
  std::string padded(text);
  for (char& c : padded) {
    if (c == '+' || c == '/') return std::nullopt;
    if (c == '-') c = '+';
    if (c == '_') c = '/';
  }
  while (padded.size() % 4 != 0) padded += '=';
  return base64_decode(padded);
}

// Google's libraries show the message of this member to their users.
void add_error_member(Response* response) {
  boost::json::error_code error;
  boost::json::value body = boost::json::parse(response->body, error);
  if (error || !body.is_object()) return;
  boost::json::object& problem = body.get_object();
  boost::json::object member;
  member["code"] = response->head.status;
  const boost::json::value* detail = problem.if_contains("detail");
  const boost::json::value* title = problem.if_contains("title");
  if (detail != nullptr) {
    member["message"] = *detail;
  } else if (title != nullptr) {
    member["message"] = *title;
  }
  problem["error"] = std::move(member);
  response->body = boost::json::serialize(problem);
  response->head.headers.set("Content-Length", std::to_string(response->body.size()));
}

}  // namespace

std::string session_id(const Session& session) {
  if (session.subject.empty()) return session.fresh;
  return session.fresh + "." + base64url_text(session.subject);
}

std::optional<Session> session_of(std::string_view id) {
  const std::size_t dot = std::min(id.find('.'), id.size());
  Session out;
  out.fresh = id.substr(0, dot);
  if (out.fresh.size() < kFreshMin) return std::nullopt;
  if (dot < id.size()) {
    auto subject = from_base64url(id.substr(dot + 1));
    if (!subject || subject->empty()) return std::nullopt;
    out.subject = std::move(*subject);
  }
  return out;
}

std::string upload_name_of(std::string_view fresh) {
  return std::string(kNames) + std::string(fresh);
}

tl::expected<core::Command, core::Problem> start(const GoogleObject& object,
                                                 const wire::RequestHead& request,
                                                 std::string_view fresh,
                                                 const GoogleOptions& options) {
  const auto total = put308::total_of(request.headers, std::nullopt);
  if (!total) return tl::unexpected(total.error());
  core::Create create;
  if (*total) create.total = ByteCount(**total);
  if (auto large = too_large(create.total, options.size_max)) {
    return tl::unexpected(std::move(*large));
  }
  const auto parallel = put308::wants_parallel(request.headers);
  if (!parallel) return tl::unexpected(parallel.error());
  if (*parallel && !create.total) {
    return refuse(ProblemType::kLengthRequired,
                  "a parallel upload (X-Upload-Parallel: 1) needs its total size from the start");
  }
  create.parallel = *parallel;
  core::Command command = command_for(object, fresh);
  command.verb = create;
  return command;
}

tl::expected<core::Command, core::Problem> whole(const GoogleObject& object,
                                                 std::optional<ByteCount> length,
                                                 std::string_view fresh,
                                                 const GoogleOptions& options) {
  if (auto large = too_large(length, options.size_max)) return tl::unexpected(std::move(*large));
  core::Append append;
  append.length = length;
  append.total = length;
  append.ends_object = true;
  core::Command command = command_for(object, fresh);
  command.verb = append;
  return command;
}

tl::expected<core::Command, core::Problem> of_session(const Session& session,
                                                      const wire::RequestHead& request,
                                                      const GoogleOptions& options) {
  core::Command command;
  command.name = upload_name_of(session.fresh);
  if (request.method == "DELETE") {
    command.verb = core::Cancel{};
    return command;
  }
  auto carried = put308::carried(request, options.size_max, std::move(command));
  if (!carried) return carried;
  carried->attributes = core::ObjectAttributes();  // they are the start's to give
  if (auto* append = std::get_if<core::Append>(&carried->verb)) {
    append->may_begin = false;
    append->parallel = false;
  }
  return carried;
}

Response started(const GoogleTarget& target, std::string_view id, std::string_view origin) {
  Response response;
  response.head.status = 200;
  wire::Headers& headers = response.head.headers;
  headers.add("Location", std::string(origin) + target.collection +
                              "?uploadType=resumable&upload_id=" + std::string(id));
  headers.add("X-GUploader-UploadID", std::string(id));
  headers.add("Cache-Control", "no-store");
  headers.add("Content-Length", "0");
  return response;
}

std::optional<Response> render(const core::Outcome& outcome, const wire::RequestHead& request,
                               const GoogleObject* object,
                               const std::optional<wire::Checksum>& crc32c,
                               std::string_view request_id) {
  std::optional<Response> response = put308::render(outcome, request, Put308Options(), request_id);
  if (!response) return response;
  if (const auto* complete = std::get_if<core::Complete>(&outcome)) {
    if (object != nullptr) response->body = resource(*object, complete->result, crc32c);
    response->head.headers.set("Content-Length", std::to_string(response->body.size()));
  } else if (std::holds_alternative<core::Cancelled>(outcome)) {  // C12, R-55
    response->head.status = 499;
    response->head.reason = "Client Closed Request";
    response->head.headers.set("Content-Length", "0");
  } else if (std::holds_alternative<core::Refused>(outcome)) {
    if (response->head.headers.find("Allow") != nullptr) {
      response->head.headers.set("Allow", std::string(kAllow));
    }
    add_error_member(&*response);
  }
  return response;
}

}  // namespace sluice::protocols::google
