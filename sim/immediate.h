// Immediate: runs a task that never waits, such as a call of a model, to its end at once.
#pragma once

#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>

#include "base/check.h"
#include "base/task.h"
#include "ports/run_task.h"
#include "sim/context.h"

namespace sluice::sim {

class Immediate : public boost::asio::execution_context {
 public:
  class QueueExecutor {
   public:
    explicit QueueExecutor(Immediate* queue) : queue_(queue) {}
    bool operator==(const QueueExecutor&) const = default;
    template <class F>
    void execute(F&& f) const {
      queue_->ops_.push_back(make_op(std::forward<F>(f)));
    }
    boost::asio::execution_context& query(boost::asio::execution::context_t) const noexcept {
      return *queue_;
    }
    static constexpr boost::asio::execution::blocking_t::never_t query(
        boost::asio::execution::blocking_t) noexcept {
      return {};
    }
    QueueExecutor require(boost::asio::execution::blocking_t::never_t) const { return *this; }

   private:
    Immediate* queue_;
  };

  Immediate() = default;
  ~Immediate() { shutdown(); }
  Immediate(const Immediate&) = delete;
  Immediate& operator=(const Immediate&) = delete;

  template <class T>
  T run(Task<T> task) {
    std::optional<T> answer;
    auto on_end = [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    };
    boost::asio::any_io_executor executor = QueueExecutor(this);
    boost::asio::co_spawn(executor, detail::keep_answer(std::move(task), &answer), on_end);
    while (!ops_.empty()) {
      const std::unique_ptr<Op> op = std::move(ops_.front());
      ops_.pop_front();
      op->run();
    }
    SLUICE_CHECK(answer.has_value());
    return std::move(*answer);
  }

 private:
  std::deque<std::unique_ptr<Op>> ops_;
};

}  // namespace sluice::sim
