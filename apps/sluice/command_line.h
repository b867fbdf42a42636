// The command line: words → what to do with which settings. No setting is interpreted here; that
// is config/'s work, so that flags, environment and file obey the same rules.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/load.h"

namespace sluice::app {

struct CommandLine {
  enum class Command { kServe, kCheck, kSweep, kVersion };
  Command command = Command::kServe;
  std::optional<std::string> config_file;
  std::vector<config::Flag> flags;
  bool online = false;   // check
  bool show = false;     // check
  bool dry_run = false;  // sweep
  bool json = false;     // version
};

struct ParsedCommandLine {
  // Empty: the program ends now with exit_code; help or the complaint has been printed.
  std::optional<CommandLine> command_line;
  int exit_code = 0;
};

// Help goes to stdout with exit code 0, complaints to stderr with exit code 2.
ParsedCommandLine parse_command_line(int argc, const char* const* argv, const std::string& version);

}  // namespace sluice::app
