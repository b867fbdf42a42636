// PartPlan: whatever the store's limits, the parts are a partition of the object into legal sizes.
// S-06, S-07.
#include "core/part_plan.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace sluice::core {
namespace {

std::uint64_t number(std::uint64_t from, std::uint64_t to) {
  return *rc::gen::inRange<std::uint64_t>(from, to + 1);
}

// Small and large numbers alike: a random number of bits.
std::uint64_t magnitude(std::uint64_t from, unsigned bits_max) {
  return from + number(0, (1ULL << number(0, bits_max)) - 1);
}

StoreLimits some_limits() {
  StoreLimits limits;
  limits.part_multiple = ByteCount(*rc::gen::element<std::uint64_t>(1, 1, 7, 256U << 10));
  limits.part_min = ByteCount(magnitude(1, 24));
  limits.part_max = limits.part_min + ByteCount(magnitude(0, 33)) + limits.part_multiple;
  limits.parts_max = static_cast<std::uint32_t>(number(1, 10'000));
  limits.object_max = ByteCount(magnitude(1, 47));
  limits.single_put_max = limits.part_max;
  limits.equal_parts = *rc::gen::arbitrary<bool>();
  return limits;
}

RC_GTEST_PROP(PartPlanProperties, PartsAreALegalPartition, ()) {
  const StoreLimits limits = some_limits();
  std::optional<ByteCount> total;
  if (*rc::gen::arbitrary<bool>()) total = ByteCount(magnitude(1, 46));
  std::optional<ByteCount> first;
  if (*rc::gen::arbitrary<bool>()) first = ByteCount(magnitude(1, 27));
  const auto plan = PartPlan::make(total, ByteCount(magnitude(1, 27)), first, limits);
  if (!plan) {
    // A total that fits with the largest legal part must be planned.
    if (total && plan.error().code() == Errc::kTooLarge) {
      const std::uint64_t multiple = limits.part_multiple.value();
      const std::uint64_t largest = limits.part_max.value() / multiple * multiple;
      RC_ASSERT(*total > limits.object_max || largest < limits.part_min.value() ||
                total->value() > largest * limits.parts_max);
    }
    RC_DISCARD("no plan");
  }
  if (total) RC_ASSERT(plan->reach() >= *total);

  const std::uint64_t reach = plan->reach().value();
  RC_ASSERT(reach > 0);
  const std::uint64_t at = number(0, reach - 1);
  const auto part = plan->part_at(ByteOffset(at));
  RC_ASSERT(part.has_value());
  RC_ASSERT(part->value() >= 1 && part->value() <= limits.parts_max);
  const ByteRange range = plan->range_of(*part);
  RC_ASSERT(range.begin() <= ByteOffset(at) && ByteOffset(at) < range.end());
  RC_ASSERT(range.size() <= limits.part_max);
  const bool may_be_short = total && range.end().value() > total->value();
  if (!may_be_short) RC_ASSERT(range.size() >= limits.part_min);
  RC_ASSERT(range.size().value() % limits.part_multiple.value() == 0);
  // Neighbours touch, and part 1 begins at 0.
  if (part->value() == 1) {
    RC_ASSERT(range.begin() == ByteOffset(0));
  } else {
    RC_ASSERT(plan->range_of(PartNumber(part->value() - 1)).end() == range.begin());
  }
  if (limits.equal_parts) RC_ASSERT(range.size() == plan->range_of(PartNumber(1)).size());
  // What is stored gives the same plan.
  const auto stored = PartPlan::from(plan->shape());
  RC_ASSERT(stored.has_value());
  RC_ASSERT(stored->range_of(*part) == range);
  RC_ASSERT(!plan->part_at(ByteOffset(reach)).has_value());
}

// Damaged numbers make no plan, or one that is still a partition.
RC_GTEST_PROP(PartPlanProperties, AnyStoredShapeIsSafe, ()) {
  PartPlan::Shape shape;
  shape.first_bytes = magnitude(0, 63);
  shape.parts_per_size = static_cast<std::uint32_t>(magnitude(0, 31));
  shape.part_bytes_max = magnitude(0, 63);
  shape.parts_max = static_cast<std::uint32_t>(magnitude(0, 31));
  const auto plan = PartPlan::from(shape);
  if (!plan) return;
  RC_ASSERT(plan->reach().value() <= (1ULL << 63) - 1);
  if (plan->reach() == ByteCount()) return;
  const std::uint64_t at = number(0, plan->reach().value() - 1);
  const auto part = plan->part_at(ByteOffset(at));
  RC_ASSERT(part.has_value());
  const ByteRange range = plan->range_of(*part);
  RC_ASSERT(range.begin() <= ByteOffset(at) && ByteOffset(at) < range.end());
}

}  // namespace
}  // namespace sluice::core
