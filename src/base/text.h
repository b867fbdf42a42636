// Small text codecs used everywhere: hex, base64, percent-encoding, UTF-8 check, decimal numbers.
// All pure and total.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

std::string hex(std::span<const std::byte> bytes);  // lower case
std::string base64(std::span<const std::byte> bytes);
std::string base64url(std::span<const std::byte> bytes);  // without padding
// Strict: canonical padding, no white space. nullopt when malformed.
std::optional<std::string> base64_decode(std::string_view text);

// RFC 3986 percent-decoding; nullopt on a malformed escape.
std::optional<std::string> percent_decode(std::string_view text);
// Every byte except A-Z a-z 0-9 - . _ ~ (and '/' when asked) becomes %XX, upper case.
std::string percent_encode(std::string_view text, bool keep_slash);

// RFC 3629: no overlong forms, no surrogates, at most U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

// 1 to 19 ASCII digits, at most 2^63 - 1. nullopt otherwise (sign, blanks, overflow, empty).
std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept;

// ASCII only, locale-independent.
char lower(char c) noexcept;
std::string lower(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;
std::string_view trim(std::string_view text) noexcept;  // blanks and tabs

inline std::span<const std::byte> as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace sluice
