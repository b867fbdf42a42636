// Addresses to listen on, as people write them. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "config/options.h"

namespace sluice::config {

// "127.0.0.1:8080", "[::1]:8080", "localhost:8080"; ":8080" and "*:8080" mean every address.
Result<Listener> parse_listener(std::string_view text);

std::string to_string(const Listener& listener);  // parses back to the same listener

// 127.0.0.0/8, ::1 or "localhost": nobody outside this machine can connect.
bool is_loopback(std::string_view host);

}  // namespace sluice::config
