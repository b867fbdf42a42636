// Alarm: calls a function at a moment, unless it is destroyed before.
#pragma once

#include <functional>
#include <memory>

#include "base/task.h"
#include "base/time.h"
#include "ports/clock.h"

namespace sluice::fetch {

class Alarm {
 public:
  // Nothing happens for Instant::max().
  Alarm(const Executor& executor, Clock* clock, Instant when, std::function<void()> ring);
  ~Alarm();
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

 private:
  struct State;
  static Task<void> sleep(std::shared_ptr<State> state, Clock* clock, Instant when);
  const std::shared_ptr<State> state_;
};

}  // namespace sluice::fetch
