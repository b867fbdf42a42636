#include "protocols/object_attributes.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace sluice::protocols {

namespace {

constexpr std::size_t kMetadataBytesMax = 2048;  // names and values; Amazon S3's limit
constexpr std::array<std::string_view, 3> kMetadataPrefixes{"x-upload-metadata-", "x-amz-meta-",
                                                            "x-goog-meta-"};

tl::unexpected<core::Problem> refuse(core::ProblemType type, std::string why) {
  return tl::unexpected<core::Problem>(core::Problem(type, std::move(why)));
}

bool is_printable(std::string_view value) noexcept {
  return std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

bool is_metadata_name(std::string_view name) noexcept {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

// The NAME of a metadata field in lower case; nullopt: it is another field.
std::optional<std::string> metadata_name(std::string_view field) {
  for (const std::string_view prefix : kMetadataPrefixes) {
    if (equals_ignoring_case(field.substr(0, prefix.size()), prefix)) {
      return lower(field.substr(prefix.size()));
    }
  }
  return std::nullopt;
}

}  // namespace

tl::expected<core::ObjectAttributes, core::Problem> object_attributes(
    const wire::Headers& headers) {
  using enum core::ProblemType;
  core::ObjectAttributes out;
  const struct {
    const char* field;
    std::string* to;
  } plain[] = {{"Content-Type", &out.content_type},
               {"X-Upload-Content-Type", &out.content_type},
               {"Content-Disposition", &out.content_disposition},
               {"Cache-Control", &out.cache_control}};
  for (const auto& [field, to] : plain) {
    const std::string* value = headers.find(field);
    if (value == nullptr || trim(*value).empty()) continue;
    if (!is_printable(trim(*value))) {
      return refuse(kMalformedRequest, std::string(field) + " may have printable ASCII only");
    }
    *to = trim(*value);
  }

  std::size_t bytes = 0;
  for (const wire::Header& header : headers.list()) {
    std::optional<std::string> name = metadata_name(header.name);
    if (!name) continue;
    const std::string_view value = trim(header.value);
    if (!is_metadata_name(*name)) {
      return refuse(kMalformedRequest,
                    "names of user metadata have letters, digits, '-', '_' and '.' only");
    }
    if (name->starts_with("sluice")) {
      return refuse(kMalformedRequest, "user metadata may not begin with \"sluice\"");
    }
    if (!is_printable(value)) {
      return refuse(kMalformedRequest, "user metadata may have printable ASCII only");
    }
    const bool twice = std::any_of(out.metadata.begin(), out.metadata.end(),
                                   [&](const auto& known) { return known.first == *name; });
    if (twice) return refuse(kMalformedRequest, "one name of user metadata is given twice");
    bytes += name->size() + value.size();
    if (bytes > kMetadataBytesMax) {
      return refuse(kHeadersTooLarge, "user metadata may have 2048 bytes, names and values");
    }
    out.metadata.emplace_back(std::move(*name), std::string(value));
  }
  return out;
}

}  // namespace sluice::protocols
