#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "protocols/tus.h"
#include "protocols/tus_fields.h"
#include "protocols/tus_metadata.h"
#include "protocols/upload_name.h"

namespace sluice::protocols {

namespace {

using core::ProblemType;
using Parsed = tl::expected<core::Command, core::Problem>;

constexpr std::size_t kMetadataFieldMax = 8U << 10;  // TP-18

tl::unexpected<core::Problem> refuse(ProblemType type, std::string why) {
  return tl::unexpected<core::Problem>(core::Problem(type, std::move(why)));
}

// T-09. nullopt inside: the field is not there.
tl::expected<std::optional<std::uint64_t>, core::Problem> number(const wire::Headers& headers,
                                                                 const char* name) {
  const std::string* field = headers.find(name);
  if (field == nullptr) return std::nullopt;
  const std::optional<std::uint64_t> value = parse_decimal(trim(*field));
  if (!value || headers.count(name) > 1) {
    return refuse(ProblemType::kMalformedRequest,
                  std::string(name) + " is not one number of at most 2^63 - 1");
  }
  return value;
}

bool is_offset_stream(const wire::Headers& headers) noexcept {
  const std::string* type = headers.find("Content-Type");
  return type != nullptr && headers.count("Content-Type") == 1 &&
         equals_ignoring_case(trim(*type), tus::kMediaType);
}

// What was asked for and is not announced: to leave it out silently would be another upload than the
// client believes in.
std::optional<core::Problem> not_spoken(const wire::Headers& headers) {
  if (headers.find("Upload-Concat") != nullptr) {
    return core::Problem(ProblemType::kNotImplemented,
                         "concatenation is not supported; send the file as one upload");
  }
  if (headers.find("Upload-Checksum") != nullptr) {
    return core::Problem(ProblemType::kNotImplemented, "checksum is not supported");
  }
  const std::string* trailer = headers.find("Trailer");
  if (trailer != nullptr && lower(*trailer).find("upload-checksum") != std::string::npos) {
    return core::Problem(ProblemType::kNotImplemented, "checksum-trailer is not supported");
  }
  return std::nullopt;
}

tl::expected<std::optional<ByteCount>, core::Problem> total_of(const wire::Headers& headers,
                                                               ByteCount size_max) {
  const auto length = number(headers, "Upload-Length");
  if (!length) return tl::unexpected(length.error());
  if (!*length) return std::nullopt;
  if (**length > size_max.value()) {  // T-40
    return refuse(ProblemType::kTooLarge,
                  "the limit is " + std::to_string(size_max.value()) + " bytes");
  }
  return ByteCount(**length);
}

// Creation, perhaps with content (T-28 to T-52).
Parsed create(const wire::RequestHead& request, ByteCount size_max, std::string_view name) {
  const wire::Headers& headers = request.headers;
  const auto total = total_of(headers, size_max);
  if (!total) return tl::unexpected(total.error());
  const std::string* defer = headers.find("Upload-Defer-Length");
  if (defer != nullptr && (trim(*defer) != "1" || headers.count("Upload-Defer-Length") > 1)) {
    return refuse(ProblemType::kMalformedRequest, "Upload-Defer-Length is not 1");  // T-33
  }
  if ((defer != nullptr) == total->has_value()) {  // T-32
    return refuse(ProblemType::kMalformedRequest,
                  "exactly one of Upload-Length and Upload-Defer-Length is needed");
  }

  core::Command command;
  command.name = name;
  if (const std::string* field = headers.find("Upload-Metadata")) {
    if (headers.count("Upload-Metadata") > 1) {
      return refuse(ProblemType::kMalformedRequest, "there is more than one Upload-Metadata");
    }
    if (field->size() > kMetadataFieldMax) {
      return refuse(ProblemType::kHeadersTooLarge, "Upload-Metadata may have 8 KiB");
    }
    auto pairs = parse_tus_metadata(*field);
    if (!pairs) return refuse(ProblemType::kMalformedRequest, std::move(pairs).error());
    command.attributes = tus_attributes(*field, *pairs);
  }

  if (!tus::has_content(request)) {  // T-49: its media type does not matter
    core::Create create;
    create.total = *total;
    command.verb = create;
    return command;
  }
  if (!is_offset_stream(headers)) {  // T-48
    return refuse(ProblemType::kUnsupportedMediaType,
                  "content of a creation is " + std::string(tus::kMediaType));
  }
  core::Append append;
  append.begin = ByteOffset();
  append.total = *total;
  if (request.framing == wire::BodyFraming::kContentLength) append.length = request.content_length;
  if (append.length && append.total && *append.length > *append.total) {  // T-50
    return refuse(ProblemType::kBodyTooLong, "the content is longer than Upload-Length");
  }
  append.exact = true;
  command.verb = append;
  return command;
}

// PATCH (T-16 to T-27, T-35 to T-37).
Parsed patch(const wire::RequestHead& request, ByteCount size_max, core::Command command) {
  const wire::Headers& headers = request.headers;
  if (!is_offset_stream(headers)) {  // T-17
    return refuse(ProblemType::kUnsupportedMediaType,
                  "the content of PATCH is " + std::string(tus::kMediaType));
  }
  const auto offset = number(headers, "Upload-Offset");
  if (!offset) return tl::unexpected(offset.error());
  if (!*offset) return refuse(ProblemType::kMalformedRequest, "Upload-Offset is missing");
  const auto total = total_of(headers, size_max);
  if (!total) return tl::unexpected(total.error());

  core::Append append;
  append.begin = ByteOffset(**offset);
  append.total = *total;
  if (request.framing != wire::BodyFraming::kChunked) append.length = request.content_length;
  const std::uint64_t length = append.length.value_or(ByteCount()).value();
  if (length > size_max.value() || **offset > size_max.value() - length) {
    return refuse(ProblemType::kTooLarge,
                  "the limit is " + std::to_string(size_max.value()) + " bytes");
  }
  append.may_begin = false;
  append.exact = true;
  command.verb = append;
  return command;
}

}  // namespace

Parsed Tus::parse(const wire::RequestHead& request, const Context& context) const {
  const std::string method = tus::method_of(request);
  const wire::Headers& headers = request.headers;
  // TP-12: a download needs no version; there is none here, and it says so.
  if (method != "GET") {
    const std::string* version = headers.find("Tus-Resumable");
    const bool ours = version != nullptr && headers.count("Tus-Resumable") == 1 &&
                      trim(*version) == tus::kVersion;
    if (!ours) {  // T-02, T-04
      return refuse(ProblemType::kPreconditionFailed, "Tus-Resumable must be 1.0.0");
    }
  }
  if (auto problem = not_spoken(headers)) return tl::unexpected(std::move(*problem));

  std::string_view rest;
  if (request.path.size() > options_.prefix.size()) {
    rest = std::string_view(request.path).substr(options_.prefix.size());
    if (rest.ends_with('/')) rest.remove_suffix(1);  // TP-14
  }
  if (rest.empty()) {
    if (method != "POST") {
      return refuse(ProblemType::kMethodNotAllowed, "uploads are created with POST");
    }
    return create(request, options_.size_max, context.fresh_name);
  }
  const bool known = method == "HEAD" || method == "PATCH" || method == "DELETE";
  if (!known) {
    return refuse(ProblemType::kMethodNotAllowed, "allowed are " + std::string(tus::kAllow));
  }
  auto name = upload_name(rest);
  if (!name) return refuse(ProblemType::kUploadNotFound, "no upload has such an address");
  core::Command command;
  command.name = std::move(*name);
  if (method == "PATCH") return patch(request, options_.size_max, std::move(command));
  if (method == "HEAD") {
    command.verb = core::Query{};
  } else {
    core::Cancel cancel;
    cancel.release_complete = true;  // T-72, TP-15
    command.verb = cancel;
  }
  return command;
}

}  // namespace sluice::protocols
