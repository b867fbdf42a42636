// Clock: the only source of time above L4. Real: net/. Simulated: virtual time.
#pragma once

#include "base/task.h"
#include "base/time.h"

namespace sluice {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const noexcept = 0;
  virtual WallTime wall_now() const noexcept = 0;  // may jump; signatures and stored rows only
  // Resumes on the caller's executor. Cancellation: system_error(operation_aborted).
  virtual Task<void> sleep_until(Instant when) = 0;

 protected:
  Clock() = default;
};

}  // namespace sluice
