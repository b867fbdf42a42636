// LoopThreads: N threads, each with an event loop of its own. A connection lives on one loop for
// its whole life, so nothing on the data path needs a lock.
//
//   LoopThreads loops(n);          // executors can be used to build things
//   loops.start();                 // from here on they run
//   loops.post(i, function);       // from any thread
//   loops.stop(); loops.join();    // pending coroutines are destroyed with the object
//
// An exception that leaves a handler is a bug and ends the process.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "base/task.h"

namespace sluice::net {

class LoopThreads {
 public:
  explicit LoopThreads(std::size_t count);  // at least 1
  ~LoopThreads();                           // stop() and join()
  LoopThreads(const LoopThreads&) = delete;
  LoopThreads& operator=(const LoopThreads&) = delete;

  std::size_t size() const noexcept { return loops_.size(); }
  Executor executor(std::size_t i) const;

  void start();
  // Runs `function` on loop i. Thread-safe.
  void post(std::size_t i, std::function<void()> function);
  // Asks all loops to end after the handler they are in. Thread-safe; repeating is harmless.
  void stop() noexcept;
  // Waits for the threads. Not from one of them. Repeating is harmless.
  void join();

 private:
  struct Loop;
  std::vector<std::unique_ptr<Loop>> loops_;
};

}  // namespace sluice::net
