#include "telemetry/structured_log.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::telemetry {
namespace {

class StillClock final : public Clock {
 public:
  Instant now() const noexcept override { return instant; }
  WallTime wall_now() const noexcept override { return WallTime(std::chrono::milliseconds(0)); }
  Task<void> sleep_until(Instant) override { throw std::logic_error("not used"); }
  Instant instant{std::chrono::hours(1)};
};

// What was written so far, by lines.
class Capture {
 public:
  Capture() : file(std::tmpfile()) {}
  ~Capture() { std::fclose(file); }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  std::vector<std::string> lines() const {
    std::rewind(file);
    std::vector<std::string> all(1);
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) {
      if (c == '\n') {
        all.emplace_back();
      } else {
        all.back() += static_cast<char>(c);
      }
    }
    EXPECT_TRUE(all.back().empty()) << "last line is not ended";
    all.pop_back();
    return all;
  }

  std::FILE* const file;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(StructuredLog, WritesJsonWhereThereIsNoTerminal) {
  Capture capture;
  StillClock clock;
  EXPECT_EQ(format_for(capture.file), LogFormat::kJson);
  StructuredLog log({}, &clock, capture.file);
  log.info("started", {{"port", 8080}});
  EXPECT_EQ(capture.lines(),
            std::vector<std::string>{"{\"ts\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\","
                                     "\"msg\":\"started\",\"port\":8080}"});
}

TEST(StructuredLog, LessUrgentLinesAreNotWritten) {
  Capture capture;
  StillClock clock;
  LogOptions options;
  options.level = LogLevel::kWarn;
  options.format = LogFormat::kText;
  StructuredLog log(options, &clock, capture.file);
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  EXPECT_FALSE(log.enabled(LogLevel::kInfo));
  EXPECT_EQ(capture.lines(), (std::vector<std::string>{"1970-01-01T00:00:00.000Z WARN  c",
                                                       "1970-01-01T00:00:00.000Z ERROR d"}));
}

TEST(StructuredLog, PercentAndBracesAreNotFormats) {
  Capture capture;
  StillClock clock;
  StructuredLog log({}, &clock, capture.file);
  log.info("100%s {} {0} %v", {{"name", "{:d}%n"}});
  EXPECT_TRUE(contains(capture.lines().at(0), "\"msg\":\"100%s {} {0} %v\",\"name\":\"{:d}%n\""));
}

TEST(StructuredLog, AFloodOfOneWarningIsLimitedAndCounted) {
  Capture capture;
  StillClock clock;
  StructuredLog log({}, &clock, capture.file);
  for (int i = 0; i < 1000; ++i) log.warn("store unavailable", {{"upload_id", i}});
  log.warn("another warning");
  EXPECT_EQ(capture.lines().size(), 21U);
  clock.instant += std::chrono::seconds(10);
  log.info("something else");
  auto lines = capture.lines();
  ASSERT_EQ(lines.size(), 23U);
  EXPECT_TRUE(contains(lines[21], "\"warning\":\"store unavailable\",\"lines\":980"));
  log.warn("store unavailable");
  EXPECT_EQ(capture.lines().size(), 24U);
}

TEST(StructuredLog, ErrorsAndInformationAreNeverLimited) {
  Capture capture;
  StillClock clock;
  StructuredLog log({}, &clock, capture.file);
  for (int i = 0; i < 100; ++i) log.info("upload completed");
  for (int i = 0; i < 100; ++i) log.error("upload failed");
  EXPECT_EQ(capture.lines().size(), 200U);
}

TEST(StructuredLog, WhatWasHeldBackIsToldAtTheEnd) {
  Capture capture;
  StillClock clock;
  {
    StructuredLog log({}, &clock, capture.file);
    for (int i = 0; i < 25; ++i) log.warn("w");
  }
  const auto lines = capture.lines();
  ASSERT_EQ(lines.size(), 21U);
  EXPECT_TRUE(contains(lines[20], "\"warning\":\"w\",\"lines\":5"));
}

TEST(StructuredLog, LinesOfSeveralThreadsDoNotMix) {
  Capture capture;
  StillClock clock;
  LogOptions options;
  options.format = LogFormat::kText;
  {
    StructuredLog log(options, &clock, capture.file);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&log, t] {
        const std::string value(200, static_cast<char>('a' + t));
        for (int i = 0; i < 250; ++i) log.info("m", {{"v", value}});
      });
    }
    for (auto& thread : threads) thread.join();
  }
  const auto lines = capture.lines();
  ASSERT_EQ(lines.size(), 1000U);
  for (const std::string& line : lines) {
    const std::string value = line.substr(line.size() - 200);
    EXPECT_EQ(std::count(value.begin(), value.end(), value[0]), 200) << line;
  }
}

}  // namespace
}  // namespace sluice::telemetry
