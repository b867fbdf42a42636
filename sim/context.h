// SimContext: takes the place of Asio's io_context. One thread, virtual time, one queue ordered by
// (time, sequence number): the order of everything is a function of the seed. asio::awaitable,
// co_spawn, || and cancellation run on it unchanged.
//
// A lane is what a thread with its io_context is in production: what is posted to one lane runs in
// the order of posting; lanes interleave at random when they have a lag.
// A process is a set of lanes. It can be held (SIGSTOP, a long pause) and buried (kill -9).
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/check.h"
#include "base/task.h"
#include "base/time.h"
#include "sim/draw.h"

namespace sluice::sim {

using ProcessId = std::uint32_t;
using LaneId = std::uint32_t;

// Something to run once.
struct Op {
  virtual ~Op() = default;
  virtual void run() = 0;
};
template <class F>
struct OpOf final : Op {
  explicit OpOf(F f) : call(std::move(f)) {}
  void run() override {
    F f(std::move(call));
    std::move(f)();
  }
  F call;
};
template <class F>
std::unique_ptr<Op> make_op(F&& f) {
  return std::make_unique<OpOf<std::decay_t<F>>>(std::forward<F>(f));
}

class SimContext : public boost::asio::execution_context {
 public:
  // As io_context's: dispatch() from within the lane runs at once, post() never does.
  class LaneExecutor {
   public:
    using Blocking = boost::asio::execution::blocking_t;

    LaneExecutor(SimContext* context, LaneId lane, bool inline_allowed = true)
        : context_(context), lane_(lane), inline_allowed_(inline_allowed) {}
    bool operator==(const LaneExecutor&) const = default;
    template <class F>
    void execute(F&& f) const {
      if (inline_allowed_ && context_->running_ == lane_) {
        std::decay_t<F> now(std::forward<F>(f));
        std::move(now)();
        return;
      }
      context_->post(lane_, make_op(std::forward<F>(f)));
    }
    boost::asio::execution_context& query(boost::asio::execution::context_t) const noexcept {
      return *context_;
    }
    Blocking query(Blocking) const noexcept {
      return inline_allowed_ ? Blocking(Blocking::possibly) : Blocking(Blocking::never);
    }
    LaneExecutor require(Blocking::never_t) const { return {context_, lane_, false}; }
    LaneExecutor require(Blocking::possibly_t) const { return {context_, lane_, true}; }

   private:
    SimContext* context_;
    LaneId lane_;
    bool inline_allowed_;
  };

  explicit SimContext(std::uint64_t seed) : draw_(seed) {}
  ~SimContext() { shutdown(); }
  SimContext(const SimContext&) = delete;
  SimContext& operator=(const SimContext&) = delete;

  ProcessId add_process() {
    held_until_.push_back(Instant{});
    return static_cast<ProcessId>(held_until_.size() - 1);
  }
  LaneId add_lane(ProcessId process, Duration lag_max) {
    lanes_.push_back(Lane(process, lag_max));
    return static_cast<LaneId>(lanes_.size() - 1);
  }
  boost::asio::any_io_executor executor(LaneId lane) { return LaneExecutor(this, lane); }

  Instant now() const noexcept { return now_; }
  // While a process is buried, time goes on for it alone.
  Instant now_of(LaneId lane) const noexcept {
    return burying_ == lanes_[lane].process ? grave_now_ : now_;
  }

  // Calls `f` on that lane at that time, or now if it has passed.
  template <class F>
  void at(LaneId lane, Instant when, F&& f) {
    push(lane, when, make_op(std::forward<F>(f)));
  }

  // Ends early with operation_aborted when its cancellation slot fires, like a real timer.
  Task<void> sleep_until(LaneId lane, Instant when) {
    auto initiate = [this, lane, when](auto handler) {
      using Handler = decltype(handler);
      auto slot = boost::asio::get_associated_cancellation_slot(handler);
      auto pending = std::make_shared<std::optional<Handler>>(std::move(handler));
      if (slot.is_connected()) {
        // Weak: the slot is owned, indirectly, by the handler itself.
        slot.assign([this, lane, weak = std::weak_ptr(pending)](boost::asio::cancellation_type) {
          auto p = weak.lock();
          if (!p || !p->has_value()) return;
          post(lane, make_op([p] { finish(*p, boost::asio::error::operation_aborted); }));
        });
      }
      push(lane, when, make_op([pending] { finish(*pending, {}); }));
    };
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&,
                                       void(boost::system::error_code)>(initiate,
                                                                        boost::asio::use_awaitable);
  }

  // Runs the next event. False: nothing is left to happen.
  bool step() {
    while (!queue_.empty()) {
      Event event = pop(&queue_);
      const Instant until = held_until_[lanes_[event.lane].process];
      if (event.at < until) {
        event.at = until;  // the sequence number keeps the order
        insert(&queue_, std::move(event));
        continue;
      }
      now_ = std::max(now_, event.at);
      ++steps_;
      run(&event);
      return true;
    }
    return false;
  }
  std::uint64_t steps() const noexcept { return steps_; }

  // Nothing of this process runs before `until`.
  void hold(ProcessId process, Instant until) { held_until_[process] = until; }

  // Runs everything this process still has to do, in a time of its own that the world does not see.
  // For taking a killed process apart: its ports must be dead by now.
  void bury(ProcessId process) {
    SLUICE_CHECK(!burying_);
    const auto dead = std::partition(queue_.begin(), queue_.end(), [this, process](const Event& e) {
      return lanes_[e.lane].process != process;
    });
    grave_.assign(std::make_move_iterator(dead), std::make_move_iterator(queue_.end()));
    queue_.erase(dead, queue_.end());
    std::make_heap(queue_.begin(), queue_.end(), later);
    std::make_heap(grave_.begin(), grave_.end(), later);
    burying_ = process;
    grave_now_ = now_;
    for (int guard = 0; !grave_.empty(); ++guard) {
      SLUICE_CHECK(guard < 1'000'000);  // a killed process must end
      Event event = pop(&grave_);
      grave_now_ = std::max(grave_now_, event.at);
      run(&event);
    }
    burying_.reset();
  }

 private:
  struct Lane {
    Lane(ProcessId p, Duration l) : process(p), lag_max(l) {}
    ProcessId process;
    Duration lag_max;
    Instant last{};  // of what was posted
  };
  struct Event {
    Instant at;
    std::uint64_t sequence = 0;
    LaneId lane = 0;
    std::unique_ptr<Op> op;
  };

  // Calls the handler once; the second of "time is up" and "cancelled" does nothing.
  template <class H>
  static void finish(std::optional<H>& pending, boost::system::error_code error) {
    if (!pending) return;
    H handler = std::move(*pending);
    pending.reset();
    std::move(handler)(error);
  }
  static bool later(const Event& a, const Event& b) {
    return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
  }
  static void insert(std::vector<Event>* heap, Event event) {
    heap->push_back(std::move(event));
    std::push_heap(heap->begin(), heap->end(), later);
  }
  static Event pop(std::vector<Event>* heap) {
    std::pop_heap(heap->begin(), heap->end(), later);
    Event event = std::move(heap->back());
    heap->pop_back();
    return event;
  }
  void run(Event* event) {
    const std::optional<LaneId> before = std::exchange(running_, event->lane);
    event->op->run();
    running_ = before;
  }
  void post(LaneId lane_id, std::unique_ptr<Op> op) {
    Lane& lane = lanes_[lane_id];
    Instant when = now_of(lane_id);
    if (lane.lag_max > Duration::zero()) {
      when += draw_.time_up_to(lane.lag_max);
      when = lane.last = std::max(when, lane.last);
    }
    push(lane_id, when, std::move(op));
  }
  void push(LaneId lane_id, Instant when, std::unique_ptr<Op> op) {
    Event event;
    event.at = std::max(when, now_of(lane_id));
    event.sequence = sequence_++;
    event.lane = lane_id;
    event.op = std::move(op);
    insert(burying_ == lanes_[lane_id].process ? &grave_ : &queue_, std::move(event));
  }

  Draw draw_;
  Instant now_{std::chrono::seconds(1000)};
  std::uint64_t sequence_ = 0;
  std::uint64_t steps_ = 0;
  std::optional<LaneId> running_;
  std::vector<Lane> lanes_;
  std::vector<Instant> held_until_;  // by process
  std::vector<Event> queue_;
  std::optional<ProcessId> burying_;
  Instant grave_now_{};
  std::vector<Event> grave_;
};

}  // namespace sluice::sim
