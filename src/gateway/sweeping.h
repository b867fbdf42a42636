// One sweep, as the running server does it and as `sluice sweep` does it.
#pragma once

#include "base/task.h"
#include "cleaner/options.h"
#include "cleaner/sweeper.h"
#include "gateway/node.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "ports/metrics.h"
#include "ports/state_db.h"

namespace sluice::gateway {

// Expires idle uploads and looks for orphans. Errors are logged; the next sweep tries again.
Task<void> sweep_once(Node* node, StateDb* state, Clock* clock, Log* log, Metrics* metrics,
                      cleaner::CleanerOptions options);

// What a sweep of this node works with.
cleaner::SweepServices sweep_services(Node* node, StateDb* state, Clock* clock, Log* log,
                                      Metrics* metrics);

}  // namespace sluice::gateway
