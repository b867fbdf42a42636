#include "statedb/memory_state_db.h"

#include <gtest/gtest.h>

#include "ports/run_task.h"
#include "statedb/test_rows.h"

namespace sluice::statedb {
namespace {

TEST(MemoryStateDb, LosesAnswersOnDemand) {
  MemoryStateDb db;
  db.faults().fail_at(0, FaultPlan::Mode::kOnce, Fault::after(), "create");
  const auto lost = run_task(db.create(row("id-1"), std::nullopt));
  EXPECT_EQ(lost.error().code(), Errc::kOutcomeUnknown);
  EXPECT_TRUE(run_task(db.load(UploadId("id-1"))));  // it happened all the same
  db.faults().fail_at(0, FaultPlan::Mode::kForever, Fault::before(), "load");
  EXPECT_EQ(run_task(db.load(UploadId("id-1"))).error().code(), Errc::kUnavailable);
  EXPECT_EQ(run_task(db.load(UploadId("id-1"))).error().code(), Errc::kUnavailable);
  EXPECT_EQ(db.faults().failures(), 3U);
  db.faults().stop_failing();
  EXPECT_TRUE(run_task(db.load(UploadId("id-1"))));
}

}  // namespace
}  // namespace sluice::statedb
