#include "http/cors.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace sluice::http {

namespace {

// What our answers carry and a script may need; the fields of every dialect.
constexpr std::string_view kExposed =
    "Location, Upload-Offset, Upload-Length, Upload-Complete, Upload-Incomplete, Upload-Limit, "
    "Upload-Draft-Interop-Version, Accept-Patch, Upload-Expires, Upload-Metadata, "
    "Upload-Defer-Length, Upload-Concat, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, "
    "Tus-Checksum-Algorithm, Range, Retry-After, ETag, X-Request-Id, Link, "
    "X-HTTP-Status-Code-Override, X-GUploader-UploadID, X-Upload-Parallel, X-Upload-Part-Size, "
    "X-Upload-Ranges, X-Upload-Ranges-Truncated";
constexpr std::string_view kMaxAge = "7200";  // seconds; browsers cap it at about that
constexpr std::size_t kAskedMax = 4U << 10;

// A list of field names, and nothing else that could get into our answer.
bool is_name_list(std::string_view text) {
  return text.size() <= kAskedMax && std::all_of(text.begin(), text.end(), [](char c) {
           const char l = lower(c);
           return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == ',' || c == ' ';
         });
}

}  // namespace

Cors::Cors(std::vector<std::string> origins)
    : origins_(std::move(origins)),
      any_(std::find(origins_.begin(), origins_.end(), "*") != origins_.end()) {}

const std::string* Cors::allowed(const wire::RequestHead& request) const {
  static const std::string kAny = "*";
  if (request.headers.count("Origin") != 1) return nullptr;
  if (any_) return &kAny;
  const std::string* origin = request.headers.find("Origin");
  const auto it = std::find(origins_.begin(), origins_.end(), *origin);
  return it == origins_.end() ? nullptr : &*it;
}

std::optional<wire::Headers> Cors::preflight(const wire::RequestHead& request,
                                             std::string_view methods) const {
  if (request.method != "OPTIONS") return std::nullopt;
  if (request.headers.find("Access-Control-Request-Method") == nullptr) return std::nullopt;
  const std::string* origin = allowed(request);
  if (origin == nullptr) return std::nullopt;
  wire::Headers out;
  out.add("Access-Control-Allow-Origin", *origin);
  out.add("Access-Control-Allow-Methods", std::string(methods));
  // Which fields a page sends is its own affair: metadata fields have any name, and we read only
  // those that we know.
  const std::string* asked = request.headers.find("Access-Control-Request-Headers");
  if (asked != nullptr && !asked->empty() && is_name_list(*asked)) {
    out.add("Access-Control-Allow-Headers", *asked);
  }
  out.add("Access-Control-Max-Age", std::string(kMaxAge));
  out.add("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
  return out;
}

void Cors::expose(const wire::RequestHead& request, wire::Headers* answer) const {
  if (!enabled()) return;
  const std::string* origin = allowed(request);
  if (origin != nullptr) {
    answer->set("Access-Control-Allow-Origin", *origin);
    answer->set("Access-Control-Expose-Headers", std::string(kExposed));
  }
  // Also for origins that are not allowed: a cache must not give them another one's answer.
  if (!any_) answer->add("Vary", "Origin");
}

}  // namespace sluice::http
