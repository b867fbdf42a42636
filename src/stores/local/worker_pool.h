// WorkerPool: a few threads for blocking file calls, so that no event loop waits for a disk.
// run() may be called from any thread and resumes on the caller's executor. Destruction finishes
// what is queued. A cancelled run() leaves its work running to its end.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/signal.h"
#include "base/task.h"

namespace sluice::stores {

class WorkerPool {
 public:
  explicit WorkerPool(std::size_t threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // `work` must not throw.
  template <class T>
  Task<T> run(std::function<T()> work) {
    struct Call {
      std::optional<T> result;
      Signal done;
    };
    auto call = std::make_shared<Call>();
    const Signal::Seen seen = call->done.seen();
    std::function<void()> job = [call, work = std::move(work)] {
      call->result.emplace(work());
      call->done.notify_all();
    };
    enqueue(std::move(job));
    co_await call->done.wait(seen);
    co_return std::move(*call->result);
  }

 private:
  void enqueue(std::function<void()> job);
  void work();

  std::mutex mutex_;
  std::condition_variable queued_;
  std::deque<std::function<void()>> jobs_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sluice::stores
