// The configuration file: TOML → settings by key, with the place of each.
#pragma once

#include <string>
#include <vector>

#include "config/problem.h"

namespace sluice::config {

struct FileSetting {
  std::string key;    // "http.header_timeout", "s3.secret_key", or "s3.secret_key_file"
  std::string value;  // as text
  std::string where;  // "sluice.toml:3:5"
};

struct FileContent {
  std::vector<FileSetting> settings;
  std::vector<Problem> problems;  // syntax, unknown keys, wrong types
};

// `name` is shown in places. Pure.
FileContent parse_file(const std::string& text, const std::string& name);

}  // namespace sluice::config
