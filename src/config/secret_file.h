// Secrets that stand in files of their own, as containers and systemd hand them over.
#pragma once

#include <string>

#include "base/result.h"

namespace sluice::config {

// The file's text without the line end that editors add. kNotFound if there is no such file;
// kInvalidArgument if it is empty, too large, not a regular file, or if everybody on the machine
// can read it.
Result<std::string> read_secret_file(const std::string& path);

// True if any user of the machine can read the file; false also when it cannot be asked.
bool is_world_readable(const std::string& path);

}  // namespace sluice::config
