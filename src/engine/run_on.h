// run_on: runs a task on another executor and comes back. The hand-over between the thread of a
// connection and the thread that owns an upload. No hop when both are the same.
// Requires: T is default-constructible (Asio needs a value to carry beside an exception).
#pragma once

#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/task.h"

namespace sluice::engine {

template <class T>
Task<T> run_on(Executor executor, Task<T> task) {
  Executor here = co_await boost::asio::this_coro::executor;
  if (here == executor) co_return co_await std::move(task);
  co_return co_await boost::asio::co_spawn(executor, std::move(task), boost::asio::use_awaitable);
}

// The same without a value.
inline Task<void> run_on_void(Executor executor, Task<void> task) {
  Executor here = co_await boost::asio::this_coro::executor;
  if (here == executor) {
    co_await std::move(task);
    co_return;
  }
  co_await boost::asio::co_spawn(executor, std::move(task), boost::asio::use_awaitable);
}

}  // namespace sluice::engine
