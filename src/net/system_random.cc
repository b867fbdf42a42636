#include "net/system_random.h"

#include <algorithm>

#include <openssl/rand.h>

#include "base/check.h"

namespace sluice::net {

void SystemRandom::fill(std::span<std::byte> out) {
  while (!out.empty()) {
    const std::size_t n = std::min<std::size_t>(out.size(), 1U << 20);
    SLUICE_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(n)) ==
                 1);
    out = out.subspan(n);
  }
}

}  // namespace sluice::net
