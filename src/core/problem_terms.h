// The problem document of a protocol that has words of its own: the catalogue's, except where the
// protocol says otherwise. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/problem.h"

namespace sluice::core {

struct ProblemTerms {
  std::string_view type;  // empty: the catalogue's
  std::string_view mend;  // empty: the catalogue's
  std::vector<std::pair<std::string_view, std::uint64_t>> numbers;  // further members
};

// As problem_json(problem, request_id). `status`: the one that is sent.
std::string problem_json(const Problem& problem, std::string_view request_id, int status,
                         const ProblemTerms& terms);

}  // namespace sluice::core
