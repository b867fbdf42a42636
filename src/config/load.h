// File, environment and command line → ProgramOptions, with every problem that was found.
//
// Precedence: command line, then environment, then file, then default. Reads files (the
// configuration and the secrets it names) and nothing else; blocks; no thread of its own.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/options.h"
#include "config/problem.h"

namespace sluice::config {

// One setting of the command line.
struct Flag {
  std::string key;    // "listen"
  std::string value;  // "127.0.0.1:8080"
  std::string shown;  // how the user wrote it: "--listen", "--set part_size"
};

struct Sources {
  std::optional<std::string> file;
  // All variables of the process; those that are not ours are ignored.
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<Flag> flags;
  std::string working_directory;  // absolute; relative paths start there
  // False for commands that open no listener: listeners and authorization are not judged.
  bool serving = true;
};

// The value that holds, and where it came from.
struct Effective {
  std::string value;   // secrets as "***"
  std::string origin;  // "default", "sluice.toml:3:5", "SLUICE_LISTEN", "--listen"
};

struct Loaded {
  ProgramOptions options;                      // to be used only if no problem is an error
  std::vector<Problem> problems;               // errors and warnings, in the order of the sources
  std::map<std::string, Effective> effective;  // by key
};

Loaded load(const Sources& sources);

}  // namespace sluice::config
