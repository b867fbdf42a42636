#include "base/signal.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace sluice {

namespace asio = boost::asio;

struct Signal::Waiter {
  virtual ~Waiter() = default;
  // Posts the handler to its executor; only the first call has an effect.
  virtual void finish(boost::system::error_code error) = 0;
};

template <class Handler>
struct Signal::WaiterOf final : Signal::Waiter {
  using Work = asio::executor_work_guard<asio::associated_executor_t<Handler>>;

  explicit WaiterOf(Handler h)
      : handler(std::move(h)), work(asio::make_work_guard(*handler)) {}

  void finish(boost::system::error_code error) override {
    std::optional<Handler> taken;
    {
      const std::lock_guard lock(mutex);
      if (!handler) return;
      taken.emplace(std::move(*handler));
      handler.reset();
    }
    auto executor = work.get_executor();
    auto resume = [h = std::move(*taken), error]() mutable { std::move(h)(error); };
    asio::post(executor, std::move(resume));
    work.reset();
  }

  std::mutex mutex;
  std::optional<Handler> handler;
  Work work;
};

Signal::Seen Signal::seen() const {
  const std::lock_guard lock(mutex_);
  return notified_;
}

Task<void> Signal::wait(Seen seen) {
  auto initiate = [this, seen](auto handler) {
    using Handler = decltype(handler);
    auto slot = asio::get_associated_cancellation_slot(handler);
    auto waiter = std::make_shared<WaiterOf<Handler>>(std::move(handler));
    bool late = false;
    {
      const std::lock_guard lock(mutex_);
      late = notified_ != seen;
      if (!late) waiters_.push_back(waiter);
    }
    if (late) {
      waiter->finish({});
      return;
    }
    if (slot.is_connected()) {
      // Weak: the slot is owned, indirectly, by the handler itself.
      slot.assign([weak = std::weak_ptr<Waiter>(waiter), this](asio::cancellation_type) {
        const auto alive = weak.lock();
        if (!alive) return;
        {
          const std::lock_guard lock(mutex_);
          std::erase(waiters_, alive);
        }
        alive->finish(asio::error::operation_aborted);
      });
    }
  };
  return asio::async_initiate<const asio::use_awaitable_t<>&, void(boost::system::error_code)>(
      initiate, asio::use_awaitable);
}

void Signal::notify_all() {
  std::vector<std::shared_ptr<Waiter>> woken;
  {
    const std::lock_guard lock(mutex_);
    ++notified_;
    woken.swap(waiters_);
  }
  for (const auto& waiter : woken) waiter->finish({});
}

}  // namespace sluice
