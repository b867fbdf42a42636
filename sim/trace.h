// Trace: what happened, in order. Always hashed, so that two runs can be compared; printed when a
// person wants to read it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string_view>

#include "base/time.h"

namespace sluice::sim {

class Trace {
 public:
  explicit Trace(bool print) : print_(print) {}

  // `actor` did `what`; two numbers and a text say more.
  void note(Instant now, std::string_view actor, std::string_view what, std::string_view text = {},
            std::uint64_t a = 0, std::uint64_t b = 0) {
    mix(static_cast<std::uint64_t>(now.time_since_epoch().count()));
    mix(actor);
    mix(what);
    mix(text);
    mix(a);
    mix(b);
    ++lines_;
    if (!print_) return;
    const double seconds = std::chrono::duration<double>(now.time_since_epoch()).count();
    std::printf("%12.6f  %-9.*s %-26.*s %8llu %8llu  %.*s\n", seconds,
                static_cast<int>(actor.size()), actor.data(), static_cast<int>(what.size()),
                what.data(), static_cast<unsigned long long>(a), static_cast<unsigned long long>(b),
                static_cast<int>(text.size()), text.data());
  }
  // For the reader only; not hashed.
  void remark(std::string_view actor, std::string_view text) {
    if (!print_) return;
    std::printf("%12s  %-9.*s %.*s\n", "", static_cast<int>(actor.size()), actor.data(),
                static_cast<int>(text.size()), text.data());
  }
  bool printing() const noexcept { return print_; }
  std::uint64_t hash() const noexcept { return hash_; }
  std::uint64_t lines() const noexcept { return lines_; }

 private:
  void mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3ULL + (hash_ >> 47); }
  void mix(std::string_view text) {
    for (const char c : text) mix(static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
    mix(text.size());
  }

  const bool print_;
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
  std::uint64_t lines_ = 0;
};

}  // namespace sluice::sim
