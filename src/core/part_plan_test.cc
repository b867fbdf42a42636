#include "core/part_plan.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <random>

#include <gtest/gtest.h>

namespace sluice::core {
namespace {

using namespace literals;

constexpr ByteCount kPreferred = 8_MiB;

// Amazon S3 User Guide, "Multipart upload limits".
StoreLimits s3() {
  StoreLimits limits;
  limits.part_min = 5_MiB;
  limits.part_max = 5_GiB;
  limits.part_multiple = ByteCount(1);
  limits.parts_max = 10'000;
  limits.object_max = ByteCount(10'000 * (5_GiB).value());  // 48.8 TiB
  limits.single_put_max = 5_GiB;
  return limits;
}

StoreLimits tiny() {
  StoreLimits limits;
  limits.part_min = ByteCount(4);
  limits.part_max = ByteCount(64);
  limits.part_multiple = ByteCount(1);
  limits.parts_max = 10;
  limits.object_max = ByteCount(500);
  limits.single_put_max = ByteCount(64);
  return limits;
}

PartPlan plan(std::optional<ByteCount> total, const StoreLimits& limits,
              ByteCount preferred = kPreferred, std::optional<ByteCount> first = std::nullopt) {
  const Result<PartPlan> made = PartPlan::make(total, preferred, first, limits);
  EXPECT_TRUE(made.has_value()) << made.error().detail();
  return *made;
}

// Written before the plan: a stream of unknown length must be able to become the largest object.
TEST(PartPlan, UnknownLengthReachesTheLargestObject) {
  for (const ByteCount object_max : {1_GiB, 100_GiB, 1_TiB, 5_TiB, 40_TiB}) {
    StoreLimits limits = s3();
    limits.object_max = object_max;
    const PartPlan p = plan(std::nullopt, limits);
    EXPECT_GE(p.reach(), object_max);
    const auto last = p.part_at(ByteOffset(object_max.value() - 1));
    ASSERT_TRUE(last.has_value());
    EXPECT_LE(last->value(), limits.parts_max);
    for (std::uint32_t n = 1; n <= limits.parts_max; ++n) {
      const ByteCount size = p.range_of(PartNumber(n)).size();
      ASSERT_GE(size, limits.part_min);
      ASSERT_LE(size, limits.part_max);
      ASSERT_EQ(size.value() % (256_KiB).value(), 0U);
    }
  }
}

TEST(PartPlan, UnknownLengthStopsAtFifteenSixteenthsOfWhatPartsCanHold) {
  const PartPlan p = plan(std::nullopt, s3());
  EXPECT_GE(p.reach().value(), s3().object_max.value() / 16 * 15);
  EXPECT_EQ(p.shape().first_bytes, kPreferred.value());
}

TEST(PartPlan, GrowthStartsAsLateAsTheReachAllows) {
  StoreLimits limits = s3();
  limits.object_max = 5_TiB;
  const PartPlan p = plan(std::nullopt, limits);
  EXPECT_EQ(p.range_of(PartNumber(1'000)).size(), 8_MiB);
  PartPlan::Shape later = p.shape();
  ++later.parts_per_size;
  EXPECT_LT(PartPlan::from(later)->reach(), limits.object_max);
  // Small enough for equal parts: no growth at all.
  limits.object_max = 70_GiB;
  EXPECT_EQ(plan(std::nullopt, limits).shape(),
            (PartPlan::Shape{(8_MiB).value(), 0, (8_MiB).value(), 10'000}));
}

// S-06. The choice of PutObject for small totals is the engine's; the plan is right for any total.
TEST(PartPlan, S06KnownTotals) {
  const std::uint64_t eight = (8_MiB).value();
  const std::uint64_t most = s3().object_max.value();
  const struct {
    std::uint64_t total;
    std::uint64_t size;  // of a part; 0: refused
    std::uint32_t parts;
  } rows[] = {
      {0, eight, 0},
      {1, eight, 1},
      {(5_MiB).value() - 1, eight, 1},
      {(5_MiB).value(), eight, 1},
      {(5_MiB).value() + 1, eight, 1},
      {eight, eight, 1},
      {eight + 1, eight, 2},
      {10'000 * eight, eight, 10'000},
      {10'000 * eight + 1, eight + (256_KiB).value(), 9'697},
      {(5_TiB).value(), 549'978'112, 9'996},
      {most, (5_GiB).value(), 10'000},
      {most + 1, 0, 0},
      {0x7fffffffffffffffULL, 0, 0},
  };
  for (const auto& row : rows) {
    const auto made = PartPlan::make(ByteCount(row.total), kPreferred, std::nullopt, s3());
    if (row.size == 0) {
      ASSERT_FALSE(made.has_value()) << row.total;
      EXPECT_EQ(made.error().code(), Errc::kTooLarge);
      continue;
    }
    ASSERT_TRUE(made.has_value()) << row.total;
    EXPECT_EQ(made->shape(), (PartPlan::Shape{row.size, 0, row.size, 10'000})) << row.total;
    if (row.total == 0) continue;
    EXPECT_EQ(made->part_at(ByteOffset(row.total - 1))->value(), row.parts) << row.total;
  }
}

TEST(PartPlan, PreferredSizeIsClampedToTheStore) {
  EXPECT_EQ(plan(1_GiB, s3(), 1_MiB).shape().first_bytes, (5_MiB).value());
  EXPECT_EQ(plan(1_GiB, s3(), 6_GiB).shape().first_bytes, (5_GiB).value());
  EXPECT_EQ(plan(1_GiB, s3(), ByteCount((8_MiB).value() + 1)).shape().first_bytes,
            (8_MiB).value() + (256_KiB).value());
  StoreLimits b2 = s3();
  b2.part_min = ByteCount(5'000'000);
  EXPECT_EQ(plan(1_GiB, b2, 1_MiB).shape().first_bytes, 20 * (256_KiB).value());  // 5,242,880
  StoreLimits multiple = s3();
  multiple.part_multiple = 3_MiB;
  EXPECT_EQ(plan(1_GiB, multiple).shape().first_bytes, (9_MiB).value());
  EXPECT_EQ(plan(std::nullopt, multiple).shape().first_bytes, (9_MiB).value());
}

// The client's chunk becomes the part, so that nothing is parked.
TEST(PartPlan, FirstRequestThatIsALegalPartIsTheSize) {
  const std::uint64_t unit = (256_KiB).value();
  const struct {
    std::optional<ByteCount> total;
    std::uint64_t first;
    bool taken;
  } rows[] = {
      {1_GiB, (5_MiB).value(), true},
      {1_GiB, (16_MiB).value(), true},
      {1_GiB, (64_MiB).value(), true},
      {1_GiB, (64_MiB).value() + unit, false},  // too much memory for one part
      {1_GiB, (5_MiB).value() - unit, false},   // below the store's minimum
      {1_GiB, (5_MiB).value() + 1, false},      // no multiple of 256 KiB
      {1_GiB, 0, false},
      {ByteCount(10'000 * (5_MiB).value()), (5_MiB).value(), true},
      {ByteCount(10'000 * (5_MiB).value() + 1), (5_MiB).value(), false},  // too many parts
      {16_MiB, (16_MiB).value(), false},                                  // the whole object
      {std::nullopt, (5_MiB).value(), true},
      {std::nullopt, (16_MiB).value(), true},
      {std::nullopt, (256_KiB).value(), false},
  };
  for (const auto& row : rows) {
    const PartPlan p = plan(row.total, s3(), kPreferred, ByteCount(row.first));
    EXPECT_EQ(p.shape().first_bytes, row.taken ? row.first : kPreferred.value()) << row.first;
    if (row.total) {
      EXPECT_EQ(p.shape().parts_per_size, 0U);
    }
  }
}

// S-07: every part but the last is of one size, also when the length is unknown.
TEST(PartPlan, S07EqualPartsStores) {
  StoreLimits r2 = s3();
  r2.equal_parts = true;
  r2.object_max = 5_TiB;
  const std::uint64_t fixed = (16_MiB).value();
  EXPECT_EQ(plan(std::nullopt, r2).shape(), (PartPlan::Shape{fixed, 0, fixed, 10'000}));
  EXPECT_EQ(plan(std::nullopt, r2).reach(), ByteCount(10'000 * fixed));  // 156 GiB
  // A smaller chunk would lose reach, a larger one gains some.
  EXPECT_EQ(plan(std::nullopt, r2, kPreferred, 8_MiB).shape().first_bytes, fixed);
  EXPECT_EQ(plan(std::nullopt, r2, kPreferred, 32_MiB).shape().first_bytes, (32_MiB).value());
  EXPECT_EQ(plan(5_TiB, r2).shape().parts_per_size, 0U);
  EXPECT_GE(plan(5_TiB, r2).reach(), 5_TiB);
}

TEST(PartPlan, ShrunkenLimitsTakeTheSamePaths) {
  const ByteCount preferred(8);
  EXPECT_EQ(plan(ByteCount(30), tiny(), preferred).shape(), (PartPlan::Shape{8, 0, 8, 10}));
  EXPECT_EQ(plan(ByteCount(100), tiny(), preferred).shape(), (PartPlan::Shape{10, 0, 10, 10}));
  EXPECT_EQ(plan(ByteCount(500), tiny(), preferred).shape(), (PartPlan::Shape{50, 0, 50, 10}));
  EXPECT_FALSE(PartPlan::make(ByteCount(501), preferred, std::nullopt, tiny()).has_value());
  EXPECT_EQ(plan(ByteCount(30), tiny(), preferred, ByteCount(5)).shape().first_bytes, 5U);
  // 8·1 + 16·1 + 32·1 + 64·7 = 504
  EXPECT_EQ(plan(std::nullopt, tiny(), preferred).shape(), (PartPlan::Shape{8, 1, 64, 10}));
  StoreLimits more = tiny();
  more.object_max = ByteCount(640);  // 15/16 of it: 600; no doubling from 8 reaches that
  const PartPlan p = plan(std::nullopt, more, preferred);
  EXPECT_GE(p.reach(), ByteCount(600));
  EXPECT_EQ(p.shape().first_bytes, 32U);
}

TEST(PartPlan, LimitsThatAllowNoPartAreSaid) {
  StoreLimits limits = tiny();
  limits.part_multiple = ByteCount(100);
  EXPECT_EQ(PartPlan::make(ByteCount(1), ByteCount(8), std::nullopt, limits).error().code(),
            Errc::kInvalidArgument);
  limits = tiny();
  limits.parts_max = 0;
  EXPECT_EQ(PartPlan::make(ByteCount(1), ByteCount(8), std::nullopt, limits).error().code(),
            Errc::kInvalidArgument);
}

TEST(PartPlan, StoredNumbersAreChecked) {
  EXPECT_TRUE(PartPlan::from({8, 1, 64, 10}).has_value());
  EXPECT_TRUE(PartPlan::from({8, 0, 8, 1}).has_value());
  for (const PartPlan::Shape& bad :
       {PartPlan::Shape{}, PartPlan::Shape{0, 0, 8, 1}, PartPlan::Shape{8, 0, 4, 1},
        PartPlan::Shape{8, 0, 8, 0}, PartPlan::Shape{8, 1, ~0ULL, 10}}) {
    EXPECT_EQ(PartPlan::from(bad).error().code(), Errc::kCorrupt);
  }
}

TEST(PartPlan, PartsBehindTheLastAreRefused) {
  const PartPlan p = plan(std::nullopt, tiny(), ByteCount(8));
  EXPECT_EQ(p.reach(), ByteCount(504));
  EXPECT_EQ(p.part_at(ByteOffset(503))->value(), 10U);
  EXPECT_EQ(p.part_at(ByteOffset(504)).error().code(), Errc::kTooLarge);
  EXPECT_EQ(p.part_at(ByteOffset(~0ULL)).error().code(), Errc::kTooLarge);
}

// Goal: whatever the limits, a plan is a partition into legal parts, or an honest refusal.
// Method: 20,000 random limits, totals and chunks of all magnitudes; fixed seed.
TEST(PartPlan, IsAPartitionIntoLegalParts) {
  std::mt19937_64 random(7);  // NOLINT: the same run every time
  const auto magnitude = [&](unsigned bits_max) {
    const unsigned bits = static_cast<unsigned>(random() % bits_max);
    return random() >> (63 - bits);
  };
  const auto sometimes = [&](ByteCount n) {
    return random() % 3 == 0 ? std::nullopt : std::optional(n);
  };
  int made_plans = 0;
  for (int step = 0; step < 20'000; ++step) {
    StoreLimits limits;
    limits.part_multiple = ByteCount(std::array{1ULL, 1ULL, 4ULL, 512ULL}[random() % 4]);
    limits.part_min = ByteCount(magnitude(24));
    limits.part_max = ByteCount(limits.part_min.value() + magnitude(40));
    limits.parts_max = static_cast<std::uint32_t>(1 + magnitude(16));
    limits.object_max = ByteCount(magnitude(50));
    limits.equal_parts = random() % 4 == 0;
    const std::optional<ByteCount> total = sometimes(ByteCount(magnitude(50)));
    const std::optional<ByteCount> first = sometimes(ByteCount(magnitude(27)));
    const ByteCount preferred(magnitude(28));

    const auto made = PartPlan::make(total, preferred, first, limits);
    if (!made) {
      const std::uint64_t top =
          limits.part_max.value() / limits.part_multiple.value() * limits.part_multiple.value();
      const bool no_size = top == 0 || top < limits.part_min.value();
      // Rounding to 256 KiB costs less than one granule per part.
      const std::uint64_t granule = std::min<std::uint64_t>(top, (256_KiB).value());
      const bool too_large = total && (total->value() > limits.object_max.value() ||
                                       total->value() > (top - granule) * limits.parts_max);
      ASSERT_TRUE(no_size || too_large) << step;
      continue;
    }
    ++made_plans;
    const PartPlan& p = *made;
    ASSERT_EQ(PartPlan::from(p.shape())->shape(), p.shape());
    ASSERT_EQ(p.shape().parts_max, limits.parts_max);
    if (total) {
      ASSERT_GE(p.reach(), *total);
    }
    ByteOffset expected;
    for (std::uint32_t n = 1; n <= std::min(limits.parts_max, 300U); ++n) {
      const ByteRange r = p.range_of(PartNumber(n));
      ASSERT_EQ(r.begin(), expected);
      ASSERT_GE(r.size(), limits.part_min);
      ASSERT_LE(r.size(), limits.part_max);
      ASSERT_EQ(r.size().value() % limits.part_multiple.value(), 0U);
      if (limits.equal_parts || total) {
        ASSERT_EQ(r.size().value(), p.shape().first_bytes);
      }
      ASSERT_EQ(p.part_at(r.begin())->value(), n);
      ASSERT_EQ(p.part_at(ByteOffset(r.end().value() - 1))->value(), n);
      expected = r.end();
    }
    const std::uint64_t inside = random() % p.reach().value();
    const PartNumber at = *p.part_at(ByteOffset(inside));
    ASSERT_LE(p.range_of(at).begin(), ByteOffset(inside));
    ASSERT_LT(ByteOffset(inside), p.range_of(at).end());
    ASSERT_EQ(p.range_of(PartNumber(limits.parts_max)).end(), end_of(p.reach()));
    ASSERT_FALSE(p.part_at(end_of(p.reach())).has_value());
    if (!total && !limits.equal_parts) {
      const std::uint64_t top = p.shape().part_bytes_max;
      ASSERT_GE(p.reach().value(),
                std::min(limits.object_max.value(), top * limits.parts_max / 16 * 15));
    }
  }
  EXPECT_GT(made_plans, 5'000);
}

}  // namespace
}  // namespace sluice::core
