#include "protocols/content_range.h"

#include <utility>

#include "base/text.h"

namespace sluice::protocols {

namespace {

tl::unexpected<std::string> wrong(const char* why) {
  return tl::unexpected<std::string>(std::string(why));
}

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}
bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// Takes the unit off the front; false: there is another one.
bool take_unit(std::string_view& text) noexcept {
  if (text.empty() || is_digit(text.front()) || text.front() == '*') return true;  // none
  constexpr std::string_view kUnit = "bytes";
  if (!equals_ignoring_case(text.substr(0, kUnit.size()), kUnit)) return false;
  text.remove_prefix(kUnit.size());
  if (text.empty() || (text.front() != ':' && !is_blank(text.front()))) return false;
  if (text.front() == ':') text.remove_prefix(1);
  text = trim(text);
  return true;
}

}  // namespace

tl::expected<ContentRange, std::string> parse_content_range(std::string_view field) {
  std::string_view text = trim(field);
  if (text.empty()) return wrong("the field is empty");
  if (!take_unit(text)) return wrong("the unit is not \"bytes\"");

  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return wrong("the total is missing: \"/TOTAL\" or \"/*\"");
  const std::string_view range = text.substr(0, slash);
  const std::string_view total = text.substr(slash + 1);

  ContentRange out;
  if (total != "*") {
    out.total = parse_decimal(total);
    if (!out.total) return wrong("the total is neither \"*\" nor a number of at most 2^63 - 1");
  }
  if (range == "*") return out;

  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos) return wrong("the range is neither \"*\" nor \"FIRST-LAST\"");
  const std::optional<std::uint64_t> first = parse_decimal(range.substr(0, dash));
  if (!first) return wrong("the first byte is not a number of at most 2^63 - 1");
  out.first = *first;
  if (range.substr(dash + 1) == "*") {
    out.form = ContentRange::Form::kOpenEnd;
    if (out.total && out.first > *out.total) return wrong("the range begins behind the total");
    return out;
  }
  const std::optional<std::uint64_t> last = parse_decimal(range.substr(dash + 1));
  if (!last) return wrong("the last byte is neither \"*\" nor a number of at most 2^63 - 1");
  out.form = ContentRange::Form::kData;
  out.last = *last;
  if (out.first > out.last) return wrong("the range ends before it begins");
  if (out.total && out.last > *out.total) return wrong("the range ends behind the total");
  return out;
}

}  // namespace sluice::protocols
