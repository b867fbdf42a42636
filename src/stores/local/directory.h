// Reading directories.
#pragma once

#include <string>
#include <vector>

#include <sys/stat.h>

#include "base/result.h"
#include "stores/local/fd.h"

namespace sluice::stores::local {

// All names but "." and "..", in no order. Empty when it cannot be read.
Result<std::vector<std::string>> names_in(const Fd& directory);

// Without following a symbolic link. False: not there.
bool stat_in(const Fd& directory, const std::string& name, struct stat* info);

// Removes a file, or a directory with the files in it (one level). What cannot be removed stays.
void remove_in(const Fd& directory, const std::string& name);

}  // namespace sluice::stores::local
