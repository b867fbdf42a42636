#include "sim/outside.h"

#include <chrono>

namespace sluice::sim {

namespace {

stores::MemoryStoreOptions store_options(const Settings& settings, const Clock* clock) {
  stores::MemoryStoreOptions options;
  options.limits = settings.limits;
  options.clock = clock;
  options.etag_of_content = settings.etag_of_content;
  options.keeps_proofs = true;
  return options;
}

}  // namespace

WallTime StoreClock::wall_now() const noexcept {
  return WallTime(std::chrono::seconds(1'700'000'000)) +
         std::chrono::duration_cast<std::chrono::milliseconds>(now().time_since_epoch());
}

Outside::Outside(std::uint64_t seed, bool print)
    : draw(seed),
      settings(&draw),
      trace(print),
      context(draw.branch()),
      clock(&context),
      store(store_options(settings, &clock)) {
  const ProcessId world = context.add_process();
  lane = context.add_lane(world, Duration::zero());
}

}  // namespace sluice::sim
