#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <boost/json/serialize.hpp>

#include "core/problem_terms.h"
#include "protocols/ietf.h"
#include "protocols/ietf_fields.h"
#include "protocols/result_json.h"

namespace sluice::protocols {

namespace {

using core::ProblemType;
using ietf::Fields;
using ietf::Kind;

constexpr int kRetryAfterDefault = 2;  // seconds

// Where this protocol has its own word for a problem, or another mend (section 6).
struct Terms {
  ProblemType problem;
  std::string_view type;  // empty: ours
  std::string_view mend;
};
constexpr std::string_view kInconsistent =
    "https://iana.org/assignments/http-problem-types#inconsistent-upload-length";
constexpr std::string_view kAgree =
    "Upload-Length and the end of the content have to agree, in all requests.";
constexpr Terms kTerms[] = {
    {ProblemType::kOffsetMismatch,
     "https://iana.org/assignments/http-problem-types#mismatching-upload-offset",
     "Continue at expected-offset."},
    {ProblemType::kTotalMismatch, kInconsistent, kAgree},
    {ProblemType::kLengthMismatch, kInconsistent, kAgree},
    {ProblemType::kBodyTooLong, kInconsistent, kAgree},
    {ProblemType::kCompleting, "",
     "Wait as long as Retry-After says, then ask for the offset (HEAD)."},
    {ProblemType::kUnsupportedMediaType, "",
     "Send appends with the Content-Type that Accept-Patch names."},
};

void mark_version(const Fields& fields, wire::Headers* headers) {
  if (const auto number = fields.version.number()) {  // P-09
    headers->set(std::string(ietf::kVersionField), std::to_string(*number));
  }
}

void mark_complete(const Fields& fields, bool complete, wire::Headers* headers) {
  if (fields.version.at_most(3)) {  // D-01
    headers->set("Upload-Incomplete", complete ? "?0" : "?1");
  } else {
    headers->set("Upload-Complete", complete ? "?1" : "?0");
  }
}

class Renderer {
 public:
  Renderer(const wire::RequestHead& request, const IetfOptions& options,
           const core::Command* command, const Context& context)
      : request_(request),
        options_(options),
        command_(command),
        context_(context),
        fields_(ietf::read_fields(request, options)) {}

  std::optional<Response> operator()(const core::Incomplete& outcome) const {
    if (fields_.kind == Kind::kRetrieve) {
      return retrieved(outcome.offset, outcome.total, false, outcome.about);
    }
    // The engine completes or refuses what is to end the object.
    if (finishes()) {
      return (*this)(core::Refused{core::Problem(ProblemType::kCompleting), outcome.offset, false});
    }
    const bool creates = fields_.kind == Kind::kCreate;
    const bool created = creates || fields_.version.at_most(6);  // P-10, D-03
    Response response = begin(created ? 201 : 204);
    wire::Headers& headers = response.head.headers;
    if (creates) {
      headers.add("Location", address());
      add_limits(outcome.about, &headers);
    }
    mark_complete(fields_, false, &headers);
    add_offset(outcome.offset, &headers);
    return response;
  }

  std::optional<Response> operator()(const core::Complete& outcome) const {
    const core::UploadResult& result = outcome.result;
    if (fields_.kind == Kind::kRetrieve) {
      return retrieved(end_of(result.size), result.size, true, outcome.about);
    }
    const bool ends = finishes() || fields_.version.ends_at_length();
    if (fields_.kind == Kind::kAppend && !ends) return too_late(result);
    // The answer of the targeted resource: that of an ordinary upload. A lost one is
    // given again (P-07).
    Response response = begin(fields_.version.at_most(6) ? 201 : 200);  // D-03
    wire::Headers& headers = response.head.headers;
    mark_complete(fields_, true, &headers);
    add_offset(end_of(result.size), &headers);
    if (fields_.kind == Kind::kCreate) {
      // A finished creation needs none, but tus-js-client takes none without one.
      headers.add("Location", address());
      add_limits(outcome.about, &headers);
    }
    if (std::string etag = etag_field(result.etag); !etag.empty()) {
      headers.add("ETag", std::move(etag));
    }
    return with_body(std::move(response), "application/json; charset=UTF-8",
                     boost::json::serialize(result_json(result)));
  }

  std::optional<Response> operator()(const core::Cancelled&) const { return begin(204); }

  // No command of this protocol asks for it.
  std::optional<Response> operator()(const core::Inspected&) const { return begin(204); }

  std::optional<Response> operator()(const core::Refused& outcome) const {
    const ProblemType type = outcome.problem.type;
    const bool writes = fields_.kind == Kind::kCreate || fields_.kind == Kind::kAppend;
    if (type == ProblemType::kTakenOver && writes) return std::nullopt;  // P-11
    const int status = status_of(type);
    Response response = begin(status);
    wire::Headers& headers = response.head.headers;
    if (writes && speaks_of_transfer(status)) {
      mark_complete(fields_, is_final_refusal(type), &headers);
      if (outcome.offset) add_offset(*outcome.offset, &headers);  // P-08, D-02
    }
    if (writes && (status == 400 || status == 413)) add_limits(core::About(), &headers);  // P-19
    if (status == 429 || status == 503) {
      const int after = outcome.problem.retry_after_s.value_or(kRetryAfterDefault);
      headers.add("Retry-After", std::to_string(after));
    }
    if (status == 401) headers.add("WWW-Authenticate", "Bearer");  // RFC 9110 15.5.2
    if (status == 405) {
      const bool known = !ietf::upload_in(request_, options_).empty();
      headers.add("Allow", std::string(known ? ietf::kAllowUpload : ietf::kAllowCreation));
    }
    if (status == 415) headers.add("Accept-Patch", std::string(ietf::kPartialUpload));
    const core::ProblemTerms terms = terms_of(outcome);
    return with_body(
        std::move(response), "application/problem+json",
        core::problem_json(outcome.problem, context_.request_id, status, terms));
  }

  std::optional<Response> operator()(const core::ClientGone&) const { return std::nullopt; }

 private:
  // This request's content is the end of the object. Of version 3 to 6 silence means yes (P-02).
  bool finishes() const {
    const bool append = fields_.kind == Kind::kAppend;
    return fields_.complete.value_or(append && fields_.version.at_most(6));
  }

  std::string address() const {
    const std::string_view name = command_ != nullptr ? command_->name : std::string_view();
    return ietf::address_of(name, options_, context_.origin);
  }

  Response begin(int status) const {
    Response response;
    response.head.status = status;
    response.head.headers.add("Cache-Control", "no-store");
    mark_version(fields_, &response.head.headers);
    return response;
  }

  void add_offset(ByteOffset offset, wire::Headers* headers) const {
    headers->add("Upload-Offset", std::to_string(offset.value()));
  }

  void add_limits(const core::About& about, wire::Headers* headers) const {
    std::optional<Duration> lifetime;
    if (about.expires_at && context_.now) lifetime = *about.expires_at - *context_.now;
    headers->add("Upload-Limit", ietf::upload_limit(options_, fields_.version, lifetime));
  }

  Response with_body(Response response, std::string_view type, std::string body) const {
    response.head.headers.add("Content-Type", std::string(type));
    if (request_.method != "HEAD") response.body = std::move(body);
    return response;
  }

  // Section 5.2: 204 for every version, which is what the oldest ones insist on (D-05).
  Response retrieved(ByteOffset offset, std::optional<ByteCount> total, bool complete,
                     const core::About& about) const {
    Response response = begin(204);
    wire::Headers& headers = response.head.headers;
    add_offset(offset, &headers);
    mark_complete(fields_, complete, &headers);
    if (total) headers.add("Upload-Length", std::to_string(total->value()));
    add_limits(about, &headers);
    return response;
  }

  // An empty append that is not the end, to an upload that has ended (P-07).
  std::optional<Response> too_late(const core::UploadResult& result) const {
    const ProblemType type =
        fields_.version.between(7, 7) ? ProblemType::kBodyTooLong : ProblemType::kUploadGone;
    core::Refused refusal{core::Problem(type, "the upload is complete"), std::nullopt, true};
    std::optional<Response> response = (*this)(refusal);
    if (response) {
      mark_complete(fields_, false, &response->head.headers);
      add_offset(end_of(result.size), &response->head.headers);
    }
    return response;
  }

  // Of what is no upload there is nothing to say (section 6).
  static bool speaks_of_transfer(int status) noexcept {
    return status != 404 && status != 405 && status != 410;
  }

  // The targeted resource itself speaks; of appends it is the transfer, so that a stranger's request
  // does not end the upload (section 6, R-09).
  bool is_final_refusal(ProblemType type) const noexcept {
    return fields_.kind == Kind::kCreate &&
           (type == ProblemType::kUnauthorized || type == ProblemType::kForbidden);
  }

  int status_of(ProblemType type) const {
    if (type == ProblemType::kUploadGone && fields_.version.at_most(6)) return 404;  // D-07
    if (type == ProblemType::kTakenOver) return 503;  // not by this request's fault: ask again
    return core::problem_entry(type).status;
  }

  core::ProblemTerms terms_of(const core::Refused& outcome) const {
    core::ProblemTerms terms;
    for (const Terms& row : kTerms) {
      if (row.problem != outcome.problem.type) continue;
      terms.type = row.type;
      terms.mend = row.mend;
    }
    // The engine names no offset of an upload that has ended: nothing can be appended to it.
    const bool ended = outcome.problem.type == ProblemType::kBodyTooLong && !outcome.offset;
    if (ended && fields_.kind == Kind::kAppend && fields_.version.between(6, 7)) {  // P-07
      terms.type = "https://iana.org/assignments/http-problem-types#completed-upload";
      terms.mend = "Nothing is left to send.";
    }
    if (outcome.problem.type == ProblemType::kOffsetMismatch) {
      if (outcome.offset) terms.numbers.emplace_back("expected-offset", outcome.offset->value());
      if (fields_.offset) terms.numbers.emplace_back("provided-offset", fields_.offset->value());
    }
    return terms;
  }

  const wire::RequestHead& request_;
  const IetfOptions& options_;
  const core::Command* const command_;
  const Context& context_;
  const Fields fields_;
};

}  // namespace

std::optional<Response> Ietf::render(const core::Outcome& outcome,
                                     const wire::RequestHead& request,
                                     const core::Command* command, const Context& context) const {
  return std::visit(Renderer(request, options_, command, context), outcome);
}

std::optional<core::Command> Ietf::follow_up(const core::Outcome& outcome,
                                             const wire::RequestHead& request,
                                             const core::Command& command) const {
  const auto* refused = std::get_if<core::Refused>(&outcome);
  if (refused == nullptr || refused->problem.type != ProblemType::kBodyTooLong) return std::nullopt;
  if (ietf::read_fields(request, options_).version.at_most(6)) return std::nullopt;  // D-11
  core::Command cancel;
  cancel.name = command.name;
  cancel.verb = core::Cancel();  // of one that is complete it cancels nothing
  return cancel;
}

// The application refuses: of a creation that is the targeted resource's answer, and final; of an
// append it may be a stranger who is refused (section 6).
void Ietf::mark(const wire::RequestHead& request, wire::Headers* answer) const {
  const Fields fields = ietf::read_fields(request, options_);
  mark_version(fields, answer);
  if (fields.kind == Kind::kCreate) mark_complete(fields, true, answer);
  if (fields.kind == Kind::kAppend) mark_complete(fields, false, answer);
}

Response Ietf::options(const wire::RequestHead& request) const {
  const Fields fields = ietf::read_fields(request, options_);
  const bool known = !ietf::upload_in(request, options_).empty();
  Response response;
  response.head.status = 204;
  wire::Headers& headers = response.head.headers;
  headers.add("Allow", std::string(known ? ietf::kAllowUpload : ietf::kAllowCreation));
  headers.add("Upload-Limit", ietf::upload_limit(options_, fields.version, std::nullopt));
  headers.add("Accept-Patch", std::string(ietf::kPartialUpload));                           // D-14
  mark_version(fields, &headers);
  return response;
}

std::optional<wire::ResponseHead> Ietf::announcement(const wire::RequestHead& request,
                                                     const core::Command& command,
                                                     const Context& context) const {
  const Fields fields = ietf::read_fields(request, options_);
  if (!fields.version.number() || fields.kind != Kind::kCreate) return std::nullopt;
  wire::ResponseHead head;
  head.status = 104;
  mark_version(fields, &head.headers);
  head.headers.add("Location", ietf::address_of(command.name, options_, context.origin));
  head.headers.add("Upload-Limit", ietf::upload_limit(options_, fields.version, std::nullopt));
  return head;
}

std::optional<wire::ResponseHead> Ietf::progress(const wire::RequestHead& request,
                                                 ByteOffset durable) const {
  const Fields fields = ietf::read_fields(request, options_);
  const bool writes = fields.kind == Kind::kCreate || fields.kind == Kind::kAppend;
  if (!fields.version.number() || !writes) return std::nullopt;
  wire::ResponseHead head;
  head.status = 104;
  mark_version(fields, &head.headers);
  head.headers.add("Upload-Offset", std::to_string(durable.value()));  // never a Location
  return head;
}

}  // namespace sluice::protocols
