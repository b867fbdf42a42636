// What a store can take. Values, not constants, so that tests and the simulator can shrink them.
#pragma once

#include <cstdint>

#include "base/units.h"

namespace sluice::core {

struct StoreLimits {
  ByteCount part_min;            // every part but the last has at least this many bytes
  ByteCount part_max;            // bytes
  ByteCount part_multiple;       // part sizes are multiples of this; 1 = any
  std::uint32_t parts_max = 0;   // parts per upload
  ByteCount object_max;          // bytes
  ByteCount single_put_max;      // bytes a PutObject may have
  bool equal_parts = false;      // all parts but the last must have the same size (R2)
  std::uint32_t key_bytes_max = 1024;
};

}  // namespace sluice::core
