#include "config/quantity.h"

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

using namespace std::chrono_literals;

TEST(Size, ReadsUnits) {
  EXPECT_EQ(parse_size("0").value(), 0U);
  EXPECT_EQ(parse_size("1234").value(), 1234U);
  EXPECT_EQ(parse_size("512KiB").value(), 512U << 10);
  EXPECT_EQ(parse_size(" 8 MiB ").value(), 8U << 20);
  EXPECT_EQ(parse_size("5gib").value(), 5ULL << 30);
  EXPECT_EQ(parse_size("1TiB").value(), 1ULL << 40);
  EXPECT_EQ(parse_size("10MB").value(), 10'000'000U);
  EXPECT_EQ(parse_size("3kB").value(), 3'000U);
}

TEST(Size, RefusesWhatIsNoSize) {
  for (const char* text : {"", "MiB", "-1", "1.5MiB", "8Mi", "8 MiB x", "0x10", "1e3", "８MiB"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

TEST(Size, RefusesWhatDoesNotFit) {
  EXPECT_TRUE(parse_size("9223372036854775807"));
  EXPECT_FALSE(parse_size("9223372036854775808"));
  EXPECT_FALSE(parse_size("9007199254740992KiB"));
  EXPECT_FALSE(parse_size("99999999999999999999999"));
}

TEST(Size, FormatsTheShortestExactForm) {
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(1000), "1000B");
  EXPECT_EQ(format_size(1024), "1KiB");
  EXPECT_EQ(format_size((8ULL << 20) + 1024), "8193KiB");
  EXPECT_EQ(format_size(5ULL << 40), "5TiB");
}

TEST(Duration, NeedsAUnit) {
  EXPECT_EQ(parse_duration("500ms").value(), 500ms);
  EXPECT_EQ(parse_duration("10s").value(), 10s);
  EXPECT_EQ(parse_duration("5m").value(), 5min);
  EXPECT_EQ(parse_duration("2h").value(), 2h);
  EXPECT_EQ(parse_duration("7d").value(), 168h);
  for (const char* text : {"", "10", "s", "-1s", "1.5s", "10 sec", "9223372036854775807d"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Duration, FormattedTextReadsBack) {
  for (const auto time : {0ms, 1ms, 1500ms, 10'000ms, 90'000ms, 3'600'000ms, 604'800'000ms}) {
    EXPECT_EQ(parse_duration(format_duration(time)).value(), time) << format_duration(time);
  }
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(7 * 24h), "7d");
}

}  // namespace
}  // namespace sluice::config
