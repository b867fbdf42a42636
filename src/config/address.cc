#include "config/address.h"

#include <limits>

#include <arpa/inet.h>

#include "base/text.h"

namespace sluice::config {
namespace {

// The C library reads up to a NUL: what stands behind one would go unseen.
bool parse(int family, const std::string& host, void* into) {
  return host.find('\0') == std::string::npos && inet_pton(family, host.c_str(), into) == 1;
}

bool is_v4(const std::string& host) {
  in_addr parsed{};
  return parse(AF_INET, host, &parsed);
}

bool is_v6(const std::string& host) {
  in6_addr parsed{};
  return parse(AF_INET6, host, &parsed);
}

auto not_an_address(std::string_view text) {
  return fail(Errc::kInvalidArgument,
              "\"" + std::string(text) +
                  "\" is not an address to listen on; write for example 127.0.0.1:8080, "
                  "[::1]:8080 or :8080 for every address");
}

}  // namespace

Result<Listener> parse_listener(std::string_view text) {
  text = trim(text);
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return not_an_address(text);
  const auto port = parse_decimal(text.substr(colon + 1));
  if (!port || *port > std::numeric_limits<std::uint16_t>::max()) return not_an_address(text);

  std::string host(text.substr(0, colon));
  if (host.empty() || host == "*") {
    host = "0.0.0.0";
  } else if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (!is_v6(host)) return not_an_address(text);
  } else if (host != "localhost" && !is_v4(host)) {
    return not_an_address(text);
  }
  return Listener{host, static_cast<std::uint16_t>(*port)};
}

std::string to_string(const Listener& listener) {
  const bool brackets = listener.host.find(':') != std::string::npos;
  return (brackets ? "[" + listener.host + "]" : listener.host) + ":" +
         std::to_string(listener.port);
}

bool is_loopback(std::string_view host) {
  const std::string text(host);
  if (text == "localhost") return true;
  if (is_v4(text)) return text.starts_with("127.");
  in6_addr parsed{};
  return parse(AF_INET6, text, &parsed) && IN6_IS_ADDR_LOOPBACK(&parsed);
}

}  // namespace sluice::config
