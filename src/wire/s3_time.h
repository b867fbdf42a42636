// The three time formats of S3: what is signed, what XML shows, what the Date header says. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace sluice::wire {

// "20130524T000000Z": x-amz-date. The first eight characters are the date of a signing scope.
std::string amz_date(WallTime time);

// "2026-11-01T12:34:56Z" with any number of fractional digits; also with "+00:00". UTC only.
std::optional<WallTime> parse_iso8601(std::string_view text);

// IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7; the obsolete forms are refused).
std::optional<WallTime> parse_http_date(std::string_view text);

}  // namespace sluice::wire
