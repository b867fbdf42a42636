// What `sluice check --online` says about a store, on the model.
#include "gateway/check_store.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "net/asio_clock.h"
#include "net/system_random.h"
#include "ports/run_task.h"
#include "stores/memory_store.h"

namespace sluice::gateway {
namespace {

using Level = Finding::Level;

class CheckStoreTest : public testing::Test {
 protected:
  std::vector<Finding> check() { return run_task(check_store(&store, &clock, &random)); }
  static std::size_t count(const std::vector<Finding>& findings, Level level) {
    return static_cast<std::size_t>(
        std::count_if(findings.begin(), findings.end(),
                      [level](const Finding& finding) { return finding.level == level; }));
  }

  net::AsioClock clock;
  net::SystemRandom random;
  stores::MemoryStore store;
};

TEST_F(CheckStoreTest, AGoodStoreIsGoodAndStaysEmpty) {
  store.put_foreign("theirs", "abc");
  const std::vector<Finding> findings = check();
  EXPECT_EQ(findings.size(), 4U);
  EXPECT_EQ(count(findings, Level::kGood), 4U);
  EXPECT_EQ(store.objects().size(), 1U);
  EXPECT_EQ(store.multipart_count(), 0U);
}

TEST_F(CheckStoreTest, EveryFailingCallIsSaidWithAMend) {
  for (const char* operation : {"probe", "create_multipart", "put_part", "abort", "put_object",
                                "stat", "settle", "remove"}) {
    store.faults().fail_at(0, FaultPlan::Mode::kOnce, Fault::before(Errc::kRejected), operation);
    const std::vector<Finding> findings = check();
    EXPECT_EQ(count(findings, Level::kError), 1U) << operation;
    for (const Finding& finding : findings) {
      EXPECT_EQ(finding.subject, "store");
      EXPECT_EQ(finding.mend.empty(), finding.level == Level::kGood) << operation;
    }
  }
  // What could not be taken back is all that is left.
  EXPECT_EQ(store.multipart_count(), 1U);
  EXPECT_EQ(store.objects().size(), 1U);
}

TEST_F(CheckStoreTest, WhatFailedHalfWayIsTakenBack) {
  for (const char* operation : {"put_part", "put_object", "stat", "settle"}) {
    store.faults().fail_at(0, FaultPlan::Mode::kOnce, Fault::after(), operation);
    EXPECT_EQ(count(check(), Level::kError), 1U) << operation;
    EXPECT_EQ(store.multipart_count(), 0U) << operation;
    EXPECT_TRUE(store.objects().empty()) << operation;
  }
}

TEST_F(CheckStoreTest, ListingsAreOnlyNeededForTheSweeper) {
  for (const char* operation : {"list_objects", "list_multiparts"}) {
    store.faults().fail_at(0, FaultPlan::Mode::kOnce, Fault::before(Errc::kRejected), operation);
    const std::vector<Finding> findings = check();
    EXPECT_EQ(count(findings, Level::kError), 0U) << operation;
    EXPECT_EQ(count(findings, Level::kWarning), 1U) << operation;
  }
}

}  // namespace
}  // namespace sluice::gateway
