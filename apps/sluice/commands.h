// The sub-commands: each loads the configuration, does its work and says how the process ends.
#pragma once

#include "command_line.h"
#include "gateway/gateway.h"

namespace sluice::app {

gateway::Exit serve(const CommandLine& line);
gateway::Exit check(const CommandLine& line);
gateway::Exit sweep(const CommandLine& line);

}  // namespace sluice::app
