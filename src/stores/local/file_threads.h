// FileThreads: a few threads that wait for the disk, so that no event loop does. Thread-safe.
// Destroying them finishes what is queued.
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

#include "base/result.h"
#include "base/signal.h"
#include "base/task.h"

namespace sluice::stores::local {

class FileThreads {
 public:
  explicit FileThreads(unsigned count);
  ~FileThreads();
  FileThreads(const FileThreads&) = delete;
  FileThreads& operator=(const FileThreads&) = delete;

  // Runs `work` on one of the threads and resumes on the caller's executor. `work` owns what it
  // needs: when the caller is cancelled, it runs to its end all the same.
  template <class T>
  Task<Result<T>> run(std::function<Result<T>()> work) {
    auto call = std::make_shared<Call<T>>(std::move(work));
    const Signal::Seen seen = call->done.seen();
    enqueue(call);
    co_await call->done.wait(seen);
    co_return std::move(*call->result);
  }

 private:
  struct Job {
    virtual ~Job() = default;
    virtual void run() = 0;
    Signal done;
  };
  template <class T>
  struct Call final : Job {
    explicit Call(std::function<Result<T>()> w) : work(std::move(w)) {}
    void run() override {
      result.emplace(work());
      work = nullptr;  // what it owned (upload bytes) goes now, not when the caller looks
    }
    std::function<Result<T>()> work;
    std::optional<Result<T>> result;
  };

  void enqueue(std::shared_ptr<Job> job);
  void loop();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> queue_;  // under mutex_
  bool stopping_ = false;                   // under mutex_
  std::vector<std::thread> threads_;
};

}  // namespace sluice::stores::local
