// App: the main application that decides who may upload. Real: hooks/ over HTTP.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "base/units.h"
#include "core/command.h"
#include "wire/http_message.h"

namespace sluice {

// What the application is told. Built by http/ from the request head.
struct AuthRequest {
  AuthRequest() = default;  // not an aggregate (g++ 12)
  std::string request_id;
  std::string method;
  std::string target;       // path and query as received
  std::string host;         // the client's Host
  std::string scheme;       // "http" or "https"
  std::string client;       // peer address
  std::string name;         // upload name, decoded
  std::optional<ByteCount> length;  // announced total, if any
  std::string content_type;
  wire::Headers headers;    // the client's; the implementation forwards an allow-list
};

// The application said no: its answer is given to the client (ruling 12).
struct Denial {
  Denial() = default;
  int status = 403;         // 400-499
  wire::Headers headers;    // WWW-Authenticate, Retry-After, Content-Type only
  std::string body;         // at most 64 KiB
};

using AuthAnswer = std::variant<core::Grant, Denial>;

class App {
 public:
  virtual ~App() = default;
  // Errors: kUnavailable when the application cannot be asked, answers 3xx or 5xx, or is too slow;
  // the client then gets 503, never permission.
  virtual Task<Result<AuthAnswer>> authorize(AuthRequest request, Deadline deadline) = 0;
};

}  // namespace sluice
