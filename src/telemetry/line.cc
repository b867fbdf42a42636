#include "telemetry/line.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <variant>

#include "base/check.h"

namespace sluice::telemetry {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kEllipsis = "\xE2\x80\xA6";     // U+2026
constexpr std::size_t kMessageBytesMax = 1024;

struct Decoded {
  char32_t code = 0;
  std::size_t length = 0;  // bytes; 0: the byte at the front is not part of valid UTF-8
};

Decoded decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  std::size_t length = 0;
  char32_t code = 0;
  char32_t least = 0;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2, code = first & 0x1FU, least = 0x80;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3, code = first & 0x0FU, least = 0x800;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4, code = first & 0x07U, least = 0x10000;
  } else {
    return {};
  }
  if (text.size() < length) return {};
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3FU);
  }
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < least || code > 0x10FFFF || surrogate) return {};
  return {code, length};
}

// Characters that a terminal or a pager acts upon instead of showing them.
bool must_escape(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code <= 0x9F) || code == 0x2028 || code == 0x2029 ||
         code == 0x200E || code == 0x200F || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF;
}

// `text` must be valid UTF-8. All characters that are escaped lie below U+10000.
void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const Decoded next = decode(text);
    if (next.code == '"' || next.code == '\\') {
      out += '\\';
      out += static_cast<char>(next.code);
    } else if (next.code == '\n') {
      out += "\\n";
    } else if (next.code == '\t') {
      out += "\\t";
    } else if (must_escape(next.code)) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(next.code));
      out += escape.data();
    } else {
      out += text.substr(0, next.length);
    }
    text.remove_prefix(next.length);
  }
}

void append_quoted(std::string& out, std::string_view clean) {
  out += '"';
  append_escaped(out, clean);
  out += '"';
}

bool needs_quotes(std::string_view clean) {
  if (clean.empty()) return true;
  while (!clean.empty()) {
    const Decoded next = decode(clean);
    if (next.code == ' ' || next.code == '"' || next.code == '=' || next.code == '\\' ||
        must_escape(next.code)) {
      return true;
    }
    clean.remove_prefix(next.length);
  }
  return false;
}

template <class Number>
void append_number(std::string& out, Number value) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), end.ptr);
}

void append_double(std::string& out, double value) {
  if (std::isfinite(value)) {
    append_number(out, value);
  } else {
    out += "null";  // JSON has no word for it
  }
}

std::string_view level_word(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

std::string_view level_column(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "DEBUG";
    case LogLevel::kInfo:
      return "INFO ";
    case LogLevel::kWarn:
      return "WARN ";
    case LogLevel::kError:
      return "ERROR";
  }
  return "ERROR";
}

void append_value(std::string& out, const LogField::Value& value, bool always_quoted) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    const std::string clean = clean_value(*text, kLogValueBytesMax);
    if (always_quoted || needs_quotes(clean)) {
      append_quoted(out, clean);
    } else {
      out += clean;
    }
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    append_number(out, *integer);
  } else if (const auto* number = std::get_if<double>(&value)) {
    append_double(out, *number);
  } else {
    out += std::get<bool>(value) ? "true" : "false";
  }
}

}  // namespace

std::string rfc3339(WallTime at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  std::array<char, 64> text{};
  const int written = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
      static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
      static_cast<int>(time.subseconds().count()));
  SLUICE_CHECK(written > 0);
  return std::string(text.data(), static_cast<std::size_t>(written));
}

std::string clean_value(std::string_view value, std::size_t bytes_max) {
  std::string out;
  // Where the ellipsis goes if the rest turns out not to fit.
  std::size_t cut = 0;
  while (!value.empty()) {
    const Decoded next = decode(value);
    const std::size_t length = next.length == 0 ? 1 : next.length;
    const std::string_view shown = next.length == 0 ? kReplacement : value.substr(0, length);
    if (out.size() + shown.size() > bytes_max) {
      out.resize(cut);
      out += kEllipsis;
      return out;
    }
    out += shown;
    if (out.size() + kEllipsis.size() <= bytes_max) cut = out.size();
    value.remove_prefix(length);
  }
  return out;
}

std::string json_line(WallTime at, LogLevel level, std::string_view message,
                      std::span<const LogField> fields) {
  std::string out = "{\"ts\":\"";
  out += rfc3339(at);
  out += "\",\"level\":\"";
  out += level_word(level);
  out += "\",\"msg\":";
  append_quoted(out, clean_value(message, kMessageBytesMax));
  for (const LogField& field : fields) {
    out += ',';
    append_quoted(out, clean_value(field.key, kLogValueBytesMax));
    out += ':';
    append_value(out, field.value, true);
  }
  out += "}\n";
  return out;
}

std::string text_line(WallTime at, LogLevel level, std::string_view message,
                      std::span<const LogField> fields) {
  std::string out = rfc3339(at);
  out += ' ';
  out += level_column(level);
  out += ' ';
  append_escaped(out, clean_value(message, kMessageBytesMax));
  for (const LogField& field : fields) {
    out += ' ';
    append_escaped(out, clean_value(field.key, kLogValueBytesMax));
    out += '=';
    append_value(out, field.value, false);
  }
  out += '\n';
  return out;
}

}  // namespace sluice::telemetry
