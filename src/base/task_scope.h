// TaskScope: children end before their parent. Every task started in the background belongs to a
// scope; the scope's owner joins it on every path before the scope is destroyed.
//
// All calls on one executor, the one the scope was made with; children run there too.
// Errors: an exception that leaves a child (cancellation aside) is a bug and ends the process.
#pragma once

#include <cstddef>
#include <list>

#include <boost/asio/cancellation_signal.hpp>

#include "base/signal.h"
#include "base/task.h"

namespace sluice {

class TaskScope {
 public:
  explicit TaskScope(Executor executor);
  // Precondition: no child is running (join() first).
  ~TaskScope();
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;

  // Starts `child` (lazily posted: it does not run inside this call).
  void spawn(Task<void> child);

  // Asks every running child to stop. Their awaits end with operation_aborted.
  void cancel();

  // Ends when no child is running. Children spawned meanwhile are waited for too.
  Task<void> join();

  std::size_t running() const noexcept { return running_.size(); }
  Executor executor() const { return executor_; }

 private:
  struct Child {
    boost::asio::cancellation_signal cancel;
    bool started = false;
    bool unwanted = false;  // cancelled before it started
  };
  static Task<void> run_later(Child* entry, Task<void> child);

  const Executor executor_;
  std::list<Child> running_;
  Signal ended_;
};

}  // namespace sluice
