// The simulator itself: the same seed is always the same run, other seeds are others, and the seeds
// that once found something pass.
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "sim/world.h"

namespace sluice::sim {
namespace {

Verdict run(std::uint64_t seed) {
  World world(seed, false);
  Verdict verdict = world.run();
  // A broken world cannot be taken apart in good order: say what broke, and end.
  if (verdict.violation) {
    std::fprintf(stderr, "seed %llu: %s\n", static_cast<unsigned long long>(seed),
                 verdict.violation->c_str());
    std::abort();
  }
  return verdict;
}

TEST(Simulator, SameSeedSameRun) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Verdict first = run(seed);
    const Verdict second = run(seed);
    EXPECT_EQ(first.trace_hash, second.trace_hash) << seed;
    EXPECT_EQ(first.steps, second.steps) << seed;
  }
}

TEST(Simulator, EverySeedIsAnotherRun) {
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) hashes.insert(run(seed).trace_hash);
  EXPECT_EQ(hashes.size(), 20U);
}

// Without misfortune there would be nothing to find.
TEST(Simulator, ProcessesAreKilled) {
  std::uint64_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) crashes += run(seed).crashes;
  EXPECT_GT(crashes, 10U);
}

TEST(Simulator, RegressionSeeds) {
  std::ifstream list(std::string(SLUICE_SOURCE_DIR) + "/sim/regressions.txt");
  ASSERT_TRUE(list.good());
  int seeds = 0;
  for (std::string line; std::getline(list, line);) {
    std::istringstream words(line);
    std::uint64_t seed = 0;
    if (!(words >> seed)) continue;
    run(seed);
    ++seeds;
  }
  EXPECT_GT(seeds, 5);
}

}  // namespace
}  // namespace sluice::sim
