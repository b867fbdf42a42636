// Sizes and durations as people write them: "5MiB", "10s", "7d". Pure.
//
// Sizes: digits and an optional unit B, KiB, MiB, GiB, TiB (powers of 1024) or kB, MB, GB, TB
// (powers of 1000); no unit means bytes. Durations: digits and a unit ms, s, m, h, d; a bare number
// is refused, because "30" has been read as seconds by one half of mankind and as milliseconds by
// the other. Results are exact: what does not fit 63 bits is an error.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::config {

Result<std::uint64_t> parse_size(std::string_view text);
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

// The shortest exact form that parses back to the same value.
std::string format_size(std::uint64_t bytes);
std::string format_duration(std::chrono::milliseconds time);

}  // namespace sluice::config
