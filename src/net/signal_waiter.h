// SignalWaiter: SIGTERM, SIGINT and SIGHUP as values. While one exists these signals no longer end
// the process. At most one instance at a time.
#pragma once

#include <cstdint>
#include <memory>

#include "base/task.h"

namespace sluice::net {

enum class ProcessSignal : std::uint8_t {
  kTerminate,  // SIGTERM: drain and end
  kInterrupt,  // SIGINT: the same, from a terminal
  kHangUp,     // SIGHUP: read configuration and certificates again
};

class SignalWaiter {
 public:
  // The executor must belong to an io_context.
  explicit SignalWaiter(const Executor& executor);
  ~SignalWaiter();
  SignalWaiter(const SignalWaiter&) = delete;
  SignalWaiter& operator=(const SignalWaiter&) = delete;

  // The next signal; one that came since the last call is not lost. One call at a time.
  // Cancellation, also by destroying the waiter: operation_aborted.
  Task<ProcessSignal> wait();

 private:
  struct State;
  static Task<ProcessSignal> wait_on(std::shared_ptr<State> state);
  const std::shared_ptr<State> state_;
};

// Writing to a closed pipe or socket is an error value, never the end of the process.
void ignore_sigpipe() noexcept;

}  // namespace sluice::net
