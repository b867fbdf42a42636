// sluice: the program.
#include <exception>
#include <iostream>

#include "build_info.h"
#include "command_line.h"
#include "commands.h"

namespace {

using sluice::app::CommandLine;
using sluice::gateway::Exit;

Exit run(const CommandLine& line) {
  switch (line.command) {
    case CommandLine::Command::kServe:
      return sluice::app::serve(line);
    case CommandLine::Command::kCheck:
      return sluice::app::check(line);
    case CommandLine::Command::kSweep:
      return sluice::app::sweep(line);
    case CommandLine::Command::kVersion:
      sluice::app::print_version(std::cout, line.json);
      return Exit::kOk;
  }
  return Exit::kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto parsed =
        sluice::app::parse_command_line(argc, argv, sluice::app::build_info().version);
    if (!parsed.command_line) return parsed.exit_code;
    return static_cast<int>(run(*parsed.command_line));
  } catch (const std::exception& error) {
    std::cerr << "sluice: " << error.what() << '\n';
    return static_cast<int>(Exit::kRuntime);
  }
}
