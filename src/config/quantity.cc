#include "config/quantity.h"

#include <array>
#include <limits>

#include "base/text.h"

namespace sluice::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Descending within each family, so that formatting finds the largest that divides.
constexpr std::array kBinarySizes{Unit{"TiB", 1ULL << 40}, Unit{"GiB", 1ULL << 30},
                                  Unit{"MiB", 1ULL << 20}, Unit{"KiB", 1ULL << 10}, Unit{"B", 1}};
constexpr std::array kDecimalSizes{Unit{"TB", 1'000'000'000'000}, Unit{"GB", 1'000'000'000},
                                   Unit{"MB", 1'000'000}, Unit{"kB", 1'000}};
constexpr std::array kTimes{Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000},
                            Unit{"s", 1'000}, Unit{"ms", 1}};

constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();

struct Split {
  std::string_view digits;
  std::string_view unit;
};

Split split(std::string_view text) {
  text = trim(text);
  const std::size_t end = text.find_first_not_of("0123456789");
  if (end == std::string_view::npos) return {text, {}};
  return {text.substr(0, end), trim(text.substr(end))};
}

template <std::size_t N>
std::uint64_t factor_of(std::string_view unit, const std::array<Unit, N>& units) {
  for (const Unit& u : units) {
    if (equals_ignoring_case(u.name, unit)) return u.factor;
  }
  return 0;
}

template <std::size_t N>
std::string format(std::uint64_t value, const std::array<Unit, N>& units) {
  for (const Unit& u : units) {
    if (value >= u.factor && value % u.factor == 0) {
      return std::to_string(value / u.factor).append(u.name);
    }
  }
  return std::string("0").append(units.back().name);
}

Result<std::uint64_t> scale(std::string_view digits, std::uint64_t factor, std::string_view text) {
  const auto number = parse_decimal(digits);
  if (!number || *number > kMax / factor) {
    return fail(Errc::kInvalidArgument, "\"" + std::string(text) + "\" is too large");
  }
  return *number * factor;
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  const Split parts = split(text);
  std::uint64_t factor = parts.unit.empty() ? 1 : factor_of(parts.unit, kBinarySizes);
  if (factor == 0) factor = factor_of(parts.unit, kDecimalSizes);
  if (parts.digits.empty() || factor == 0) {
    return fail(Errc::kInvalidArgument,
                "\"" + std::string(text) + "\" is not a size; write for example 8MiB");
  }
  return scale(parts.digits, factor, text);
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const Split parts = split(text);
  const std::uint64_t factor = factor_of(parts.unit, kTimes);
  if (parts.digits.empty() || factor == 0) {
    return fail(Errc::kInvalidArgument, "\"" + std::string(text) +
                                            "\" is not a duration; write for example 500ms, 10s, "
                                            "5m, 2h or 7d");
  }
  SLUICE_TRY(const std::uint64_t ms, scale(parts.digits, factor, text));
  return std::chrono::milliseconds(ms);
}

std::string format_size(std::uint64_t bytes) {
  return format(bytes, kBinarySizes);
}

std::string format_duration(std::chrono::milliseconds time) {
  if (time.count() <= 0) return "0s";
  return format(static_cast<std::uint64_t>(time.count()), kTimes);
}

}  // namespace sluice::config
