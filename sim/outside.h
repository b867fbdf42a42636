// Outside: what outlives every process: time, chance, the bucket, the database, and the eyes that
// watch them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "sim/context.h"
#include "sim/draw.h"
#include "sim/immediate.h"
#include "sim/settings.h"
#include "sim/trace.h"
#include "statedb/memory_state_db.h"
#include "stores/memory_store.h"

namespace sluice::sim {

class Checker;

// The bucket's own time: listings and grace times go by it.
class StoreClock final : public Clock {
 public:
  explicit StoreClock(SimContext* context) : context_(context) {}
  Instant now() const noexcept override { return context_->now(); }
  WallTime wall_now() const noexcept override;
  Task<void> sleep_until(Instant when) override { return context_->sleep_until(0, when); }

 private:
  SimContext* const context_;
};

struct Outside {
  Outside(std::uint64_t seed, bool print);

  Instant now() const noexcept { return context.now(); }
  void note(std::string_view actor, std::string_view what, std::string_view text = {},
            std::uint64_t a = 0, std::uint64_t b = 0) {
    trace.note(context.now(), actor, what, text, a, b);
  }
  // Calls `f` later, in the world's own lane.
  template <class F>
  void after(Duration wait, F&& f) {
    context.at(lane, context.now() + wait, std::forward<F>(f));
  }
  // A promise is broken. The first one counts.
  void violate(std::string what) {
    if (violation) return;
    note("checker", "VIOLATION", what);
    violation = std::move(what);
  }

  Draw draw;
  const Settings settings;
  Trace trace;
  SimContext context;
  LaneId lane = 0;  // of clients, of calls under way and of chance
  StoreClock clock;
  Immediate immediate;
  stores::MemoryStore store;
  statedb::MemoryStateDb state;
  Checker* checker = nullptr;
  bool calm = false;  // nothing fails any more
  std::optional<std::string> violation;
};

}  // namespace sluice::sim
