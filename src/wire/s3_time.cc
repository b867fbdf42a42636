#include "wire/s3_time.h"

#include <array>
#include <chrono>
#include <cstdio>

namespace sluice::wire {

namespace {

// Exactly `digits` decimal digits at the front of `text`, which are removed.
std::optional<unsigned> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  unsigned value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take_text(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

std::optional<WallTime> make_time(unsigned year, unsigned month, unsigned day, unsigned hour,
                                  unsigned minute, unsigned second) {
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(month), std::chrono::day(day));
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second);
}

constexpr std::array<std::string_view, 7> kDays = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

std::string amz_date(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d%02u%02uT%02d%02d%02dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

std::optional<WallTime> parse_iso8601(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take_text(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take_text(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !take_text(text, "T")) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || !take_text(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || !take_text(text, ":")) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second) return std::nullopt;
  unsigned millis = 0;
  if (take_text(text, ".")) {
    unsigned weight = 100;
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
      millis += static_cast<unsigned>(text.front() - '0') * weight;
      weight /= 10;
      text.remove_prefix(1);
    }
  }
  if (text != "Z" && text != "+00:00") return std::nullopt;
  const auto time = make_time(*year, *month, *day, *hour, *minute, *second);
  if (!time) return std::nullopt;
  return *time + std::chrono::milliseconds(millis);
}

std::optional<WallTime> parse_http_date(std::string_view text) {
  bool known_day = false;
  for (const std::string_view name : kDays) known_day = known_day || take_text(text, name);
  if (!known_day || !take_text(text, ", ")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !take_text(text, " ")) return std::nullopt;
  unsigned month = 0;
  for (unsigned i = 0; i < kMonths.size(); ++i) {
    if (take_text(text, kMonths[i])) {
      month = i + 1;
      break;
    }
  }
  if (month == 0 || !take_text(text, " ")) return std::nullopt;
  const auto year = take_number(text, 4);
  if (!year || !take_text(text, " ")) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || !take_text(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || !take_text(text, ":")) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second || text != " GMT") return std::nullopt;
  return make_time(*year, month, *day, *hour, *minute, *second);
}

}  // namespace sluice::wire
