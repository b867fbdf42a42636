// Waiting with a limit.
#pragma once

#include "base/signal.h"
#include "base/task.h"
#include "base/time.h"
#include "ports/clock.h"

namespace sluice::engine {

// True: notified (again) since `seen`. False: `until` came first.
Task<bool> wait_until(Signal* signal, Signal::Seen seen, Clock* clock, Instant until);

}  // namespace sluice::engine
