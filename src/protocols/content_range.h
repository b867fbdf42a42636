// The Content-Range grammar of the 308 family (google-308 digest section 4), wider than RFC 9110:
//
//   field = [ "bytes" ( 1*blank / ":" *blank ) ] form    ; no unit: the oldest style
//   form  = "*/*" / "*/" N                               ; a query
//         / a "-" b "/" N / a "-" b "/*"                 ; data; whether b is the last byte or the
//                                                        ; one behind it depends on the body's
//                                                        length
//         / a "-*/*" / a "-*/" N                         ; data to the end of the body
//
// "bytes" in any case; numbers of 1 to 19 digits, at most 2^63 - 1. Pure and total.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace sluice::protocols {

struct ContentRange {
  enum class Form : std::uint8_t { kQuery, kData, kOpenEnd };
  Form form = Form::kQuery;
  std::uint64_t first = 0;  // kData and kOpenEnd: offset of the first byte
  std::uint64_t last = 0;   // kData: as written; first <= last, and last <= total if there is one
  std::optional<std::uint64_t> total;  // bytes; kOpenEnd: first <= total
  bool operator==(const ContentRange&) const = default;
};

// The error says what is wrong, fit for strangers; it never repeats the client's bytes.
tl::expected<ContentRange, std::string> parse_content_range(std::string_view field);

}  // namespace sluice::protocols
