// RetryingStore: an ObjectStore that repeats what may be repeated, so that the engine need not.
//
// Full-jitter back-off in [0, min(cap, base * 2^n)], a longer base when the store throttles, a
// retry budget (token bucket) shared by all calls of this instance so that an outage does not
// multiply traffic, and an adaptive limit of calls in flight that shrinks while the store throttles
// and recovers afterwards (S-34). kUnavailable, kThrottled, kOutcomeUnknown, kTimedOut and
// kDisconnected are repeated (repeating any call of the interface is safe; complete() repeated
// after kOutcomeUnknown may answer kNotFound, which the engine resolves); kCorrupt of put_part and
// put_object at most twice (S-26); everything else never.
//
// For throttled_patience throttled attempts cost neither attempts nor budget: the store is there and
// asks for patience. Behind it they count like others. Every call ends by its deadline, with the last
// error; with kOutcomeUnknown if an earlier attempt may have had its effect.
// Source: s3-multipart digest section 7; rows S-08, S-26, S-34. Executor: the wrapped store's.
#pragma once

#include <memory>

#include "ports/clock.h"
#include "ports/metrics.h"
#include "ports/object_store.h"
#include "ports/random.h"
#include "stores/options.h"

namespace sluice::stores {

struct RetryServices {
  Clock* clock = nullptr;  // not owned, like all of these; they outlive the store
  Random* random = nullptr;
  Metrics* metrics = nullptr;
};

std::unique_ptr<ObjectStore> make_retrying_store(std::unique_ptr<ObjectStore> store,
                                                 RetryOptions options, RetryServices services);

}  // namespace sluice::stores
