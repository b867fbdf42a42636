// PartPlan: the pure function offset → part. Fixed at the first data byte, stored with the upload,
// never changed, so that a retried range always replaces itself (G2).
//
//   equal:    part n covers [(n-1)·size, n·size)
//   growing:  for uploads of unknown length on stores that allow unequal parts: the size doubles
//             every parts_per_size parts up to the store's largest part, so that parts_max parts
//             reach min(object_max, 15/16 of parts_max x part_max). Growth starts as late as that
//             allows. The last sixteenth would take the largest part size from part 1 on; a known
//             length reaches it.
//
// Every size is a multiple of the store's part_multiple, and of 256 KiB if the preferred size
// (clamped to the store's limits) is at least that large and such a size is legal. Smaller numbers
// follow part_multiple alone, so that shrunken limits work the same way.
//
// Source: s3-multipart digest sections 4 and 10; DESIGN section 3. Rows S-06, S-07.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "base/units.h"
#include "core/limits.h"

namespace sluice::core {

class PartPlan {
 public:
  // The numbers that define a plan; what is stored with the upload.
  struct Shape {
    std::uint64_t first_bytes = 0;     // size of part 1, bytes
    std::uint32_t parts_per_size = 0;  // parts before the size doubles; 0: it never does
    std::uint64_t part_bytes_max = 0;  // the size never exceeds this, bytes
    std::uint32_t parts_max = 0;
    bool operator==(const Shape&) const = default;
  };

  // Known total: equal parts, of the preferred size or as much larger as parts_max demands. Unknown
  // total: growing parts; on stores that demand equal parts twice the preferred size (16 MiB by
  // default) for ever, whose reach() is then the largest object.
  // `first_request`: length of the first request's range if it is not the whole object. If it is a
  // legal part size of at most 64 MiB, the plan starts with it (known total: stays with it), so
  // that each of the client's chunks is a part; on equal-parts stores with an unknown total only if
  // it is larger than the fixed size, which would lose reach. `limits.object_max`: lower it to the
  // configured largest object first; a growing plan then grows later. Errors: kTooLarge when the
  // total does not fit the store; kInvalidArgument when the limits allow no part size at all.
  static Result<PartPlan> make(std::optional<ByteCount> total, ByteCount preferred,
                               std::optional<ByteCount> first_request, const StoreLimits& limits);
  // From stored numbers. kCorrupt when they make no plan.
  static Result<PartPlan> from(Shape shape);

  const Shape& shape() const noexcept { return shape_; }

  // The part that holds this offset. kTooLarge behind the last part.
  Result<PartNumber> part_at(ByteOffset offset) const;
  // The range of a full part. Precondition: number <= parts_max. Offsets end at 2^63 - 1: parts
  // that would lie behind are empty.
  ByteRange range_of(PartNumber number) const;
  // The largest object this plan can hold, at most 2^63 - 1.
  ByteCount reach() const noexcept;

 private:
  explicit PartPlan(Shape shape) : shape_(shape) {}
  Shape shape_;
};

}  // namespace sluice::core
