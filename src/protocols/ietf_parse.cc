#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/text.h"
#include "protocols/ietf.h"
#include "protocols/ietf_fields.h"
#include "protocols/object_attributes.h"
#include "protocols/tus_metadata.h"
#include "protocols/upload_name.h"
#include "wire/structured_fields.h"

namespace sluice::protocols {

namespace {

using core::ProblemType;
using ietf::Fields;
using ietf::Kind;
using Parsed = tl::expected<core::Command, core::Problem>;

tl::unexpected<core::Problem> refuse(ProblemType type, std::string why) {
  return tl::unexpected<core::Problem>(core::Problem(type, std::move(why)));
}

constexpr std::size_t kMetadataFieldMax = 8U << 10;  // as in tus (TP-18)

// A digest that we would have to judge by, of an algorithm that servers are expected to know.
bool asks_for_verification(const wire::Headers& headers, const char* name) {
  const auto field = wire::sf::combined(headers, name);
  const auto digests = field ? wire::sf::parse_dictionary(*field) : std::nullopt;
  if (!digests) return false;
  return std::any_of(digests->begin(), digests->end(), [](const auto& entry) {
    if (entry.first != "sha-256" && entry.first != "sha-512") return false;
    const auto* item = std::get_if<wire::sf::Item>(&entry.second);
    return item != nullptr && std::holds_alternative<wire::sf::ByteSequence>(item->value);
  });
}

// Nothing is verified yet. To take the bytes all the same would tell the client that they are what
// it meant.
std::optional<core::Problem> unverifiable(const wire::Headers& headers) {
  for (const char* name : {"Content-Digest", "Repr-Digest"}) {
    if (asks_for_verification(headers, name)) {
      return core::Problem(ProblemType::kNotImplemented,
                           std::string(name) + " is not verified here; leave it out");
    }
  }
  const auto trailers = wire::sf::combined(headers, "Trailer");
  if (trailers && lower(*trailers).find("-digest") != std::string::npos) {
    return core::Problem(ProblemType::kNotImplemented, "digests in trailers are not verified here");
  }
  return std::nullopt;
}

std::optional<core::Problem> over_limit(ByteOffset begin, std::optional<ByteCount> content,
                                        std::optional<ByteCount> length, ByteCount size_max) {
  const std::uint64_t bytes = content.value_or(ByteCount()).value();
  const bool fits = length.value_or(ByteCount()) <= size_max && bytes <= size_max.value() &&
                    begin.value() <= size_max.value() - bytes;
  if (fits) return std::nullopt;
  return core::Problem(ProblemType::kTooLarge,
                       "the limit is " + std::to_string(size_max.value()) + " bytes");
}

// What object a creation is for: its name in the path, if there are names, and the description.
std::optional<core::Problem> describe(const wire::RequestHead& request, const IetfOptions& options,
                                      core::Command* command) {
  if (options.names) {
    auto key = upload_name(std::string_view(request.path).substr(options.prefix.size()));
    if (!key) return std::move(key).error();
    command->key = std::move(*key);
  }
  auto attributes = object_attributes(request.headers);
  if (!attributes) return std::move(attributes).error();
  // The type of the message, not of the object (trap 12).
  if (ietf::is_partial_upload(request)) attributes->content_type.clear();
  command->attributes = std::move(*attributes);
  // tus-js-client describes the object in its own way in this protocol, too. Others may use the
  // field as they like.
  const std::string* metadata = request.headers.find("Upload-Metadata");
  const auto pairs = metadata != nullptr && metadata->size() <= kMetadataFieldMax
                         ? parse_tus_metadata(*metadata)
                         : tl::unexpected<std::string>("none");
  if (!pairs) return std::nullopt;
  core::ObjectAttributes said = tus_attributes(*metadata, *pairs);
  core::ObjectAttributes& out = command->attributes;
  out.raw_metadata = std::move(said.raw_metadata);
  if (out.content_type.empty()) out.content_type = std::move(said.content_type);
  if (out.metadata.empty()) out.metadata = std::move(said.metadata);
  return std::nullopt;
}

// Section 5.1.
Parsed create(const wire::RequestHead& request, const Fields& fields, const IetfOptions& options,
              std::string_view fresh_name) {
  if (!fields.complete) {  // P-23
    return refuse(ProblemType::kMalformedRequest,
                  "a creation says with Upload-Complete (?0 or ?1) whether its content is all");
  }
  if (request.headers.find("Upload-Offset") != nullptr && fields.offset != ByteOffset()) {
    return refuse(ProblemType::kMalformedRequest, "an upload begins at Upload-Offset 0");
  }
  const auto& content = fields.content;
  const auto& length = fields.length;
  if (auto large = over_limit(ByteOffset(), content, length, options.size_max)) {
    return tl::unexpected(std::move(*large));
  }
  if (content && length && *content > *length) {
    return refuse(ProblemType::kTotalMismatch, "the content is longer than Upload-Length");
  }
  if (*fields.complete && content && length && *content != *length) {
    return refuse(ProblemType::kTotalMismatch, "Upload-Length is not the length of the content");
  }

  core::Command command;
  command.name = std::string(ietf::kNameBegin) + std::string(fresh_name);
  if (auto problem = describe(request, options, &command)) {
    return tl::unexpected(std::move(*problem));
  }
  const bool empty = content == ByteCount();
  // P-16: clients of these versions never say that an empty file is complete. For all others a
  // length that is reached is not the end, and Create would make it one.
  const bool ends_empty = fields.version.ends_at_length() && length == ByteCount();
  if (!*fields.complete && empty && (ends_empty || length != ByteCount())) {
    core::Create create;
    create.total = length;
    command.verb = create;
    return command;
  }
  core::Append append;
  append.begin = ByteOffset();
  append.length = content;
  append.total = length;
  if (*fields.complete && content) append.total = content;
  append.ends_object = *fields.complete;
  append.exact = true;
  append.ends_at_total = fields.version.ends_at_length();
  command.verb = append;
  return command;
}

// Section 5.3.
Parsed append_to(const wire::RequestHead& request, const Fields& fields,
                 const IetfOptions& options, core::Command command) {
  if (fields.version.at_least(6) && !ietf::is_partial_upload(request)) {  // P-03, D-08
    return refuse(ProblemType::kUnsupportedMediaType,
                  "the content of an append is " + std::string(ietf::kPartialUpload));
  }
  if (!fields.offset) {  // P-01
    return refuse(ProblemType::kMalformedRequest,
                  "an append needs one Upload-Offset, an Integer from 0");
  }
  if (!fields.complete && fields.version.at_least(7)) {  // P-02
    return refuse(ProblemType::kMalformedRequest, "an append needs one Upload-Complete, ?0 or ?1");
  }
  const bool complete = fields.complete.value_or(true);
  const auto& content = fields.content;
  if (auto large = over_limit(*fields.offset, content, fields.length, options.size_max)) {
    return tl::unexpected(std::move(*large));
  }

  core::Append append;
  append.begin = fields.offset;
  append.length = content;
  append.total = fields.length;
  if (complete && content) {
    const ByteCount total = (*fields.offset + *content) - ByteOffset();
    if (append.total && *append.total != total) {
      return refuse(ProblemType::kTotalMismatch, "the content does not end at Upload-Length");
    }
    append.total = total;
  }
  append.ends_object = complete;
  append.may_begin = false;
  append.exact = true;
  append.ends_at_total = fields.version.ends_at_length();
  command.verb = append;
  return command;
}

}  // namespace

bool Ietf::speaks(const wire::RequestHead& request) const {
  const wire::Headers& headers = request.headers;
  if (headers.find("Tus-Resumable") != nullptr) return false;
  const Fields fields = ietf::read_fields(request, options_);
  if (options_.names) {
    // With a field that does not count it is an ordinary request.
    return fields.kind == Kind::kCreate && fields.complete &&
           headers.find("Content-Range") == nullptr;
  }
  static constexpr std::array<std::string_view, 3> kMarks{ietf::kVersionField, "Upload-Complete",
                                                          "Upload-Incomplete"};
  const bool marked = std::any_of(kMarks.begin(), kMarks.end(), [&headers](std::string_view mark) {
    return headers.find(mark) != nullptr;
  });
  return marked || ietf::is_partial_upload(request) ||
         ietf::upload_in(request, options_).starts_with(ietf::kNameBegin);
}

Parsed Ietf::parse(const wire::RequestHead& request, const Context& context) const {
  const Fields fields = ietf::read_fields(request, options_);
  if (fields.kind == Kind::kOther) {
    const bool known = !ietf::upload_in(request, options_).empty();
    return refuse(
        ProblemType::kMethodNotAllowed,
        "allowed are " + std::string(known ? ietf::kAllowUpload : ietf::kAllowCreation));
  }
  if (fields.kind == Kind::kCreate || fields.kind == Kind::kAppend) {
    if (auto problem = unverifiable(request.headers)) return tl::unexpected(std::move(*problem));
  }
  if (fields.kind == Kind::kCreate) return create(request, fields, options_, context.fresh_name);

  auto name = upload_name(ietf::upload_in(request, options_));
  if (!name) return refuse(ProblemType::kUploadNotFound, "no upload has such an address");
  core::Command command;
  command.name = std::move(*name);
  if (fields.kind == Kind::kAppend) {
    return append_to(request, fields, options_, std::move(command));
  }
  for (const char* field :
       {"Upload-Offset", "Upload-Complete", "Upload-Incomplete", "Upload-Length"}) {
    if (request.headers.find(field) == nullptr) continue;  // P-05
    return refuse(ProblemType::kMalformedRequest,
                  std::string(field) + " has no place in " + request.method);
  }
  if (fields.kind == Kind::kCancel) {
    core::Cancel cancel;
    cancel.release_complete = true;  // whatever it was, it is gone
    command.verb = cancel;
  } else {
    core::Query query;
    query.settle = true;
    command.verb = query;
  }
  return command;
}

}  // namespace sluice::protocols
