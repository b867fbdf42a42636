#include "http/origin.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace sluice::http {

namespace {

constexpr std::size_t kHostBytesMax = 255 + 6;

// A name or an address, perhaps with a port. Whatever else a field holds does not get further.
bool is_host(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kHostBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           const char l = lower(c);
           return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                  c == '_' || c == ':' || c == '[' || c == ']';
         });
}

// The first entry of a list: what the proxy nearest to the client said.
std::string_view first_of(const wire::Headers& headers, const char* name) noexcept {
  const std::string* value = headers.find(name);
  if (value == nullptr) return {};
  return trim(std::string_view(*value).substr(0, value->find(',')));
}

}  // namespace

std::string origin_of(const Request& request, bool forwarded) {
  const wire::Headers& headers = request.head().headers;
  std::string_view scheme = request.encrypted() ? "https" : "http";
  std::string_view host = first_of(headers, "Host");
  if (forwarded) {
    const std::string_view said = first_of(headers, "X-Forwarded-Proto");
    if (equals_ignoring_case(said, "https")) scheme = "https";
    if (equals_ignoring_case(said, "http")) scheme = "http";
    const std::string_view behind = first_of(headers, "X-Forwarded-Host");
    if (is_host(behind)) host = behind;
  }
  if (!is_host(host)) return {};
  return std::string(scheme) + "://" + std::string(host);
}

}  // namespace sluice::http
