#include "wire/s3_time.h"

#include <gtest/gtest.h>

namespace sluice::wire {
namespace {

WallTime at(std::int64_t millis) {
  return WallTime(std::chrono::milliseconds(millis));
}

TEST(S3Time, AmzDate) {
  EXPECT_EQ(amz_date(at(1'369'353'600'000)), "20130524T000000Z");
  EXPECT_EQ(amz_date(at(1'369'353'600'000 + 86'399'999)), "20130524T235959Z");
  EXPECT_EQ(amz_date(at(0)), "19700101T000000Z");
}

TEST(S3Time, Iso8601) {
  EXPECT_EQ(parse_iso8601("2013-05-24T00:00:00Z"), at(1'369'353'600'000));
  EXPECT_EQ(parse_iso8601("2013-05-24T00:00:00.000Z"), at(1'369'353'600'000));
  EXPECT_EQ(parse_iso8601("2013-05-24T00:00:01.5Z"), at(1'369'353'601'500));
  EXPECT_EQ(parse_iso8601("2013-05-24T00:00:01.123456789Z"), at(1'369'353'601'123));
  EXPECT_EQ(parse_iso8601("2013-05-24T00:00:01+00:00"), at(1'369'353'601'000));
  for (const char* bad :
       {"", "2013-05-24", "2013-05-24T00:00:00", "2013-13-24T00:00:00Z", "2013-02-30T00:00:00Z",
        "2013-05-24T24:00:00Z", "2013-05-24T00:00:00.Z", "2013-05-24T00:00:00+02:00",
        "2013-05-24 00:00:00Z", "2013-05-24T00:00:00Zx", "x013-05-24T00:00:00Z"}) {
    EXPECT_FALSE(parse_iso8601(bad)) << bad;
  }
}

TEST(S3Time, HttpDate) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), at(784'111'777'000));
  EXPECT_EQ(parse_http_date("Fri, 24 May 2013 00:00:00 GMT"), at(1'369'353'600'000));
  for (const char* bad : {"", "Sun, 6 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                          "Sun Nov  6 08:49:37 1994", "Sun, 06 Foo 1994 08:49:37 GMT",
                          "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT "}) {
    EXPECT_FALSE(parse_http_date(bad)) << bad;
  }
}

}  // namespace
}  // namespace sluice::wire
