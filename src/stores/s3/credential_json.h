// The JSON that container endpoints and instance metadata answer with. Pure. s3-multipart digest 9.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "wire/sigv4.h"

namespace sluice::stores::s3 {

struct JsonCredentials {
  wire::SigV4Credentials keys;      // access and secret key are not empty
  std::optional<WallTime> expires;  // nullopt: not said, or not a time
};

// kUnavailable: not such an answer; the detail never shows what was in it, except the error code
// that the endpoint itself gave.
Result<JsonCredentials> parse_json_credentials(std::string_view body);

}  // namespace sluice::stores::s3
