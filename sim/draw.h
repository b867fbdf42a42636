// Draw: every choice of a schedule comes from here, in the order in which it is asked for. The same
// seed makes the same choices with every compiler and library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/time.h"
#include "ports/random.h"

namespace sluice::sim {

class Draw final : public Random {
 public:
  explicit Draw(std::uint64_t seed) : state_(seed) {}

  // splitmix64
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  void fill(std::span<std::byte> out) override {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (i % 8 == 0) word = next();
      out[i] = static_cast<std::byte>(word >> (8 * (i % 8)));
    }
  }
  // Uniform in [low, high].
  std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + next() % (high - low + 1);
  }
  // True in `per_mille` of 1000 cases.
  bool chance(std::uint64_t per_mille) { return next() % 1000 < per_mille; }
  Duration time_up_to(Duration longest) {
    return Duration(
        static_cast<Duration::rep>(next() % (static_cast<std::uint64_t>(longest.count()) + 1)));
  }
  // A generator of its own, so that one actor's choices do not move another's.
  std::uint64_t branch() { return next(); }

 private:
  std::uint64_t state_;
};

}  // namespace sluice::sim
