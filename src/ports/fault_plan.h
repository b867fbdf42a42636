// FaultPlan: decides which call of a test double fails, and how. "Fail the Nth operation, once or
// for ever" walks every error path without luck. Used by the in-memory store and state database.
//
// Not thread-safe; deterministic.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace sluice {

struct Fault {
  enum class When : std::uint8_t {
    kBefore,  // the call has no effect
    kAfter,   // the call has its effect and the answer is lost
  };
  When when = When::kBefore;
  Errc code = Errc::kUnavailable;

  static Fault before(Errc c = Errc::kUnavailable) { return Fault{When::kBefore, c}; }
  static Fault after(Errc c = Errc::kOutcomeUnknown) { return Fault{When::kAfter, c}; }
};

class FaultPlan {
 public:
  enum class Mode : std::uint8_t { kOnce, kForever };
  // Sees each call's name and its number (0, 1, …); nullopt: the call is fine.
  using Decide = std::function<std::optional<Fault>(std::string_view, std::uint64_t)>;

  // The call with this number fails (kOnce), or it and all later ones (kForever). `operation`:
  // only calls of this name count; empty: all.
  void fail_at(std::uint64_t number, Mode mode, Fault fault = Fault::before(),
               std::string operation = {}) {
    seen_ = 0;
    decide_ = [this, number, mode, fault, operation = std::move(operation)](
                  std::string_view name, std::uint64_t) -> std::optional<Fault> {
      if (!operation.empty() && operation != name) return std::nullopt;
      const std::uint64_t at = seen_++;
      if (mode == Mode::kOnce ? at == number : at >= number) return fault;
      return std::nullopt;
    };
  }
  void decide_by(Decide decide) { decide_ = std::move(decide); }
  void stop_failing() { decide_ = nullptr; }

  bool did_fail() const noexcept { return failures_ > 0; }
  std::uint64_t failures() const noexcept { return failures_; }
  std::uint64_t calls() const noexcept { return calls_; }

  // For the double itself: once per call.
  std::optional<Fault> next(std::string_view operation) {
    const std::uint64_t number = calls_++;
    if (!decide_) return std::nullopt;
    std::optional<Fault> fault = decide_(operation, number);
    if (fault) ++failures_;
    return fault;
  }

  FaultPlan() = default;
  FaultPlan(const FaultPlan&) = delete;
  FaultPlan& operator=(const FaultPlan&) = delete;

 private:
  Decide decide_;
  std::uint64_t seen_ = 0;
  std::uint64_t calls_ = 0;
  std::uint64_t failures_ = 0;
};

}  // namespace sluice
