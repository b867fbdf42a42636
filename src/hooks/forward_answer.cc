#include "hooks/forward_answer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"

namespace sluice::hooks {

namespace {

bool has_control_characters(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7F) return true;
    // U+0080 to U+009F, which is C2 80 to C2 9F.
    if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      return true;
    }
  }
  return false;
}

// nullptr: not there.
Result<const std::string*> at_most_one(const wire::Headers& headers, std::string_view name) {
  if (headers.count(name) > 1) {
    return fail(Errc::kUnavailable, std::string(name) + ": given more than once");
  }
  return headers.find(name);
}

}  // namespace

std::string_view key_fault(std::string_view key) {
  if (key.empty()) return "empty";
  if (key.size() > kKeyBytesMax) return "longer than 1024 bytes";
  if (!is_utf8(key)) return "not UTF-8";
  if (has_control_characters(key)) return "has control characters";
  std::string_view rest = key;
  bool first = true;
  while (true) {
    const std::size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    if (segment.empty()) return first ? "begins with '/'" : "has an empty segment";
    if (segment == "." || segment == "..") return "has a segment '.' or '..'";
    if (first && segment == ".sluice") return "lies in .sluice/, which is reserved";
    first = false;
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

Result<core::Grant> grant_from(const wire::Headers& headers) {
  core::Grant grant;
  SLUICE_TRY(const std::string* key, at_most_one(headers, "X-Upload-Key"));
  if (key != nullptr) {
    const std::string_view fault = key_fault(*key);
    if (!fault.empty()) {
      return fail(Errc::kUnavailable, "X-Upload-Key: " + std::string(fault));
    }
    grant.key = *key;
  }
  SLUICE_TRY(const std::string* size, at_most_one(headers, "X-Upload-Max-Size"));
  if (size != nullptr) {
    const auto bytes = parse_decimal(*size);
    if (!bytes) return fail(Errc::kUnavailable, "X-Upload-Max-Size: not a number of bytes");
    grant.size_max = ByteCount(*bytes);
  }
  SLUICE_TRY(const std::string* subject, at_most_one(headers, "X-Upload-Subject"));
  if (subject != nullptr) {
    if (subject->size() > kSubjectBytesMax || !is_utf8(*subject) ||
        has_control_characters(*subject)) {
      return fail(Errc::kUnavailable,
                  "X-Upload-Subject: longer than 1024 bytes, not UTF-8, or control characters");
    }
    grant.subject = *subject;
  }
  return grant;
}

Denial denial_from(int status, const wire::Headers& headers, std::string body) {
  Denial denial;
  denial.status = status;
  for (const wire::Header& header : headers.list()) {
    const bool about_the_body = equals_ignoring_case(header.name, "Content-Type");
    if (equals_ignoring_case(header.name, "WWW-Authenticate") ||
        equals_ignoring_case(header.name, "Retry-After") || (about_the_body && !body.empty())) {
      denial.headers.add(header.name, header.value);
    }
  }
  denial.body = std::move(body);
  return denial;
}

}  // namespace sluice::hooks
