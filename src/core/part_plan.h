// PartPlan: the pure function offset → part. Fixed at the first data byte, stored with the upload,
// never changed, so that a retried range always replaces itself (G2).
//
//   equal:    part n covers [(n-1)·size, n·size)
//   growing:  for uploads of unknown length on stores that allow unequal parts: the size doubles
//             every `step` parts up to the store's largest part, so that parts_max parts reach the
//             store's largest object.
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
    std::uint64_t first_bytes = 0;    // size of part 1, bytes
    std::uint32_t parts_per_size = 0; // parts before the size doubles; 0: it never does
    std::uint64_t part_bytes_max = 0; // the size never exceeds this, bytes
    std::uint32_t parts_max = 0;
    bool operator==(const Shape&) const = default;
  };

  // Largest sensible plan for a known total. kTooLarge when no plan fits the store.
  // `first_request`: length of the first request's range if it is not the whole object; if it is a
  // legal part size, it becomes the plan's, so that each of the client's chunks is a part.
  static Result<PartPlan> make(std::optional<ByteCount> total, ByteCount preferred,
                               std::optional<ByteCount> first_request, const StoreLimits& limits);
  // From stored numbers. kCorrupt when they make no plan.
  static Result<PartPlan> from(Shape shape);

  const Shape& shape() const noexcept { return shape_; }

  // The part that holds this offset. kTooLarge behind the last part.
  Result<PartNumber> part_at(ByteOffset offset) const;
  // The range of a full part. Precondition: number <= parts_max.
  ByteRange range_of(PartNumber number) const;
  // The largest object this plan can hold.
  ByteCount reach() const noexcept;

 private:
  explicit PartPlan(Shape shape) : shape_(shape) {}
  Shape shape_;
};

}  // namespace sluice::core
