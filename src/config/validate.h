// What no single key can see: keys that contradict each other, and choices that are dangerous.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/options.h"
#include "config/problem.h"

namespace sluice::config {

// `origin` says where the value of a key was set, for the problems' places. Pure except that it
// looks whether the TLS files exist. Not serving: listeners and authorization are not judged.
std::vector<Problem> validate(const ProgramOptions& options, bool serving,
                              const std::function<std::string(std::string_view)>& origin);

}  // namespace sluice::config
