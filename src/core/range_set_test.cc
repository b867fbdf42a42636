#include "core/range_set.h"

#include <bitset>
#include <cstddef>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::core {
namespace {

ByteRange range(std::uint64_t begin, std::uint64_t end) {
  return ByteRange(ByteOffset(begin), ByteOffset(end));
}

RangeSet set_of(std::initializer_list<ByteRange> list) {
  RangeSet set;
  for (const ByteRange& r : list) set.add(r);
  return set;
}

using Ranges = std::vector<ByteRange>;

TEST(RangeSet, AddingMergesWhatTouchesOrOverlaps) {
  EXPECT_EQ(set_of({range(0, 4), range(4, 8)}).ranges(), (Ranges{range(0, 8)}));
  EXPECT_EQ(set_of({range(6, 8), range(0, 2)}).ranges(), (Ranges{range(0, 2), range(6, 8)}));
  EXPECT_EQ(set_of({range(0, 2), range(6, 8), range(1, 7)}).ranges(), (Ranges{range(0, 8)}));
  EXPECT_EQ(set_of({range(2, 4), range(6, 8), range(0, 20)}).ranges(), (Ranges{range(0, 20)}));
  EXPECT_EQ(set_of({range(0, 20), range(3, 4)}).ranges(), (Ranges{range(0, 20)}));
  EXPECT_TRUE(set_of({range(5, 5)}).empty());
}

TEST(RangeSet, RemovingCutsAndSplits) {
  RangeSet set = set_of({range(0, 10), range(20, 30)});
  set.remove(range(4, 6));
  EXPECT_EQ(set.ranges(), (Ranges{range(0, 4), range(6, 10), range(20, 30)}));
  set.remove(range(8, 25));
  EXPECT_EQ(set.ranges(), (Ranges{range(0, 4), range(6, 8), range(25, 30)}));
  set.remove(range(7, 7));
  EXPECT_EQ(set.ranges(), (Ranges{range(0, 4), range(6, 8), range(25, 30)}));
  set.remove(range(0, 100));
  EXPECT_TRUE(set.empty());
}

TEST(RangeSet, RunsAndHoles) {
  const RangeSet set = set_of({range(0, 10), range(20, 30)});
  EXPECT_EQ(set.end_of_run(ByteOffset(0)), ByteOffset(10));
  EXPECT_EQ(set.end_of_run(ByteOffset(9)), ByteOffset(10));
  EXPECT_EQ(set.end_of_run(ByteOffset(10)), ByteOffset(10));  // that byte is missing
  EXPECT_EQ(set.end_of_run(ByteOffset(20)), ByteOffset(30));
  EXPECT_EQ(RangeSet().end_of_run(ByteOffset(7)), ByteOffset(7));
  EXPECT_EQ(set.missing(range(0, 40)), (Ranges{range(10, 20), range(30, 40)}));
  EXPECT_EQ(set.missing(range(5, 25)), (Ranges{range(10, 20)}));
  EXPECT_EQ(set.missing(range(12, 14)), (Ranges{range(12, 14)}));
  EXPECT_EQ(set.missing(range(2, 8)), Ranges{});
  EXPECT_EQ(set.missing(range(15, 15)), Ranges{});
  EXPECT_EQ(set.size(), ByteCount(20));
  EXPECT_TRUE(set.contains(range(0, 10)));
  EXPECT_FALSE(set.contains(range(0, 11)));
  EXPECT_FALSE(set.contains(range(5, 25)));
  EXPECT_TRUE(set.contains(range(15, 15)));
}

// Goal: the set is a set of bytes, whatever the order of operations.
// Method: 20,000 random operations beside a bitmap that cannot be wrong; fixed seed.
TEST(RangeSet, BehavesLikeABitmap) {
  constexpr std::size_t kSize = 64;
  std::mt19937 random(1);  // NOLINT: the same run every time
  RangeSet set;
  std::bitset<kSize> bytes;
  for (int step = 0; step < 20'000; ++step) {
    std::size_t begin = random() % (kSize + 1);
    std::size_t end = random() % (kSize + 1);
    if (begin > end) std::swap(begin, end);
    if (random() % 4 == 0) end = std::min(end, begin + 3);
    const bool add = random() % 2 == 0;
    add ? set.add(range(begin, end)) : set.remove(range(begin, end));
    for (std::size_t i = begin; i < end; ++i) bytes.set(i, add);

    ASSERT_EQ(set.size(), ByteCount(bytes.count()));
    for (std::size_t i = 0; i < set.ranges().size(); ++i) {
      const ByteRange& r = set.ranges()[i];
      ASSERT_FALSE(r.empty());
      if (i > 0) {
        ASSERT_LT(set.ranges()[i - 1].end(), r.begin());
      }
      for (std::size_t k = r.begin().value(); k < r.end().value(); ++k) ASSERT_TRUE(bytes.test(k));
    }
    const std::size_t from = random() % kSize;
    std::size_t run = from;
    while (run < kSize && bytes.test(run)) ++run;
    ASSERT_EQ(set.end_of_run(ByteOffset(from)), ByteOffset(run));
    ASSERT_EQ(set.contains(range(from, run)), true);
    if (run < kSize) {
      ASSERT_FALSE(set.contains(range(from, run + 1)));
    }

    RangeSet whole = set;
    for (const ByteRange& hole : set.missing(range(0, kSize))) {
      ASSERT_FALSE(set.contains(hole));
      whole.add(hole);
    }
    ASSERT_EQ(whole.ranges(), (Ranges{range(0, kSize)}));
  }
}

}  // namespace
}  // namespace sluice::core
