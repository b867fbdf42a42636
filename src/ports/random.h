// Random: the only source of randomness above L4. Real: the system's generator, fit for secrets.
// Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::byte> out) = 0;

  // Uniform in [0, bound). Precondition: bound > 0.
  std::uint64_t below(std::uint64_t bound) {
    std::uint64_t v = 0;
    fill(std::as_writable_bytes(std::span(&v, 1)));
    return v % bound;  // bias below 2^-32 for every bound we use
  }
};

}  // namespace sluice
