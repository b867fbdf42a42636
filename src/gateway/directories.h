// Makes the directories of the embedded defaults, one level at a time: a directory whose parent is
// missing is not made, because it may be the place of a mount that is not there.
#pragma once

#include "base/result.h"
#include "config/options.h"

namespace sluice::gateway {

// kUnavailable: the detail names the directory.
Result<Ok> make_directories(const config::ProgramOptions& options);

}  // namespace sluice::gateway
