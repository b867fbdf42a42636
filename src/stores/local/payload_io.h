// The bytes of a Payload: resident ones from memory, parked ones from their files, through a
// window.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "ports/object_store.h"
#include "stores/local/fd.h"
#include "wire/checksum.h"

namespace sluice::stores::local {

struct Sums {
  wire::Checksum crc32c;    // what the store works with
  wire::Checksum declared;  // of the kind the payload names; crc32c if it names none
};

// Reads the payload to its end; kCorrupt when a parked piece is gone or short, or the declared
// checksum does not fit. `root`: the directory that keys are relative to.
Result<Sums> sum_payload(const Fd& root, const Payload& payload);
// The same, and writes it to `file` from `at` on.
Result<Sums> write_payload(const Fd& root, const Payload& payload, const Fd& file,
                           std::uint64_t at);

// An object's file, open for reading. kNotFound: none, or not a regular file.
Result<Fd> open_object(const Fd& root, const ObjectKey& key);

}  // namespace sluice::stores::local
