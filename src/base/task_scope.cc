#include "base/task_scope.h"

#include <cstdio>
#include <exception>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "base/check.h"

namespace sluice {

namespace asio = boost::asio;

namespace {

bool is_cancellation(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    return e.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

[[noreturn]] void die(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "sluice: exception left a background task: %s\n", e.what());
  } catch (...) {
    std::fprintf(stderr, "sluice: unknown exception left a background task\n");
  }
  std::abort();
}

}  // namespace

TaskScope::TaskScope(Executor executor) : executor_(std::move(executor)) {}

TaskScope::~TaskScope() { SLUICE_CHECK(running_.empty()); }

// co_spawn() would run the child inside the spawner's call where it can; state that the spawner is
// in the middle of changing would be seen half changed.
Task<void> TaskScope::run_later(Child* entry, Task<void> child) {
  entry->started = true;
  if (entry->unwanted) co_return;
  co_await asio::post(asio::use_awaitable);
  co_await std::move(child);
}

void TaskScope::spawn(Task<void> child) {
  running_.emplace_back();
  const auto entry = std::prev(running_.end());
  auto on_end = [this, entry](const std::exception_ptr& error) {
    if (error && !is_cancellation(error)) die(error);
    running_.erase(entry);
    if (running_.empty()) ended_.notify_all();
  };
  asio::co_spawn(executor_, run_later(&*entry, std::move(child)),
                 asio::bind_cancellation_slot(entry->cancel.slot(), std::move(on_end)));
}

void TaskScope::cancel() {
  // A cancelled child may end, and leave the list, inside emit().
  for (auto it = running_.begin(); it != running_.end();) {
    auto current = it++;
    if (current->started) {
      current->cancel.emit(asio::cancellation_type::all);
    } else {
      // A signal that arrives before the first step would throw where Asio 1.81 catches nothing.
      current->unwanted = true;
    }
  }
}

Task<void> TaskScope::join() {
  while (true) {
    const Signal::Seen seen = ended_.seen();
    if (running_.empty()) co_return;
    co_await ended_.wait(seen);
  }
}

}  // namespace sluice
