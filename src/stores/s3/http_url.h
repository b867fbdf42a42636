// http:// and https:// URLs of credential endpoints. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ports/stream.h"

namespace sluice::stores::s3 {

struct HttpUrl {
  Endpoint endpoint;
  std::string host_header;
  std::string target;  // path and query, at least "/"
};
// nullopt: another scheme, no host, user information, a bad port, blanks or control characters.
std::optional<HttpUrl> parse_http_url(std::string_view url);

// Where the container endpoint may be (row S-30): anything over https, loopback, and the addresses
// of ECS and EKS.
bool may_serve_container_credentials(const Endpoint& endpoint);

}  // namespace sluice::stores::s3
