// Where objects and state live, as URLs. Pure: nothing is opened.
//
//   s3://BUCKET[/PREFIX]?region=…&endpoint=https://HOST[:PORT]&path_style=true&preset=…
//   file:///DIR  (absolute)    file:DIR  (relative to the working directory)
//   sqlite:///FILE             sqlite:FILE
//
// Credentials never stand in a URL: URLs get into logs and process lists.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "stores/options.h"

namespace sluice::config {

// Values of the `preset` parameter.
inline constexpr std::string_view kPresets[] = {"aws", "generic", "r2", "gcs", "ceph", "minio"};

// `base` gives what the URL cannot say (credentials, limits); the URL's values go on top.
Result<stores::StoreOptions> parse_store_url(std::string_view url, const stores::S3Options& base,
                                             const std::string& working_directory);

// The SQLite file, absolute.
Result<std::string> parse_state_url(std::string_view url, const std::string& working_directory);

}  // namespace sluice::config
