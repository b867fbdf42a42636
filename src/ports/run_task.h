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

// On an executor that others use too; ends as soon as the task has ended.
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

// On an executor of its own.
template <class T>
T run_task(Task<T> task) {
  boost::asio::io_context context(1);
  return run_task(context, std::move(task));
}

}  // namespace sluice
