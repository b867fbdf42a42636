#include "config/problem.h"

#include <algorithm>

namespace sluice::config {

std::string to_string(const Problem& problem) {
  std::string line = problem.where;
  line += problem.level == Problem::Level::kError ? ": error: " : ": warning: ";
  line += problem.what;
  if (!problem.mend.empty()) line += "; " + problem.mend;
  return line;
}

bool has_errors(const std::vector<Problem>& problems) {
  return std::any_of(problems.begin(), problems.end(),
                     [](const Problem& p) { return p.level == Problem::Level::kError; });
}

}  // namespace sluice::config
