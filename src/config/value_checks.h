// Checks and text forms of values that are more than a word or a number. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/options.h"

namespace sluice::config {

// "a, b,,c" → a b c
std::vector<std::string> split_list(std::string_view text);
std::string join(const std::vector<std::string>& items);

// A browser's origin: scheme and host, "null", or "*".
Result<Ok> check_origin(const std::string& origin);

// The beginning of an absolute http or https address with a '/' behind its host.
Result<Ok> check_redirect(const std::string& prefix);
Result<Ok> check_header_name(const std::string& name);

// http:// or https://, a host, no credentials, no fragment.
Result<Ok> check_auth_url(const std::string& url);

// PREFIX[=DIALECT],…
Result<std::vector<http::HttpOptions::Route>> parse_routes(const std::string& text);
std::string format_routes(const std::vector<http::HttpOptions::Route>& routes);

}  // namespace sluice::config
