// AdaptiveLimit: how many calls may be on their way to a store at once. Without limit until the
// store throttles; then half of what was in flight, again half for each further wave of throttled
// calls, at least one. Successes widen it by about one call per round, after a calm time by twice
// per round, until it is gone. Calls beyond the limit wait in arrival order.
//
// One executor; not thread-safe. Outlives its passes.
// Source: s3-multipart digest section 7; row S-34.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/signal.h"
#include "base/task.h"
#include "base/time.h"
#include "ports/clock.h"

namespace sluice::stores {

class AdaptiveLimit {
 public:
  explicit AdaptiveLimit(Clock* clock) : clock_(clock) {}
  AdaptiveLimit(const AdaptiveLimit&) = delete;
  AdaptiveLimit& operator=(const AdaptiveLimit&) = delete;

  enum class Answer {
    kSuccess,
    kThrottled,
    kOther,  // says nothing about how busy the store is
  };

  // The right to make one call. Lives in the frame of its call and gives the right back when it is
  // destroyed, so that a cancelled call or wait blocks nobody.
  class Pass {
   public:
    explicit Pass(AdaptiveLimit* limit) : limit_(limit) {}
    ~Pass() { leave(Answer::kOther); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

    // Waits for a place. False: the deadline passed first. Once per pass.
    Task<bool> enter(Deadline deadline);
    // The call has ended. Only the first call has an effect.
    void leave(Answer answer);

   private:
    friend class AdaptiveLimit;
    enum class State { kOutside, kWaiting, kInside };

    AdaptiveLimit* const limit_;
    State state_ = State::kOutside;
    std::uint64_t wave_ = 0;  // the limit's when the call began
    Signal moved_;
  };

  // Calls allowed at once; kUnlimited while the store never complained or has recovered.
  static constexpr std::size_t kUnlimited = 4096;
  std::size_t limit() const noexcept { return static_cast<std::size_t>(limit_); }
  std::size_t in_flight() const noexcept { return in_flight_; }
  std::size_t waiting() const noexcept { return queue_.size(); }

 private:
  bool has_room() const noexcept { return in_flight_ < limit(); }
  void begin(Pass* pass);
  void learn(const Pass& pass, Answer answer);
  void admit();

  Clock* const clock_;
  double limit_ = static_cast<double>(kUnlimited);  // at least 1
  std::size_t in_flight_ = 0;
  std::deque<Pass*> queue_;
  std::uint64_t wave_ = 0;  // cuts so far; calls from before a cut cannot cut again
  Instant last_throttled_;
};

}  // namespace sluice::stores
