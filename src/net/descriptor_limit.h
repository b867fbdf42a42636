// The process's limit of open descriptors: 10,000 uploads need more than most shells give.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace sluice::net {

// Raises the soft limit to the hard one. Answers the limit that holds now; kUnavailable: the limit
// cannot be read or changed.
Result<std::uint64_t> raise_descriptor_limit();

}  // namespace sluice::net
