#include "sim/line.h"

#include <algorithm>
#include <chrono>

namespace sluice::sim {

namespace {
constexpr Duration kCalmLatency = std::chrono::milliseconds(1);
}  // namespace

Fate Line::draw_fate(Far far, Deadline deadline) {
  const Settings& s = outside_->settings;
  Draw& draw = outside_->draw;
  Fate fate;
  if (outside_->calm) {
    fate.there = kCalmLatency;
    fate.back = kCalmLatency;
    return fate;
  }
  const bool store = far != Far::kDatabase;
  const Duration most = store ? s.store_latency : s.db_latency;
  fate.there = draw.time_up_to(most);
  fate.back = draw.time_up_to(most);
  if (draw.chance(s.slow_calls)) {
    Duration& slow = draw.chance(500) ? fate.there : fate.back;
    slow = draw.time_up_to(store ? s.slow_latency : s.slow_latency / 8);
  }
  std::uint64_t dice = draw.between(0, 999);
  const auto falls = [&dice](std::uint64_t per_mille) {
    if (dice < per_mille) return true;
    dice -= per_mille;
    return false;
  };
  if (!store) {
    if (falls(s.db_before)) {
      fate.happens = false;
      fate.says = Errc::kUnavailable;
    } else if (falls(s.db_after)) {
      fate.says = Errc::kOutcomeUnknown;
    } else if (falls(s.db_unclear)) {
      fate.happens = false;
      fate.says = Errc::kOutcomeUnknown;
    }
    return fate;
  }
  if (falls(s.store_before)) {
    fate.happens = false;
    fate.says = Errc::kUnavailable;
  } else if (falls(s.store_throttle)) {
    fate.happens = false;
    fate.says = Errc::kThrottled;
  } else if (falls(s.store_after)) {
    fate.says = draw.chance(700) ? Errc::kOutcomeUnknown : Errc::kDisconnected;
  } else if (falls(s.store_unclear)) {
    fate.happens = false;
    fate.says = Errc::kOutcomeUnknown;
  } else if (far == Far::kPayload && falls(s.store_corrupt)) {
    fate.happens = false;
    fate.says = Errc::kCorrupt;
  } else if (falls(s.store_silent) && !deadline.is_never()) {
    // Behind the deadline; or only the answer is.
    const Duration beyond = deadline.at() - outside_->now() + Duration(std::chrono::seconds(1));
    Duration& slow = draw.chance(500) ? fate.there : fate.back;
    slow = std::max(beyond, Duration::zero()) + draw.time_up_to(s.slow_latency);
    fate.happens = draw.chance(700);
    fate.says = Errc::kOutcomeUnknown;
  }
  return fate;
}

void Line::cut() {
  alive_ = false;
  for (const auto& flight : flights_) {
    if (!flight->effected) {
      // Half of what was under way is lost with the process; of the rest some comes late.
      flight->dropped = outside_->draw.chance(500) || !flight->fetched;
      if (outside_->draw.chance(300)) {
        flight->delayed = outside_->draw.time_up_to(outside_->settings.slow_latency);
      }
    }
    flight->lose();
  }
}

}  // namespace sluice::sim
