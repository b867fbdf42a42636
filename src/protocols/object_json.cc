#include "protocols/object_json.h"

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

std::string etag_field(const ETag& etag) {
  const std::string& text = etag.str();
  for (const char c : text) {
    if (c < 0x20 || c == 0x7f) return {};
  }
  if (text.empty() || text.front() == '"' || text.starts_with("W/\"")) return text;
  return '"' + text + '"';
}

boost::json::object object_json(const core::UploadResult& result) {
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

}  // namespace sluice::protocols
