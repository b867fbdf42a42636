// Credentials: the shared files' format and the JSON of metadata services.
#include <string>

#include "fuzz/input.h"
#include "stores/s3/credential_json.h"
#include "stores/s3/profile_file.h"
#include "wire/s3_time.h"

using namespace sluice;              // NOLINT
using namespace sluice::fuzz;        // NOLINT
using namespace sluice::stores::s3;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = Input(data, size).rest();
  for (const ProfileFile kind : {ProfileFile::kCredentials, ProfileFile::kConfig}) {
    for (const std::string_view name : {"default", "a"}) {
      for (const auto& [key, value] : read_profile(text, kind, name)) {
        require(!key.empty(), "keys have names");
        require(value.find('\n') == std::string::npos, "values are one line");
      }
    }
  }
  if (const auto answer = parse_json_credentials(text)) {
    require(!answer->keys.access_key.empty(), "there is an access key");
    require(!answer->keys.secret_key.reveal().empty(), "there is a secret");
  }
  static_cast<void>(wire::parse_iso8601(text));
  static_cast<void>(wire::parse_http_date(text));
  return 0;
}
