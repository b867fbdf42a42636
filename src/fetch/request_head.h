// The head of an outgoing request. Pure.
#pragma once

#include <string>

#include "base/result.h"
#include "base/units.h"
#include "fetch/http_client.h"

namespace sluice::fetch {

ByteCount body_size(const Request& request);

// Request line and fields, ready to send, with what HttpClient adds: Host, Content-Length, Expect.
// kInvalidArgument: a method, target or field that cannot be sent; the detail names it without its
// value, which may be a secret.
Result<std::string> make_request_head(const Request& request);

// "host", "host:port" or "[::1]:port"; without the scheme's own port.
std::string host_field(const Endpoint& endpoint);

}  // namespace sluice::fetch
