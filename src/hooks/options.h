// Options of the authorization hook.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace sluice::hooks {

struct AuthOptions {
  enum class Mode { kUnset, kNone, kForward };
  Mode mode = Mode::kUnset;                  // key: auth; must be chosen
  std::string url;                           // key: auth_url (forward): http:// or https://
  std::chrono::milliseconds timeout{5'000};  // key: auth_timeout
  // Client headers that are forwarded unchanged. Key: auth_headers.
  std::vector<std::string> forward_headers{"Authorization", "Cookie", "Accept-Language",
                                           "User-Agent", "Origin"};
};

}  // namespace sluice::hooks
