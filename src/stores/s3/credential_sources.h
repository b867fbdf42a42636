// Where credentials are looked for outside the program: environment variables and small files.
// Injectable, so that tests need no real environment.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"

namespace sluice::stores {

struct CredentialSources {
  // nullopt: not set. A variable that is set to nothing counts as not set.
  std::function<std::optional<std::string>(const std::string& name)> variable;
  // kNotFound: no such file. At most 1 MiB is read; more is kTooLarge.
  std::function<Result<std::string>(const std::string& path)> read_file;

  // The process's environment and the real files.
  static CredentialSources system();
  // Nothing at all.
  static CredentialSources none();
};

}  // namespace sluice::stores
