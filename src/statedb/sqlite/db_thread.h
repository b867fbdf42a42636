// DbThread: a thread that owns one connection and works through a queue of jobs.
//
// A writer takes everything that is queued into one transaction, each job in a savepoint: a job
// that fails leaves no trace, the others are committed together, and no answer is given before
// COMMIT has returned. A reader runs each job in a transaction of its own, so that a job sees one
// moment.
//
// ask() may be called from any thread; it resumes on the caller's executor. Destroying the thread
// finishes what is queued.
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
#include "statedb/sqlite/connection.h"

namespace sluice::statedb {

class DbThread {
 public:
  enum class Kind : std::uint8_t { kWriter, kReader };
  DbThread(Kind kind, std::unique_ptr<Connection> connection);
  ~DbThread();
  DbThread(const DbThread&) = delete;
  DbThread& operator=(const DbThread&) = delete;

  // Runs `work` on the thread. It may throw SQLite::Exception.
  template <class T>
  Task<Result<T>> ask(std::function<Result<T>(Connection&)> work) {
    auto call = std::make_shared<Call<T>>(std::move(work));
    const Signal::Seen seen = call->answered.seen();
    enqueue(call);
    co_await call->answered.wait(seen);
    co_return std::move(*call->result);
  }

 private:
  struct Job {
    virtual ~Job() = default;
    virtual bool run(Connection& connection) = 0;  // false: it failed, undo it
    virtual void fail_with(const Error& error) = 0;
    Signal answered;
  };
  template <class T>
  struct Call final : Job {
    explicit Call(std::function<Result<T>(Connection&)> w) : work(std::move(w)) {}
    bool run(Connection& connection) override {
      result.emplace(work(connection));
      return result->has_value();
    }
    void fail_with(const Error& error) override { result.emplace(fail(error)); }
    std::function<Result<T>(Connection&)> work;
    std::optional<Result<T>> result;
  };
  using Batch = std::vector<std::shared_ptr<Job>>;

  void enqueue(std::shared_ptr<Job> job);
  void loop();
  Batch wait_for_batch();
  void write(const Batch& batch);
  void write_one(Job& job);
  void read(Job& job);
  void roll_back() noexcept;

  const Kind kind_;
  const std::unique_ptr<Connection> connection_;  // touched by the thread only

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> queue_;  // under mutex_
  bool stopping_ = false;                   // under mutex_

  std::thread thread_;  // last: starts when everything else is there
};

}  // namespace sluice::statedb
