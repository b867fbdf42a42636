// What the application's answer means. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "core/command.h"
#include "ports/app.h"
#include "wire/http_message.h"

namespace sluice::hooks {

inline constexpr std::size_t kDenialBodyMax = 64U << 10;
inline constexpr std::size_t kKeyBytesMax = 1024;
inline constexpr std::size_t kSubjectBytesMax = 1024;

// A 2xx answer: X-Upload-Key, X-Upload-Max-Size, X-Upload-Subject, all optional, each at
// most once. kUnavailable if one of them is malformed: a wrong key must never become permission to
// write somewhere else. The detail names the field and never its value.
Result<core::Grant> grant_from(const wire::Headers& headers);

// A 4xx answer: status, WWW-Authenticate, Retry-After, Content-Type and the body. An empty
// body means no Content-Type either.
Denial denial_from(int status, const wire::Headers& headers, std::string body);

// Empty if `key` may name an object; otherwise what is wrong with it. UTF-8, 1 to 1024 bytes, no
// control characters, no leading or trailing '/', no empty, "." or ".." segment, not ".sluice" nor
// below it (where Sluice keeps its own objects).
std::string_view key_fault(std::string_view key);

}  // namespace sluice::hooks
