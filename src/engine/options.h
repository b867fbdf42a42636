// Options of the engine. Defaults are for production; every number says its unit and what goes
// wrong at either end.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/units.h"
#include "wire/checksum.h"

namespace sluice::engine {

struct EngineOptions {
  // Upload bytes in memory, all uploads together (G8). Bytes; at least 4 MiB. Small: clients wait
  // and tails are parked more often. Key: memory_budget.
  ByteCount memory_budget{256ULL << 20};

  // Size of a part. Bytes, multiple of 256 KiB, clamped to the store's limits. Larger: fewer store
  // requests, more memory per upload and more to send again after a failure. Key: part_size.
  ByteCount part_size{8ULL << 20};

  // Parts of one upload that are on their way to the store at once. 1..64. Key: parts_in_flight.
  std::uint32_t parts_in_flight = 4;

  // Largest object accepted. Bytes. Key: max_size.
  ByteCount size_max{5ULL << 40};

  // How long a vanished client's unparked tail waits in memory for its return, ms. Shorter: more
  // small store objects; longer: more memory held for nobody. Key: linger.
  std::chrono::milliseconds linger{10'000};

  // One store call, ms. Key: store_timeout.
  std::chrono::milliseconds store_timeout{120'000};
  // The completion call, which may take minutes on a large object, ms. Key: complete_timeout.
  std::chrono::milliseconds complete_timeout{600'000};
  // How long a request waits for the final answer before it says "ask again" (503), ms. Key:
  // complete_wait.
  std::chrono::milliseconds complete_wait{60'000};

  // An upload without durable progress for this long is aborted by the sweeper, s. Key:
  // expire_after.
  std::chrono::seconds expire_after{7 * 24 * 3600};

  // nullopt: the store's preference. Key: checksum.
  std::optional<wire::ChecksumKind> checksum;
};

}  // namespace sluice::engine
