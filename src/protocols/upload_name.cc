#include "protocols/upload_name.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "base/text.h"

namespace sluice::protocols {

namespace {

constexpr std::size_t kNameBytesMax = 1024;  // what S3 takes as a key

tl::unexpected<core::Problem> bad(const char* why) {
  return tl::unexpected<core::Problem>(core::Problem(core::ProblemType::kBadName, why));
}

bool has_encoded_slash(std::string_view encoded) noexcept {
  for (std::size_t at = encoded.find('%'); at != std::string_view::npos;
       at = encoded.find('%', at + 1)) {
    if (equals_ignoring_case(encoded.substr(at, 3), "%2f")) return true;
  }
  return false;
}

// C0 and DEL as bytes, C1 as its two bytes of UTF-8.
bool has_control(std::string_view name) noexcept {
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto b = static_cast<unsigned char>(name[i]);
    if (b < 0x20 || b == 0x7f) return true;
    if (b == 0xc2 && i + 1 < name.size() && static_cast<unsigned char>(name[i + 1]) < 0xa0) {
      return true;
    }
  }
  return false;
}

}  // namespace

tl::expected<std::string, core::Problem> upload_name(std::string_view encoded) {
  if (encoded.empty()) return bad("the name is empty");
  if (has_encoded_slash(encoded)) return bad("the name has an encoded slash (%2F)");
  std::optional<std::string> decoded = percent_decode(encoded);
  if (!decoded) return bad("the name has a '%' without two hexadecimal digits");
  const std::string& name = *decoded;
  if (name.size() > kNameBytesMax) return bad("the name has more than 1024 bytes");
  if (!is_utf8(name)) return bad("the name is not UTF-8");
  if (has_control(name)) return bad("the name has a control character");

  bool first = true;
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view segment = std::string_view(name).substr(begin, end - begin);
    if (segment.empty()) return bad("the name has an empty segment (a slash too many)");
    if (segment == "." || segment == "..") return bad("the name has a \".\" or \"..\" segment");
    if (first && segment == ".sluice") return bad("names below \".sluice\" are reserved");
    if (end == name.size()) break;
    begin = end + 1;
    first = false;
  }
  return std::move(*decoded);
}

}  // namespace sluice::protocols
