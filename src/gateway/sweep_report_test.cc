#include "gateway/sweep_report.h"

#include <gtest/gtest.h>

namespace sluice::gateway {
namespace {

using cleaner::Finding;
using cleaner::Report;

TEST(SweepReportTest, BytesAreReadable) {
  EXPECT_EQ(readable(ByteCount(0)), "0 B");
  EXPECT_EQ(readable(ByteCount(1023)), "1023 B");
  EXPECT_EQ(readable(ByteCount(1024)), "1.0 KiB");
  EXPECT_EQ(readable(ByteCount(9U << 20)), "9.0 MiB");
  EXPECT_EQ(readable(ByteCount((1U << 20) - 1)), "1.0 MiB");
  EXPECT_EQ(readable(ByteCount(UINT64_MAX)), "16.0 EiB");
}

Finding finding(Finding::Kind kind, bool removed) {
  Finding f;
  f.kind = kind;
  f.key = "videos/a.mp4";
  f.bytes = ByteCount(5);
  f.since = WallTime(std::chrono::seconds(1'000'000'000));
  f.removed = removed;
  return f;
}

TEST(SweepReportTest, OneLinePerFinding) {
  Finding expired = finding(Finding::Kind::kExpired, true);
  expired.upload = "u-1";
  expired.multipart = "m-1";
  EXPECT_EQ(finding_line(expired, false),
            "removed: expired upload videos/a.mp4 (upload u-1): 5 B, without progress since "
            "2001-09-09T01:46:40.000Z");
  EXPECT_EQ(finding_line(expired, true).substr(0, 13), "would remove:");
  Finding orphan = finding(Finding::Kind::kOrphanMultipart, false);
  orphan.multipart = "m-1";
  EXPECT_EQ(finding_line(orphan, true),
            "left alone: orphaned multipart upload videos/a.mp4 (id m-1): 5 B, since "
            "2001-09-09T01:46:40.000Z");
  // Keys come from strangers.
  orphan.key = "a\nremoved: \xC3\xA9\x1b[2J\xC2\x9B\x7F\xFF";
  const std::string line = finding_line(orphan, false);
  EXPECT_NE(line.find("a\\x0Aremoved: \xC3\xA9\\x1B[2J\\xC2\\x9B\\x7F"), std::string::npos) << line;
  EXPECT_EQ(line.find('\xFF'), std::string::npos);
}

TEST(SweepReportTest, TheSummaryCounts) {
  Report report;
  report.findings = {
      finding(Finding::Kind::kExpired, true),       finding(Finding::Kind::kLeftover, true),
      finding(Finding::Kind::kLeftover, true),      finding(Finding::Kind::kOrphanMultipart, false),
      finding(Finding::Kind::kOrphanParked, false), finding(Finding::Kind::kOrphanParked, false)};
  report.bytes_removed = ByteCount(15);
  report.bytes_orphaned = ByteCount(2048);
  report.forgotten = 4;
  EXPECT_EQ(summary_line(report, false),
            "expired: 1, leftovers: 2, orphans: 3; 15 B removed, 2.0 KiB in orphans left alone, 4 "
            "finished uploads forgotten");
  report.errors = {"x"};
  EXPECT_EQ(summary_line(report, true),
            "expired: 1, leftovers: 2, orphans: 3; 15 B to be removed, 2.0 KiB in orphans left "
            "alone, 4 finished uploads to be forgotten, errors: 1 (dry run, nothing was changed)");
}

}  // namespace
}  // namespace sluice::gateway
