#include "protocols/tus_metadata.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace sluice::protocols {

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kMetadataBytesMax = 2048;  // names and values; Amazon S3's limit
constexpr std::size_t kTypeBytesMax = 255;

tl::unexpected<std::string> bad(const char* why) { return tl::unexpected<std::string>(why); }

bool is_printable(std::string_view value) noexcept {
  return std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

bool is_key(std::string_view key) noexcept {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    const auto b = static_cast<unsigned char>(c);
    return b > 0x20 && b != 0x7f && c != ',';
  });
}

bool is_store_name(std::string_view name) noexcept {
  return !name.starts_with("sluice") && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

// type/subtype, perhaps with parameters: no more than that it can be one.
bool is_media_type(std::string_view value) noexcept {
  const std::size_t slash = value.find('/');
  return value.size() <= kTypeBytesMax && slash != std::string_view::npos && slash > 0 &&
         slash + 1 < value.size() && is_printable(value) &&
         value.substr(0, slash).find(' ') == std::string_view::npos;
}

}  // namespace

tl::expected<Pairs, std::string> parse_tus_metadata(std::string_view field) {
  Pairs pairs;
  if (trim(field).empty()) return pairs;
  while (true) {
    const std::size_t comma = std::min(field.find(','), field.size());
    const std::string_view pair = trim(field.substr(0, comma));  // clients write ", "
    const std::size_t blank = std::min(pair.find(' '), pair.size());
    const std::string_view key = pair.substr(0, blank);
    if (!is_key(key)) return bad("Upload-Metadata has an empty or malformed key");
    const bool twice = std::any_of(pairs.begin(), pairs.end(),
                                   [key](const auto& known) { return known.first == key; });
    if (twice) return bad("Upload-Metadata gives a key twice");
    std::optional<std::string> value = base64_decode(trim(pair.substr(blank)));
    if (!value) return bad("a value of Upload-Metadata is not Base64");
    pairs.emplace_back(std::string(key), std::move(*value));
    if (comma == field.size()) return pairs;
    field.remove_prefix(comma + 1);
  }
}

core::ObjectAttributes tus_attributes(std::string field, const Pairs& pairs) {
  core::ObjectAttributes out;
  out.raw_metadata = std::move(field);
  std::size_t bytes = 0;
  for (const auto& [key, value] : pairs) {
    if (key == "filetype") {
      if (is_media_type(value)) out.content_type = value;
      continue;
    }
    std::string name = lower(key);
    const std::size_t size = name.size() + value.size();
    const bool known = std::any_of(out.metadata.begin(), out.metadata.end(),
                                   [&name](const auto& one) { return one.first == name; });
    const bool edged = trim(value).size() != value.size();  // a header field would lose that
    if (known || edged || !is_store_name(name) || !is_printable(value) ||
        bytes + size > kMetadataBytesMax) {
      continue;
    }
    bytes += size;
    out.metadata.emplace_back(std::move(name), value);
  }
  return out;
}

}  // namespace sluice::protocols
