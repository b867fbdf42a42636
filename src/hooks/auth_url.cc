#include "hooks/auth_url.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/text.h"

namespace sluice::hooks {

namespace {

bool starts_with_scheme(std::string_view text, std::string_view scheme) {
  return text.size() >= scheme.size() &&
         equals_ignoring_case(text.substr(0, scheme.size()), scheme);
}

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool is_ipv6_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
}

}  // namespace

Result<AuthUrl> parse_auth_url(std::string_view text) {
  bool tls = false;
  if (starts_with_scheme(text, "https://")) {
    tls = true;
    text.remove_prefix(8);
  } else if (starts_with_scheme(text, "http://")) {
    text.remove_prefix(7);
  } else {
    return fail(Errc::kInvalidArgument, "auth_url must begin with http:// or https://");
  }
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  if (!printable) {
    return fail(Errc::kInvalidArgument, "auth_url has blanks or characters that must be encoded");
  }
  if (text.find('#') != std::string_view::npos) {
    return fail(Errc::kInvalidArgument, "auth_url has a fragment (#), which is never sent");
  }

  const std::size_t path_at = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, path_at);
  const std::string_view rest = text.substr(path_at);
  if (authority.find('@') != std::string_view::npos) {
    return fail(Errc::kInvalidArgument, "auth_url contains user information (@)");
  }

  std::string host;
  std::string_view port_text;
  bool has_port = false;
  const bool literal = !authority.empty() && authority.front() == '[';
  if (literal) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) {
      return fail(Errc::kInvalidArgument, "auth_url: ] is missing behind the address");
    }
    host = lower(std::string(authority.substr(1, close - 1)));
    const std::string_view behind = authority.substr(close + 1);
    if (!behind.empty() && behind.front() != ':') {
      return fail(Errc::kInvalidArgument, "auth_url: unexpected text behind ]");
    }
    has_port = !behind.empty();
    if (has_port) port_text = behind.substr(1);
  } else {
    const std::size_t colon = authority.find(':');
    host = lower(std::string(authority.substr(0, colon)));
    has_port = colon != std::string_view::npos;
    if (has_port) port_text = authority.substr(colon + 1);
  }
  const bool host_good =
      !host.empty() && std::all_of(host.begin(), host.end(), literal ? is_ipv6_char : is_host_char);
  if (!host_good) return fail(Errc::kInvalidArgument, "auth_url has no valid host");

  const std::uint16_t standard = tls ? 443 : 80;
  std::uint16_t port = standard;
  if (has_port) {
    const auto number = parse_decimal(port_text);
    if (!number || *number == 0 || *number > 65535) {
      return fail(Errc::kInvalidArgument, "auth_url has no valid port");
    }
    port = static_cast<std::uint16_t>(*number);
  }

  std::string target(rest);
  if (target.empty() || target.front() != '/') target.insert(target.begin(), '/');
  std::string shown = literal ? "[" + host + "]" : host;
  if (port != standard) shown += ":" + std::to_string(port);
  return AuthUrl{Endpoint(std::move(host), port, tls), std::move(target), std::move(shown)};
}

}  // namespace sluice::hooks
