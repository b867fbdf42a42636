// SystemRandom: the real Random, OpenSSL's generator seeded by the kernel. Thread-safe.
#pragma once

#include <cstddef>
#include <span>

#include "ports/random.h"

namespace sluice::net {

class SystemRandom final : public Random {
 public:
  // Ends the process if the generator fails: going on with guessable tokens would be worse.
  void fill(std::span<std::byte> out) override;
};

}  // namespace sluice::net
