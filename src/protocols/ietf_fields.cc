#include "protocols/ietf_fields.h"

#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "wire/structured_fields.h"

namespace sluice::protocols::ietf {

namespace {

constexpr int kOldest = 3;
constexpr int kNewest = 10;

Version version_of(const wire::Headers& headers) {
  const auto number = wire::sf::integer_field(headers, kVersionField);
  if (!number || *number < kOldest || *number > kNewest) return Version();
  return Version(static_cast<int>(*number));
}

std::optional<bool> complete_of(const wire::Headers& headers, Version version) {
  if (!version.at_most(3)) return wire::sf::boolean_field(headers, "Upload-Complete");
  const auto incomplete = wire::sf::boolean_field(headers, "Upload-Incomplete");  // D-01
  if (!incomplete) return std::nullopt;
  return !*incomplete;
}

std::optional<std::uint64_t> count_of(const wire::Headers& headers, std::string_view name) {
  const auto number = wire::sf::integer_field(headers, name);
  if (!number || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

Kind kind_of(const wire::RequestHead& request, const IetfOptions& options) {
  const std::string_view method = request.method;
  if (upload_in(request, options).empty()) {
    const bool creates = method == "POST" || method == "PUT" || method == "PATCH";
    return creates ? Kind::kCreate : Kind::kOther;
  }
  if (method == "HEAD" || method == "GET") return Kind::kRetrieve;
  if (method == "PATCH") return Kind::kAppend;
  if (method == "DELETE") return Kind::kCancel;
  return Kind::kOther;
}

}  // namespace

Fields read_fields(const wire::RequestHead& request, const IetfOptions& options) {
  const wire::Headers& headers = request.headers;
  Fields out;
  out.kind = kind_of(request, options);
  out.version = version_of(headers);
  out.complete = complete_of(headers, out.version);
  if (const auto offset = count_of(headers, "Upload-Offset")) out.offset = ByteOffset(*offset);
  if (const auto length = count_of(headers, "Upload-Length")) out.length = ByteCount(*length);
  if (request.framing == wire::BodyFraming::kContentLength) out.content = request.content_length;
  if (request.framing == wire::BodyFraming::kNone) out.content = ByteCount();
  return out;
}

bool is_partial_upload(const wire::RequestHead& request) {
  const std::string* field = request.headers.find("Content-Type");
  if (field == nullptr || request.headers.count("Content-Type") > 1) return false;
  const std::string_view type = std::string_view(*field).substr(0, field->find(';'));
  return equals_ignoring_case(trim(type), kPartialUpload);
}

std::string_view upload_in(const wire::RequestHead& request, const IetfOptions& options) noexcept {
  const std::string_view path = request.path;
  if (options.names || path.size() <= options.prefix.size()) return {};
  return path.substr(options.prefix.size());
}

std::string upload_limit(const IetfOptions& options, Version version,
                         std::optional<Duration> lifetime) {
  wire::sf::Dictionary limits;
  const auto add = [&limits](const char* key, std::int64_t value) {
    limits.emplace_back(key, wire::sf::Item{value, {}});
  };
  // A limit beyond the largest Integer cannot be met by an Upload-Length either.
  if (options.size_max.value() <= static_cast<std::uint64_t>(wire::sf::kIntegerMax)) {
    add("max-size", static_cast<std::int64_t>(options.size_max.value()));
  }
  if (lifetime) {
    const std::int64_t left = std::chrono::floor<std::chrono::seconds>(*lifetime).count();
    const char* const key = version.between(6, 6) ? "expires" : "max-age";  // D-11
    add(key, std::clamp<std::int64_t>(left, 0, wire::sf::kIntegerMax));
  }
  if (limits.empty()) add("min-size", 0);
  return wire::sf::serialize(limits).value_or("min-size=0");
}

std::string address_of(std::string_view name, const IetfOptions& options,
                       std::string_view origin) {
  return std::string(origin) + options.uploads + percent_encode(name, true);
}

}  // namespace sluice::protocols::ietf
