// run_on: runs a task on another executor and comes back. The hand-over between the thread of a
// connection and the thread that owns an upload. No hop when both are the same.
// Cancellation does not cross over: Asio 1.81 delivers it to the other thread by a message that may
// arrive when the task, and the signal it names, are gone. The task's owner ends it.
// Requires: T is default-constructible (Asio needs a value to carry beside an exception).
#pragma once

#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/task.h"

namespace sluice::engine {

template <class T>
Task<T> run_on(Executor executor, Task<T> task) {
  Executor here = co_await boost::asio::this_coro::executor;
  if (here == executor) co_return co_await std::move(task);
  auto token = boost::asio::bind_cancellation_slot(boost::asio::cancellation_slot(),
                                                   boost::asio::use_awaitable);
  co_return co_await boost::asio::co_spawn(executor, std::move(task), token);
}

// The same without a value.
inline Task<void> run_on_void(Executor executor, Task<void> task) {
  Executor here = co_await boost::asio::this_coro::executor;
  if (here == executor) {
    co_await std::move(task);
    co_return;
  }
  auto token = boost::asio::bind_cancellation_slot(boost::asio::cancellation_slot(),
                                                   boost::asio::use_awaitable);
  co_await boost::asio::co_spawn(executor, std::move(task), token);
}

}  // namespace sluice::engine
