#include "net/descriptor.h"

#include <algorithm>
#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <unistd.h>

#include "base/check.h"
#include "net/steady.h"

namespace sluice::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

class AsioDescriptor final : public Descriptor,
                             public std::enable_shared_from_this<AsioDescriptor> {
 public:
  explicit AsioDescriptor(const Executor& executor) : handle_(executor), timer_(executor) {}

  error_code assign(int fd) {
    error_code error;
    handle_.assign(fd, error);
    return error;
  }

  int fd() noexcept override { return handle_.is_open() ? handle_.native_handle() : -1; }
  Executor executor() override { return handle_.get_executor(); }

  Task<Wake> wait_readable(Deadline deadline) override {
    return wait(&AsioDescriptor::reader_, deadline);
  }
  Task<Wake> wait_writable(Deadline deadline) override {
    return wait(&AsioDescriptor::writer_, deadline);
  }

  void cancel_read() noexcept override { stop(reader_, Outcome::kCancelled); }

  void close() noexcept override {
    stop(reader_, Outcome::kClosed);
    stop(writer_, Outcome::kClosed);
    error_code ignored;
    handle_.close(ignored);
    timer_.cancel();
  }

 private:
  enum class Outcome : std::uint8_t { kEvent, kTimedOut, kCancelled, kClosed, kAborted };

  // One direction. At most one operation waits in it.
  struct Side {
    bool waiting = false;
    Outcome outcome = Outcome::kEvent;  // why the wait was stopped, if it was
    Deadline deadline;
    asio::cancellation_signal stop;  // takes the operation out of the reactor
  };

  Task<Wake> wait(Side AsioDescriptor::*side, Deadline deadline) {
    auto initiate = [self = shared_from_this(), side, deadline](auto handler) {
      self->begin(side, deadline, std::move(handler));
    };
    return asio::async_initiate<const asio::use_awaitable_t<>&, void(error_code, Wake)>(
        initiate, asio::use_awaitable);
  }

  template <class Handler>
  void begin(Side AsioDescriptor::*which, Deadline deadline, Handler handler) {
    Side& side = this->*which;
    SLUICE_CHECK(!side.waiting);
    auto executor = asio::get_associated_executor(handler, handle_.get_executor());
    if (!handle_.is_open()) {
      auto answer = [h = std::move(handler)]() mutable {
        std::move(h)(error_code(), Wake::kClosed);
      };
      asio::post(executor, std::move(answer));
      return;
    }
    side.waiting = true;
    side.outcome = Outcome::kEvent;
    side.deadline = deadline;
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) {
      slot.assign([weak = weak_from_this(), which](asio::cancellation_type) {
        const auto self = weak.lock();
        if (self) self->stop((*self).*which, Outcome::kAborted);
      });
    }
    auto on_end = [self = shared_from_this(), which, slot,
                   h = std::move(handler)](error_code error) mutable {
      if (slot.is_connected()) slot.clear();
      Side& ended = (*self).*which;
      ended.waiting = false;
      const bool aborted = ended.outcome == Outcome::kAborted;
      const Wake wake = wake_of(ended.outcome, error);
      const error_code result = aborted ? asio::error::operation_aborted : error_code();
      std::move(h)(result, wake);
    };
    arm(deadline);
    const auto kind = which == &AsioDescriptor::reader_ ? asio::posix::descriptor_base::wait_read
                                                        : asio::posix::descriptor_base::wait_write;
    handle_.async_wait(
        kind, asio::bind_cancellation_slot(side.stop.slot(),
                                           asio::bind_executor(executor, std::move(on_end))));
  }

  // An event that came before the stop still counts, except where the caller asked to be left
  // alone.
  static Wake wake_of(Outcome outcome, error_code error) noexcept {
    switch (outcome) {
      case Outcome::kEvent:
        return error == asio::error::operation_aborted ? Wake::kClosed : Wake::kReady;
      case Outcome::kTimedOut:
        return error ? Wake::kTimedOut : Wake::kReady;
      case Outcome::kCancelled:
        return Wake::kCancelled;
      case Outcome::kClosed:
      case Outcome::kAborted:
        return Wake::kClosed;
    }
    return Wake::kClosed;
  }

  void stop(Side& side, Outcome why) noexcept {
    if (!side.waiting) return;
    side.outcome = std::max(side.outcome, why);
    side.stop.emit(asio::cancellation_type::all);
  }

  void arm(Deadline deadline) {
    if (deadline.is_never() || alarm_ <= deadline.at()) return;
    alarm_ = deadline.at();
    timer_.expires_at(to_steady(alarm_));
    timer_.async_wait([weak = weak_from_this()](error_code error) {
      const auto self = weak.lock();
      if (self && !error) self->on_alarm();
    });
  }

  void on_alarm() {
    alarm_ = Instant::max();
    const Instant now = steady_now();
    for (Side* side : {&reader_, &writer_}) {
      if (!side->waiting || side->outcome != Outcome::kEvent) continue;
      if (side->deadline.passed(now)) {
        stop(*side, Outcome::kTimedOut);
      } else {
        arm(side->deadline);
      }
    }
  }

  asio::posix::stream_descriptor handle_;
  asio::steady_timer timer_;
  Instant alarm_ = Instant::max();  // when the timer fires; max: it is not armed
  Side reader_;
  Side writer_;
};

}  // namespace

Result<std::shared_ptr<Descriptor>> Descriptor::adopt(const Executor& executor, int fd) {
  auto made = std::make_shared<AsioDescriptor>(executor);
  const error_code error = made->assign(fd);
  if (error) {
    ::close(fd);
    return fail(Errc::kUnavailable, "cannot watch a descriptor: " + error.message());
  }
  return std::shared_ptr<Descriptor>(std::move(made));
}

Error wake_error(Wake wake) {
  switch (wake) {
    case Wake::kTimedOut:
      return Error(Errc::kTimedOut, "deadline passed");
    case Wake::kCancelled:
      return Error(Errc::kCancelled, "reading was cancelled");
    case Wake::kReady:
    case Wake::kClosed:
      break;
  }
  return Error(Errc::kDisconnected, "connection closed by us");
}

}  // namespace sluice::net
