// Everything an operator writes as an address.
#include <string>

#include "config/address.h"
#include "config/quantity.h"
#include "config/store_url.h"
#include "config/value_checks.h"
#include "fuzz/input.h"
#include "hooks/auth_url.h"
#include "stores/s3/http_url.h"

using namespace sluice;        // NOLINT
using namespace sluice::fuzz;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = Input(data, size).rest();
  if (const auto url = stores::s3::parse_http_url(text)) {
    require(url->endpoint.port > 0 && !url->endpoint.host.empty(), "an endpoint is complete");
    require(url->target.starts_with("/"), "a target is a path");
    require(url->target.find_first_of(" \r\n") == std::string::npos, "a target is one word");
  }
  if (const auto url = hooks::parse_auth_url(text)) {
    require(url->endpoint.port > 0 && !url->endpoint.host.empty(), "an endpoint is complete");
    require(url->target.starts_with("/"), "a target is a path");
    require(url->target.find_first_of(" \r\n") == std::string::npos, "a target is one word");
  }
  static_cast<void>(config::parse_store_url(text, stores::S3Options(), "/work"));
  static_cast<void>(config::parse_state_url(text, "/work"));
  if (const auto listener = config::parse_listener(text)) {
    const auto again = config::parse_listener(config::to_string(*listener));
    require(again && config::to_string(*again) == config::to_string(*listener),
            "written again, it means the same");
  }
  static_cast<void>(config::parse_size(text));
  static_cast<void>(config::parse_duration(text));
  static_cast<void>(config::check_origin(std::string(text)));
  static_cast<void>(config::parse_routes(std::string(text)));
  return 0;
}
