#include "stores/s3/http_url.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/text.h"

namespace sluice::stores::s3 {

std::optional<HttpUrl> parse_http_url(std::string_view url) {
  bool tls = false;
  if (url.starts_with("https://")) {
    tls = true;
    url.remove_prefix(8);
  } else if (url.starts_with("http://")) {
    url.remove_prefix(7);
  } else {
    return std::nullopt;
  }
  const bool clean = std::all_of(url.begin(), url.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f;
  });
  if (!clean) return std::nullopt;
  const std::size_t slash = std::min(url.find_first_of("/?#"), url.size());
  const std::string_view authority = url.substr(0, slash);
  std::string_view rest = url.substr(slash);
  rest = rest.substr(0, rest.find('#'));
  if (authority.empty() || authority.find('@') != std::string_view::npos) return std::nullopt;

  std::string_view host = authority;
  std::string_view port_text;
  if (authority.front() == '[') {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = authority.substr(1, end - 1);
    const std::string_view behind = authority.substr(end + 1);
    if (!behind.empty() && behind.front() != ':') return std::nullopt;
    if (!behind.empty()) port_text = behind.substr(1);
  } else if (const std::size_t colon = authority.find(':'); colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    port_text = authority.substr(colon + 1);
  }
  if (host.empty()) return std::nullopt;
  std::uint16_t port = tls ? 443 : 80;
  if (!port_text.empty()) {
    const auto number = parse_decimal(port_text);
    if (!number || *number == 0 || *number > 65'535) return std::nullopt;
    port = static_cast<std::uint16_t>(*number);
  }
  std::string target(rest);
  if (target.empty() || target.front() != '/') target.insert(0, "/");
  return HttpUrl{Endpoint(std::string(host), port, tls), std::string(authority), std::move(target)};
}

bool may_serve_container_credentials(const Endpoint& endpoint) {
  if (endpoint.tls) return true;
  constexpr std::array<std::string_view, 5> kAllowed = {"localhost", "::1", "169.254.170.2",
                                                        "169.254.170.23", "fd00:ec2::23"};
  const std::string host = lower(endpoint.host);
  if (std::find(kAllowed.begin(), kAllowed.end(), host) != kAllowed.end()) return true;
  // 127.0.0.0/8, written as four numbers only: "127.evil.example" is a name.
  return host.starts_with("127.") && std::count(host.begin(), host.end(), '.') == 3 &&
         std::all_of(host.begin(), host.end(),
                     [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

}  // namespace sluice::stores::s3
