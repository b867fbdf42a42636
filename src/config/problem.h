// What is wrong with a configuration: where, what, and what to do. All of it is collected before
// anything is reported, so that one look is enough.
#pragma once

#include <string>
#include <vector>

namespace sluice::config {

struct Problem {
  enum class Level { kError, kWarning };
  Level level = Level::kError;
  std::string where;  // "sluice.toml:3:5", "SLUICE_PART_SIZE", "--listen"; "configuration" if the
                      // fault is that something is missing
  std::string what;   // a sentence without full stop; never a secret
  std::string mend;   // may be empty
};

// "sluice.toml:3:5: error: what; mend"
std::string to_string(const Problem& problem);

bool has_errors(const std::vector<Problem>& problems);

}  // namespace sluice::config
