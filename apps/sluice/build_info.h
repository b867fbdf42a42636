// What this program is built from.
#pragma once

#include <iosfwd>

#include "gateway/gateway.h"

namespace sluice::app {

gateway::BuildInfo build_info();

// For people, or as one JSON object.
void print_version(std::ostream& out, bool json);

}  // namespace sluice::app
