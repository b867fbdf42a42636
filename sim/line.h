// Line: how the calls of one process travel to the bucket or the database and back. Each call gets
// a fate: how long it takes, whether it has its effect, and what the caller hears of it.
//
// The effect belongs to the world: when the process dies meanwhile, a call that was under way may
// still have it, at once or late, or never.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/signal.h"
#include "base/task.h"
#include "base/time.h"
#include "sim/outside.h"

namespace sluice::sim {

enum class Far {
  kStore,
  kPayload,  // the store, and bytes that may arrive damaged
  kDatabase,
};

// What becomes of one call.
struct Fate {
  Duration there{};  // until the effect
  Duration back{};   // from the effect to the answer
  bool happens = true;
  std::optional<Errc> says;  // instead of the answer
};

class Line {
 public:
  Line(Outside* outside, std::string name) : outside_(outside), name_(std::move(name)) {}
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  // The process was killed: nothing leaves it any more, and nothing arrives.
  void cut();
  bool alive() const noexcept { return alive_; }
  const std::string& name() const noexcept { return name_; }

  // `effect` runs in the world, at most once, whether or not the caller still lives. `fetch`, if
  // there is one, needs the caller alive and runs some time before.
  template <class T>
  Task<Result<T>> call(Far far, const char* operation, std::function<Result<T>()> effect,
                       Deadline deadline, std::function<void()> fetch = nullptr);

 private:
  struct Flight {
    virtual ~Flight() = default;
    virtual void lose() = 0;  // answers that nobody knows
    bool fetched = true;
    bool effected = false;
    bool dropped = false;
    Duration delayed{};  // the effect comes this much later
    Signal arrived;
  };
  template <class T>
  struct FlightOf final : Flight {
    void lose() override { land(fail(Errc::kOutcomeUnknown, "simulated: the process is dead")); }
    void land(Result<T> result) {
      if (answer) return;
      answer.emplace(std::move(result));
      arrived.notify_all();
    }
    std::optional<Result<T>> effect_result;
    std::optional<Result<T>> answer;
  };

  Fate draw_fate(Far far, Deadline deadline);
  template <class T>
  static void take_effect(Outside* outside, std::shared_ptr<FlightOf<T>> flight,
                          std::function<Result<T>()> effect, Fate fate, std::string name,
                          const char* operation);

  Outside* const outside_;
  const std::string name_;
  bool alive_ = true;
  std::list<std::shared_ptr<Flight>> flights_;
};

template <class T>
void Line::take_effect(Outside* outside, std::shared_ptr<FlightOf<T>> flight,
                       std::function<Result<T>()> effect, Fate fate, std::string name,
                       const char* operation) {
  if (flight->dropped || !flight->fetched) return;
  if (flight->delayed > Duration::zero()) {
    const Duration wait = std::exchange(flight->delayed, Duration::zero());
    outside->after(wait, [=, effect = std::move(effect), name = std::move(name)]() mutable {
      take_effect<T>(outside, flight, std::move(effect), fate, std::move(name), operation);
    });
    return;
  }
  flight->effected = true;
  if (fate.happens) {
    flight->effect_result.emplace(effect());
    outside->note(name, operation,
                  *flight->effect_result ? "done" : flight->effect_result->error().detail());
  } else {
    outside->note(name, operation, "did not happen");
  }
  outside->after(fate.back, [flight, fate] {
    const bool failed = flight->effect_result && !*flight->effect_result;
    if (fate.says && !failed) {
      flight->land(fail(*fate.says, "simulated fault"));
    } else if (flight->effect_result) {
      flight->land(std::move(*flight->effect_result));
    } else {
      flight->lose();
    }
  });
}

template <class T>
Task<Result<T>> Line::call(Far far, const char* operation, std::function<Result<T>()> effect,
                           Deadline deadline, std::function<void()> fetch) {
  if (!alive_) co_return fail(Errc::kUnavailable, "simulated: the process is dead");
  const Fate fate = draw_fate(far, deadline);
  auto flight = std::make_shared<FlightOf<T>>();
  const auto place = flights_.insert(flights_.end(), flight);
  outside_->note(name_, operation, fate.says ? to_string(*fate.says) : "departs",
                 static_cast<std::uint64_t>(fate.there.count()),
                 static_cast<std::uint64_t>(fate.back.count()));
  if (fetch) {
    flight->fetched = false;
    const Duration wait = fate.there / 2;
    outside_->after(wait, [flight, fetch = std::move(fetch)] {
      if (flight->dropped) return;  // the process is gone, and the line with it
      fetch();
      flight->fetched = true;
    });
  }
  outside_->after(fate.there, [outside = outside_, flight, effect = std::move(effect), fate,
                               name = name_, operation]() mutable {
    take_effect<T>(outside, std::move(flight), std::move(effect), fate, std::move(name), operation);
  });
  const Instant planned = outside_->now() + fate.there + fate.back;
  if (!deadline.is_never() && deadline.at() <= planned) {
    outside_->context.at(outside_->lane, deadline.at(), [flight] {
      flight->land(fail(Errc::kOutcomeUnknown, "simulated: no answer in time"));
    });
  }
  while (!flight->answer) {
    const Signal::Seen seen = flight->arrived.seen();
    if (flight->answer) break;
    co_await flight->arrived.wait(seen);
  }
  flights_.erase(place);
  Result<T> answer = std::move(*flight->answer);
  co_return answer;
}

}  // namespace sluice::sim
