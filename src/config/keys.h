// The one table of everything that can be configured. File, environment, --set, the check and
// docs/configuration.md are all driven by it; adding a key means adding a row.
//
// Values travel as text: lists with commas between, sizes and durations as config/quantity.h reads
// them. Names are lower case with dots between tables, as in the file.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/options.h"
#include "stores/options.h"

namespace sluice::config {

// Options while they are being collected: what the final form cannot hold yet stands beside it.
struct Draft {
  ProgramOptions options;
  std::string store_url = "file:sluice-data/objects";
  std::string state_url = "sqlite:sluice-data/state.db";
  stores::S3Options s3;  // credentials and limits, used if the store is s3://
};

enum class ValueType : std::uint8_t {
  kText,
  kChoice,
  kInteger,
  kReal,
  kBool,
  kSize,
  kDuration,
  kList,    // in the file an array of strings
  kRoutes,  // in the file [[route]] tables; as text PREFIX=DIALECT,…
};

struct Key {
  std::string name;
  ValueType type = ValueType::kText;
  std::string section;  // heading in the documentation
  std::string help;     // one or two sentences, Markdown
  std::string legal;    // legal values for people; may be empty
  bool secret = false;  // never shown, refused on the command line, has a *_file variant
  std::function<Result<Ok>(Draft&, const std::string&)> set;
  std::function<std::string(const Draft&)> show;  // empty: not set
};

const std::vector<Key>& keys();
const Key* find_key(std::string_view name);  // nullptr if there is none

// "http.header_timeout" → "SLUICE_HTTP_HEADER_TIMEOUT".
std::string env_name(std::string_view key);

std::string_view to_string(ValueType type) noexcept;  // for people: "duration"

}  // namespace sluice::config
