// PartIndex: which parts of an unfinished upload are durable. A file of 64-byte records, part n at
// (n - 1) * 64, each with a checksum of its own: a record never crosses a disk sector, is written
// in one piece, and counts only if it is whole. Reading one part is one read, whatever their
// number.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "stores/local/fd.h"
#include "wire/checksum.h"

namespace sluice::stores::local {

struct PartRecord {
  PartNumber number;
  ByteRange range;
  wire::Checksum checksum;  // CRC-32C of the part's bytes
};

// nullopt: not there (or not whole).
Result<std::optional<PartRecord>> read_part(const Fd& index, PartNumber number);
// Ascending by number.
Result<std::vector<PartRecord>> read_parts(const Fd& index);

// Durable when they answer.
Result<Ok> write_part(const Fd& index, const PartRecord& record);
Result<Ok> erase_part(const Fd& index, PartNumber number);

}  // namespace sluice::stores::local
