// run_task: runs one coroutine to its end, blocking the calling thread. For tests. An exception that
// leaves the task is thrown again here.
#pragma once

#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/check.h"
#include "base/task.h"

namespace sluice {

namespace detail {
template <class T>
Task<void> keep_answer(Task<T> task, std::optional<T>* answer) {
  auto value = co_await std::move(task);
  answer->emplace(std::move(value));
}
}  // namespace detail

// On an executor that others use too; ends as soon as the task has ended. Another thread that resumed
// the task may still be inside the executor then: destroy the executor after that thread.
template <class T>
T run_task(boost::asio::io_context& context, Task<T> task) {
  std::optional<T> answer;
  std::exception_ptr error;
  bool ended = false;
  auto on_end = [&error, &ended](const std::exception_ptr& e) {
    error = e;
    ended = true;
  };
  boost::asio::co_spawn(context, detail::keep_answer(std::move(task), &answer), on_end);
  context.restart();
  while (!ended) SLUICE_CHECK(context.run_one() > 0);
  if (error) std::rethrow_exception(error);
  return std::move(*answer);
}

// On an executor of its own, until nobody holds it any more.
template <class T>
T run_task(Task<T> task) {
  std::optional<T> answer;
  std::exception_ptr error;
  auto on_end = [&error](const std::exception_ptr& e) { error = e; };
  boost::asio::io_context context(1);
  boost::asio::co_spawn(context, detail::keep_answer(std::move(task), &answer), on_end);
  context.run();
  if (error) std::rethrow_exception(error);
  return std::move(*answer);
}

}  // namespace sluice
