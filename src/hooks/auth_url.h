// The URL of the application's authorization endpoint (auth_url). Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "ports/stream.h"

namespace sluice::hooks {

struct AuthUrl {
  Endpoint endpoint;
  std::string target;     // path and query, ready for a request line
  std::string authority;  // for Host: host, with the port if it is not the scheme's own
};

// http:// or https://, host name or address literal ([] around IPv6), optional port, path, query.
// kInvalidArgument, with a sentence for the operator, for anything else: user information belongs
// into a header, not into a URL that is shown in logs; a fragment never reaches a server.
Result<AuthUrl> parse_auth_url(std::string_view text);

}  // namespace sluice::hooks
