// The monotonic clock of this module: what Instant means in production.
#pragma once

#include <chrono>

#include "base/time.h"

namespace sluice::net {

inline Instant steady_now() noexcept {
  return Instant(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

// For timers. Far moments are cut to a year from now, so that no timer arithmetic overflows.
inline std::chrono::steady_clock::time_point to_steady(Instant when) noexcept {
  const Instant limit = steady_now() + std::chrono::hours(24 * 365);
  return std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(
          std::min(when, limit).time_since_epoch()));
}

}  // namespace sluice::net
