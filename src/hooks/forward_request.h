// What the application is asked: the client's request head without its body, in the form that
// reverse proxies use for forward authorization. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "hooks/auth_url.h"
#include "ports/app.h"
#include "wire/http_message.h"

namespace sluice::hooks {

// The header fields of the GET:
//   - the client's fields whose names are in `forward`, unchanged and in order; never fields
//     that belong to the connection, to a body, or to the names below, which clients could forge;
//   - X-Forwarded-For, -Proto, -Host, -Method, -Uri, X-Original-URI: the client's request;
//   - X-Upload-Name: percent-encoded UTF-8, '/' kept; X-Upload-Length: digits, if announced;
//     X-Upload-Content-Type, if there is one; X-Request-Id.
// kInvalidArgument if a value could not be sent as one header field.
Result<wire::Headers> forward_headers(const AuthRequest& request, const AuthUrl& url,
                                      const std::vector<std::string>& forward);

}  // namespace sluice::hooks
