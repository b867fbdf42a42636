#include "commands.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <string>
#include <system_error>

#include <unistd.h>

#include "build_info.h"
#include "config/keys.h"
#include "config/load.h"

namespace sluice::app {
namespace {

using gateway::Exit;
using gateway::Finding;

config::Loaded load(const CommandLine& line, bool serving) {
  config::Sources sources;
  sources.file = line.config_file;
  sources.flags = line.flags;
  sources.serving = serving;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const char* equals = std::strchr(*entry, '=');
    if (equals == nullptr) continue;
    sources.environment.emplace_back(std::string(*entry, static_cast<std::size_t>(equals - *entry)),
                                     std::string(equals + 1));
    if (!sources.file && sources.environment.back().first == "SLUICE_CONFIG" &&
        !sources.environment.back().second.empty()) {
      sources.file = sources.environment.back().second;
    }
  }
  std::error_code error;
  sources.working_directory = std::filesystem::current_path(error).string();
  return config::load(sources);
}

void print(const std::vector<config::Problem>& problems, std::ostream& out) {
  for (const config::Problem& problem : problems) out << to_string(problem) << '\n';
}

// For the commands that cannot go on with a wrong configuration: false, and all is said.
bool usable(const config::Loaded& loaded) {
  print(loaded.problems, std::cerr);
  if (!config::has_errors(loaded.problems)) return true;
  std::cerr << "sluice: not started because of the errors above\n";
  return false;
}

void show(const config::Loaded& loaded) {
  std::size_t width = 0;
  for (const config::Key& key : config::keys()) width = std::max(width, key.name.size());
  for (const config::Key& key : config::keys()) {
    const config::Effective& effective = loaded.effective.at(key.name);
    std::cout << std::left << std::setw(static_cast<int>(width)) << key.name << " = "
              << (effective.value.empty() ? "(not set)" : effective.value) << "  ("
              << effective.origin << ")\n";
  }
}

// True if nothing failed.
bool print(const std::vector<Finding>& findings) {
  bool good = true;
  for (const Finding& finding : findings) {
    const char* level = "ok";
    if (finding.level == Finding::Level::kWarning) level = "warning";
    if (finding.level == Finding::Level::kError) level = "error";
    good = good && finding.level != Finding::Level::kError;
    std::cout << finding.subject << ": " << level << ": " << finding.what
              << (finding.mend.empty() ? "" : "; " + finding.mend) << '\n';
  }
  return good;
}

}  // namespace

Exit serve(const CommandLine& line) {
  const config::Loaded loaded = load(line, true);
  if (!usable(loaded)) return Exit::kBadConfig;
  return gateway::serve(loaded.options, build_info(), std::cout);
}

Exit check(const CommandLine& line) {
  const config::Loaded loaded = load(line, true);
  if (line.show) show(loaded);
  print(loaded.problems, std::cout);
  if (config::has_errors(loaded.problems)) return Exit::kBadConfig;
  if (!line.online) {
    std::cout << "configuration: ok\n";
    return Exit::kOk;
  }
  return print(gateway::check_online(loaded.options)) ? Exit::kOk : Exit::kDependency;
}

Exit sweep(const CommandLine& line) {
  const config::Loaded loaded = load(line, false);
  if (!usable(loaded)) return Exit::kBadConfig;
  return gateway::sweep(loaded.options, line.dry_run, std::cout);
}

}  // namespace sluice::app
