// One log line as text or JSON. Pure.
//
// Values are data from strangers (file names, header values): control characters of both sets,
// direction overrides and line separators are escaped, so that no value can start a line, colour a
// terminal or reorder what is read; invalid UTF-8 becomes U+FFFD; a value has at most 256 bytes
// before escaping.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/time.h"
#include "ports/log.h"

namespace sluice::telemetry {

inline constexpr std::size_t kLogValueBytesMax = 256;

// RFC 3339, UTC, milliseconds: 2026-11-24T16:05:12.345Z.
std::string rfc3339(WallTime at);

// Valid UTF-8 of at most `bytes_max` bytes. What was cut off is marked by an ellipsis, which is
// inside the limit. Precondition: bytes_max >= 3.
std::string clean_value(std::string_view value, std::size_t bytes_max);

// {"ts":…,"level":…,"msg":…,fields…} and a line feed.
std::string json_line(WallTime at, LogLevel level, std::string_view message,
                      std::span<const LogField> fields);

// TIME LEVEL message key=value … and a line feed. A value is quoted, with JSON's escapes, where it
// could be misread.
std::string text_line(WallTime at, LogLevel level, std::string_view message,
                      std::span<const LogField> fields);

}  // namespace sluice::telemetry
