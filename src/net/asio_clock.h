// AsioClock: the real Clock. Stateless and thread-safe; sleeps on a timer of the caller's
// io_context, so it may be used only by coroutines that run on one.
#pragma once

#include "ports/clock.h"

namespace sluice::net {

class AsioClock final : public Clock {
 public:
  Instant now() const noexcept override;
  WallTime wall_now() const noexcept override;
  Task<void> sleep_until(Instant when) override;
};

}  // namespace sluice::net
