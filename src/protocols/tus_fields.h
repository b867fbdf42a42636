// The words of tus that its two directions share. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/text.h"
#include "wire/http_message.h"

namespace sluice::protocols::tus {

inline constexpr std::string_view kVersion = "1.0.0";
// Without blanks: clients split the list and do not trim (trap 13).
inline constexpr std::string_view kExtensions =
    "creation,creation-with-upload,creation-defer-length,expiration,termination";
inline constexpr std::string_view kMediaType = "application/offset+octet-stream";
inline constexpr std::string_view kAllow = "POST, HEAD, PATCH, DELETE, OPTIONS";

// The method that counts (T-10).
inline std::string method_of(const wire::RequestHead& request) {
  const std::string* other = request.headers.find("X-HTTP-Method-Override");
  return other != nullptr && !other->empty() ? *other : request.method;
}

// A body may follow. Of a chunked one nobody knows before it has been read.
inline bool has_content(const wire::RequestHead& request) noexcept {
  return request.framing == wire::BodyFraming::kChunked ||
         (request.framing == wire::BodyFraming::kContentLength &&
          request.content_length > ByteCount());
}

}  // namespace sluice::protocols::tus
