// Descriptor: a file descriptor whose readiness coroutines can wait for. The one place where this
// module meets Asio's reactor; moving bytes is done by direct system calls on fd().
//
// Deadlines cost nothing while operations end in time: each descriptor has one timer, armed only
// when an operation really waits and only if it would fire too late otherwise; when it fires it
// looks at the deadlines of that moment. An armed timer counts as work of the io_context.
//
// Lifetime: always held by shared_ptr; a pending wait holds it too. close() ends pending waits, so
// does losing the io_context.
// Executor: everything on the executor given to adopt(), which must belong to an io_context.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "base/task.h"
#include "base/time.h"

namespace sluice::net {

enum class Wake : std::uint8_t {
  kReady,      // ready, at its end, or in error: the next system call tells
  kTimedOut,   // the deadline passed
  kCancelled,  // cancel_read()
  kClosed,     // close(), or closed before
};

class Descriptor {
 public:
  // Takes over a non-blocking descriptor; closes it in any case. Error: the kernel refused to watch
  // it (kUnavailable).
  static Result<std::shared_ptr<Descriptor>> adopt(const Executor& executor, int fd);

  virtual ~Descriptor() = default;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  virtual int fd() noexcept = 0;  // -1 once closed
  virtual Executor executor() = 0;

  // At most one of each at a time. May wake up early. Cancelling the task: operation_aborted.
  virtual Task<Wake> wait_readable(Deadline deadline) = 0;
  virtual Task<Wake> wait_writable(Deadline deadline) = 0;

  virtual void cancel_read() noexcept = 0;
  virtual void close() noexcept = 0;

 protected:
  Descriptor() = default;
};

// Answer of an operation that waited and may not go on. Precondition: wake != kReady.
Error wake_error(Wake wake);

}  // namespace sluice::net
