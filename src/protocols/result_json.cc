#include "protocols/result_json.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string_view>

namespace sluice::protocols {

namespace {

std::string_view without_quotes(std::string_view etag) noexcept {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag.remove_prefix(1);
    etag.remove_suffix(1);
  }
  return etag;
}

}  // namespace

boost::json::object result_json(const core::UploadResult& result) {
  boost::json::object out;
  out["kind"] = "storage#object";
  out["name"] = result.name;
  out["size"] = std::to_string(result.size.value());
  if (!result.etag.empty()) out["etag"] = without_quotes(result.etag.str());
  if (result.checksum) {
    out[wire::to_string(result.checksum->kind())] = result.checksum->base64();
  }
  return out;
}

std::string etag_field(const ETag& etag) {
  const std::string& text = etag.str();
  for (const char c : text) {
    if (c < 0x20 || c == 0x7f) return {};
  }
  if (text.empty() || text.front() == '"' || text.starts_with("W/\"")) return text;
  return '"' + text + '"';
}

std::string rfc3339(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 64> out{};
  const int n = std::snprintf(
      out.data(), out.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return std::string(out.data(), static_cast<std::size_t>(n));
}

}  // namespace sluice::protocols
