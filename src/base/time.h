// Time types. Instant is monotonic and has no meaning outside the process; WallTime may jump and
// is for signatures, certificates and stored rows only.
#pragma once

#include <algorithm>
#include <chrono>

namespace sluice {

using Duration = std::chrono::nanoseconds;

struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock, duration>;
  static constexpr bool is_steady = true;
};
using Instant = MonotonicClock::time_point;
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

// The latest moment at which an operation must have ended. Travels down; only ever tightened.
class Deadline {
 public:
  Deadline() = default;  // never
  explicit Deadline(Instant at) : at_(at) {}
  static Deadline never() { return Deadline(); }
  Instant at() const noexcept { return at_; }
  bool is_never() const noexcept { return at_ == Instant::max(); }
  bool passed(Instant now) const noexcept { return now >= at_; }
  Deadline tightened(Instant other) const { return Deadline(std::min(at_, other)); }

 private:
  Instant at_ = Instant::max();
};

}  // namespace sluice
