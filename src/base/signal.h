// Signal: coroutines wait until somebody notifies. The asynchronous condition variable of the
// engine. A task starts lazily, so a plain "check, then wait" could miss a notification that comes
// between the two; therefore:
//
//   while (true) {
//     const Signal::Seen seen = signal.seen();   // first
//     if (state is as wanted) break;             // then look
//     co_await signal.wait(seen);                // ends at once if notified since seen()
//   }
//
// Thread-safe: notify_all() may come from any thread; each waiter resumes on its own executor.
// Cancellation: a cancelled wait ends with boost::system::system_error(operation_aborted).
// Lifetime: the Signal must outlive its waiters' suspension, or be destroyed after notify_all().
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/task.h"

namespace sluice {

class Signal {
 public:
  Signal() = default;
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  // How often notify_all() was called so far.
  using Seen = std::uint64_t;
  Seen seen() const;

  // Suspends until notify_all() has been called more often than `seen` says.
  Task<void> wait(Seen seen);

  void notify_all();

 private:
  struct Waiter;
  template <class Handler>
  struct WaiterOf;

  mutable std::mutex mutex_;
  Seen notified_ = 0;
  std::vector<std::shared_ptr<Waiter>> waiters_;
};

}  // namespace sluice
