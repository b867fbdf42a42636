// run_task: runs one coroutine to its end on an executor of its own, blocking the calling thread.
// For tests. An exception that leaves the task is thrown again here.
#pragma once

#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/task.h"

namespace sluice {

template <class T>
T run_task(Task<T> task) {
  boost::asio::io_context context(1);
  std::optional<T> answer;
  std::exception_ptr error;
  auto on_end = [&answer, &error](const std::exception_ptr& e, T value) {
    error = e;
    if (!e) answer.emplace(std::move(value));
  };
  boost::asio::co_spawn(context, std::move(task), on_end);
  context.run();
  if (error) std::rethrow_exception(error);
  return std::move(*answer);
}

}  // namespace sluice
