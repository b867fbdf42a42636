#include "core/write_claims.h"

#include <array>
#include <optional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::core {
namespace {

constexpr ByteOffset at(std::uint64_t n) {
  return ByteOffset(n);
}
constexpr ByteRange range(std::uint64_t begin, std::uint64_t end) {
  return ByteRange(ByteOffset(begin), ByteOffset(end));
}
using Ids = std::vector<WriterId>;

TEST(WriteClaims, DisjointWritersDoNotMeet) {
  WriteClaims claims;
  claims.add(1, range(0, 10));
  claims.add(2, range(10, 20));
  EXPECT_EQ(claims.take_effect(2), Ids());
  EXPECT_EQ(claims.take_effect(1), Ids());
  EXPECT_EQ(claims.end_of_run(1, at(0)), at(10));
  EXPECT_EQ(claims.end_of_run(2, at(10)), at(20));
  EXPECT_EQ(claims.end_of_run(2, at(9)), at(9));
}

TEST(WriteClaims, ANewerOneTrimsWithItsFirstByte) {
  WriteClaims claims;
  claims.add(1, range(0, 30));
  claims.add(2, range(10, 20));
  EXPECT_EQ(claims.end_of_run(1, at(5)), at(30));  // nothing brought yet
  EXPECT_EQ(claims.take_effect(2), Ids());
  EXPECT_EQ(claims.end_of_run(1, at(5)), at(10));
  EXPECT_EQ(claims.end_of_run(1, at(15)), at(15));
  EXPECT_EQ(claims.next_claimed(1, at(15), at(99)), at(20));
  EXPECT_EQ(claims.end_of_run(1, at(20)), at(30));
  // The older one's bytes take nothing from the newer one.
  EXPECT_EQ(claims.take_effect(1), Ids());
  EXPECT_EQ(claims.end_of_run(2, at(10)), at(20));
}

TEST(WriteClaims, WhoHasNothingLeftIsToldOnce) {
  WriteClaims claims;
  claims.add(1, range(0, 10));
  claims.add(2, range(5, 8));
  claims.add(3, range(0, 20));
  claims.advance(1, at(4));
  EXPECT_EQ(claims.take_effect(3), (Ids{1, 2}));
  EXPECT_EQ(claims.take_effect(3), Ids());
  claims.add(4, range(0, 20));
  EXPECT_EQ(claims.take_effect(4), Ids{3});
  EXPECT_EQ(claims.next_claimed(3, at(0), at(77)), at(77));
}

TEST(WriteClaims, WhoHasBroughtEverythingIsNotTrimmed) {
  WriteClaims claims;
  claims.add(1, range(0, 10));
  claims.advance(1, at(10));
  claims.add(2, range(0, 10));
  EXPECT_EQ(claims.take_effect(2), Ids());
  claims.remove(2);
  EXPECT_EQ(claims.end_of_run(2, at(0)), at(0));
}

// Goal: a byte belongs to the newest effective writer that asked for it and to nobody older; a
// writer that is not effective yet takes nothing from anybody. Method: against a table of bytes.
TEST(WriteClaims, LikeATableOfBytes) {
  constexpr std::size_t kBytes = 24;
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&random](std::size_t n) { return random() % n; };
    WriteClaims claims;
    struct Model {
      std::array<bool, kBytes> claimed{};
      std::size_t begin = 0;
      std::size_t end = 0;
      bool effective = false;
    };
    std::vector<Model> models;
    for (int step = 0; step < 12; ++step) {
      if (models.empty() || pick(2) == 0) {
        Model model;
        model.begin = pick(kBytes);
        model.end = model.begin + 1 + pick(kBytes - model.begin);
        for (std::size_t i = model.begin; i < model.end; ++i) model.claimed.at(i) = true;
        models.push_back(model);
        claims.add(models.size(), range(model.begin, model.end));
      } else {
        const std::size_t who = pick(models.size());
        claims.take_effect(who + 1);
        Model& newer = models.at(who);
        if (newer.effective) continue;
        newer.effective = true;
        for (std::size_t older = 0; older < who; ++older) {
          for (std::size_t i = newer.begin; i < newer.end; ++i)
            models.at(older).claimed.at(i) = false;
        }
      }
      for (std::size_t who = 0; who < models.size(); ++who) {
        for (std::size_t i = 0; i < kBytes; ++i) {
          EXPECT_EQ(claims.end_of_run(who + 1, at(i)) > at(i), models.at(who).claimed.at(i))
              << "seed " << seed << " writer " << who + 1 << " byte " << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace sluice::core
