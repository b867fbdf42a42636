#include "core/part_plan.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>

#include "base/check.h"

namespace sluice::core {

namespace {

constexpr std::uint64_t kGranule = 256ULL << 10;  // bytes; what clients of this family cut by
constexpr std::uint64_t kFirstRequestMax = 64ULL
                                           << 20;  // bytes; larger chunks cost too much memory
constexpr std::uint64_t kSizeMax = 1ULL << 62;     // bytes; no part is larger, doubling is safe
constexpr std::uint64_t kOffsetMax = 0x7fffffffffffffffULL;  // what a client can name

std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) noexcept {
  return a >= kOffsetMax || b > kOffsetMax - a ? kOffsetMax : a + b;
}

std::uint64_t saturating_multiply(std::uint64_t a, std::uint64_t b) noexcept {
  if (a != 0 && b > kOffsetMax / a) return kOffsetMax;
  return a * b;
}

std::uint64_t divide_up(std::uint64_t n, std::uint64_t by) noexcept {
  return n / by + (n % by == 0 ? 0 : 1);
}

// Legal part sizes of a store: multiples of `align` from `min` to `max`, bytes.
struct Sizes {
  std::uint64_t align = 1;
  std::uint64_t min = 0;
  std::uint64_t max = 0;
  bool any() const noexcept { return min <= max; }

  // The smallest legal size that is at least n; behind max if there is none.
  std::uint64_t at_least(std::uint64_t n) const noexcept {
    return std::max(min, divide_up(n, align) * align);
  }
};

Sizes sizes_aligned(std::uint64_t align, std::uint64_t part_min, std::uint64_t part_max) noexcept {
  Sizes sizes;
  sizes.align = align;
  sizes.min = std::max<std::uint64_t>(1, divide_up(part_min, align)) * align;
  sizes.max = part_max / align * align;
  return sizes;
}

// Multiples of 256 KiB where the preferred size is that large, so that the chunks of common clients
// end on part borders; of the store's own multiple alone where part sizes are smaller (shrunken
// limits in tests) or no multiple of 256 KiB is legal.
Sizes legal_sizes(std::uint64_t preferred, const StoreLimits& limits) noexcept {
  const std::uint64_t part_max = std::min(limits.part_max.value(), kSizeMax);
  const std::uint64_t part_min = std::min(limits.part_min.value(), kSizeMax);
  const std::uint64_t multiple =
      std::clamp<std::uint64_t>(limits.part_multiple.value(), 1, kSizeMax);
  if (std::clamp(preferred, std::min(part_min, part_max), part_max) >= kGranule) {
    const std::uint64_t share = std::gcd(kGranule, multiple);
    if (multiple / share <= kSizeMax / kGranule) {
      const Sizes sizes = sizes_aligned(multiple / share * kGranule, part_min, part_max);
      if (sizes.any()) return sizes;
    }
  }
  return sizes_aligned(multiple, part_min, part_max);
}

// One run of parts of the same size.
struct Level {
  std::uint64_t size = 0;   // of each part, bytes
  std::uint64_t parts = 0;  // in this run
  std::uint64_t first = 1;  // number of its first part
  std::uint64_t begin = 0;  // offset of its first part
  std::uint64_t end() const noexcept {
    return saturating_add(begin, saturating_multiply(size, parts));
  }
};

Level first_level(const PartPlan::Shape& shape) noexcept {
  Level level;
  level.size = shape.first_bytes;
  const bool grows = shape.parts_per_size != 0 && shape.first_bytes < shape.part_bytes_max;
  level.parts = grows ? std::min(shape.parts_per_size, shape.parts_max) : shape.parts_max;
  return level;
}

// Behind the last level: no parts.
Level next_level(const PartPlan::Shape& shape, const Level& level) noexcept {
  Level next;
  next.first = level.first + level.parts;
  next.begin = level.end();
  next.size = std::min(level.size * 2, shape.part_bytes_max);
  const std::uint64_t left = shape.parts_max - (next.first - 1);
  next.parts =
      next.size < shape.part_bytes_max ? std::min<std::uint64_t>(shape.parts_per_size, left) : left;
  return next;
}

std::uint64_t reach_of(const PartPlan::Shape& shape) noexcept {
  Level level = first_level(shape);
  std::uint64_t end = level.end();
  while (level.first + level.parts <= shape.parts_max) {
    level = next_level(shape, level);
    end = level.end();
  }
  return end;
}

PartPlan::Shape equal_shape(std::uint64_t size, const StoreLimits& limits) noexcept {
  return PartPlan::Shape{size, 0, size, limits.parts_max};
}

// The plan that starts at `first` and grows as late as it can while it still reaches `target`; the
// first size itself is raised only where no growth is fast enough.
PartPlan::Shape growing_shape(std::uint64_t first, std::uint64_t target, const Sizes& sizes,
                              const StoreLimits& limits) noexcept {
  for (;; first = std::min(first * 2, sizes.max)) {
    const PartPlan::Shape equal = equal_shape(first, limits);
    if (first == sizes.max || reach_of(equal) >= target) return equal;
    PartPlan::Shape shape{first, 1, sizes.max, limits.parts_max};
    if (reach_of(shape) < target) continue;
    // The later the growth, the smaller the reach: the last step that is enough.
    std::uint32_t enough = 1;
    std::uint32_t too_late = limits.parts_max;
    while (too_late - enough > 1) {
      shape.parts_per_size = enough + (too_late - enough) / 2;
      (reach_of(shape) >= target ? enough : too_late) = shape.parts_per_size;
    }
    shape.parts_per_size = enough;
    return shape;
  }
}

bool is_legal_chunk(std::uint64_t length, std::optional<ByteCount> total, const Sizes& sizes,
                    const StoreLimits& limits) noexcept {
  if (length < sizes.min || length > std::min(sizes.max, kFirstRequestMax)) return false;
  if (length % sizes.align != 0) return false;
  return !total ||
         (length < total->value() && divide_up(total->value(), length) <= limits.parts_max);
}

}  // namespace

Result<PartPlan> PartPlan::make(std::optional<ByteCount> total, ByteCount preferred,
                                std::optional<ByteCount> first_request, const StoreLimits& limits) {
  const Sizes sizes = legal_sizes(preferred.value(), limits);
  if (!sizes.any() || limits.parts_max == 0) {
    return fail(Errc::kInvalidArgument, "the store's limits allow no part size");
  }
  const std::uint64_t object_max = std::min(limits.object_max.value(), kOffsetMax);
  const std::uint64_t wanted =
      std::min(sizes.at_least(std::min(preferred.value(), kSizeMax)), sizes.max);
  const bool chunk_is_part =
      first_request && is_legal_chunk(first_request->value(), total, sizes, limits);

  if (total) {
    if (total->value() > object_max) {
      return fail(Errc::kTooLarge, "larger than the store's largest object");
    }
    if (chunk_is_part) return PartPlan(equal_shape(first_request->value(), limits));
    const std::uint64_t size =
        std::max(wanted, sizes.at_least(divide_up(total->value(), limits.parts_max)));
    if (size > sizes.max) return fail(Errc::kTooLarge, "more parts than the store takes");
    return PartPlan(equal_shape(size, limits));
  }

  if (limits.equal_parts) {
    const std::uint64_t fixed = std::min(sizes.at_least(wanted * 2), sizes.max);
    const bool larger = chunk_is_part && first_request->value() > fixed;
    return PartPlan(equal_shape(larger ? first_request->value() : fixed, limits));
  }
  const std::uint64_t capacity = saturating_multiply(sizes.max, limits.parts_max);
  const std::uint64_t target = std::min(object_max, capacity - capacity / 16);
  return PartPlan(
      growing_shape(chunk_is_part ? first_request->value() : wanted, target, sizes, limits));
}

Result<PartPlan> PartPlan::from(Shape shape) {
  if (shape.first_bytes == 0 || shape.parts_max == 0 || shape.part_bytes_max < shape.first_bytes ||
      shape.part_bytes_max > kSizeMax) {
    return fail(Errc::kCorrupt, "stored numbers make no part plan");
  }
  return PartPlan(shape);
}

Result<PartNumber> PartPlan::part_at(ByteOffset offset) const {
  const std::uint64_t at = offset.value();
  for (Level level = first_level(shape_);; level = next_level(shape_, level)) {
    if (at < level.end()) {
      // In range: a level's numbers end at parts_max, which has 32 bits.
      return PartNumber(static_cast<std::uint32_t>(level.first + (at - level.begin) / level.size));
    }
    if (level.first + level.parts > shape_.parts_max) {
      return fail(Errc::kTooLarge, "behind the last part of the plan");
    }
  }
}

ByteRange PartPlan::range_of(PartNumber number) const {
  SLUICE_CHECK(number.value() <= shape_.parts_max);
  Level level = first_level(shape_);
  while (number.value() >= level.first + level.parts) level = next_level(shape_, level);
  const std::uint64_t begin =
      saturating_add(level.begin, saturating_multiply(level.size, number.value() - level.first));
  return ByteRange(ByteOffset(begin), ByteOffset(saturating_add(begin, level.size)));
}

ByteCount PartPlan::reach() const noexcept {
  return ByteCount(reach_of(shape_));
}

}  // namespace sluice::core
