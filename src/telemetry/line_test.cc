#include "telemetry/line.h"

#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/text.h"

namespace sluice::telemetry {
namespace {

using std::chrono::milliseconds;

WallTime at(std::int64_t ms) {
  return WallTime(milliseconds(ms));
}

TEST(Line, TimesAreRfc3339WithMilliseconds) {
  EXPECT_EQ(rfc3339(at(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(at(1'764'000'000'007)), "2025-11-24T16:00:00.007Z");
  EXPECT_EQ(rfc3339(at(951'827'696'999)), "2000-02-29T12:34:56.999Z");
  EXPECT_EQ(rfc3339(at(-1)), "1969-12-31T23:59:59.999Z");
}

TEST(Line, JsonHasTheFixedKeysFirst) {
  const std::vector<LogField> fields{{"upload_id", "u1"},
                                     {"bytes_in", std::uint64_t{12}},
                                     {"duration_s", 0.25},
                                     {"resumed", true},
                                     {"offset", -1}};
  EXPECT_EQ(json_line(at(0), LogLevel::kWarn, "upload resumed", fields),
            "{\"ts\":\"1970-01-01T00:00:00.000Z\",\"level\":\"warn\",\"msg\":\"upload resumed\","
            "\"upload_id\":\"u1\",\"bytes_in\":12,\"duration_s\":0.25,\"resumed\":true,"
            "\"offset\":-1}\n");
}

TEST(Line, TextQuotesOnlyWhereNeeded) {
  const std::vector<LogField> fields{
      {"name", "a b.bin"}, {"key", "plain"}, {"empty", ""}, {"pair", "a=b"}};
  EXPECT_EQ(text_line(at(0), LogLevel::kInfo, "upload completed", fields),
            "1970-01-01T00:00:00.000Z INFO  upload completed name=\"a b.bin\" key=plain "
            "empty=\"\" pair=\"a=b\"\n");
}

// A file name cannot forge a line, colour a terminal or reverse what follows.
TEST(Line, ControlCharactersAreEscaped) {
  const std::string hostile = std::string("a\nlevel=error\x1b[31m\x7f\xc2\x9b\xe2\x80\xae") + '\0';
  const std::vector<LogField> fields{{"name", hostile}};
  for (const std::string& line : {json_line(at(0), LogLevel::kInfo, "x\ny", fields),
                                  text_line(at(0), LogLevel::kInfo, "x\ny", fields)}) {
    EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
    for (const char c : line.substr(0, line.size() - 1)) {
      EXPECT_GE(static_cast<unsigned char>(c), 0x20) << line;
      EXPECT_NE(c, '\x7f');
    }
    EXPECT_NE(line.find("a\\nlevel=error\\u001b[31m\\u007f\\u009b\\u202e\\u0000"),
              std::string::npos)
        << line;
    EXPECT_NE(line.find("x\\ny"), std::string::npos);
  }
}

TEST(Line, QuotesAndBackslashesAreEscaped) {
  const std::vector<LogField> fields{{"name", R"(a"b\c)"}};
  EXPECT_NE(json_line(at(0), LogLevel::kInfo, "m", fields).find(R"("name":"a\"b\\c")"),
            std::string::npos);
  EXPECT_NE(text_line(at(0), LogLevel::kInfo, "m", fields).find(R"(name="a\"b\\c")"),
            std::string::npos);
}

TEST(Line, InvalidUtf8IsReplaced) {
  EXPECT_EQ(clean_value("a\xff"
                        "b",
                        256),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(clean_value("\xc0\xaf", 256), "\xEF\xBF\xBD\xEF\xBF\xBD");  // overlong
  EXPECT_EQ(clean_value("\xed\xa0\x80", 256).size(), 9U);               // surrogate
  EXPECT_EQ(clean_value("\xe2\x82", 256), "\xEF\xBF\xBD\xEF\xBF\xBD");  // cut short
  EXPECT_EQ(clean_value("\xf0\x9f\x92\xa7", 256), "\xf0\x9f\x92\xa7");
}

TEST(Line, ValuesAreCappedAt256Bytes) {
  EXPECT_EQ(clean_value(std::string(256, 'a'), 256), std::string(256, 'a'));
  EXPECT_EQ(clean_value(std::string(257, 'a'), 256), std::string(253, 'a') + "\xE2\x80\xA6");
  // Never in the middle of a character, whatever its position.
  for (std::size_t shift = 0; shift < 4; ++shift) {
    std::string value(shift, 'a');
    while (value.size() < 300) value += "\xf0\x9f\x92\xa7";
    const std::string clean = clean_value(value, 256);
    EXPECT_LE(clean.size(), 256U);
    EXPECT_GT(clean.size(), 248U);
    EXPECT_TRUE(is_utf8(clean));
  }
  const std::vector<LogField> fields{{"name", std::string_view()}};
  const std::string big(100'000, '\xff');
  const std::vector<LogField> hostile{{"name", big}};
  EXPECT_LT(json_line(at(0), LogLevel::kInfo, "m", hostile).size(), 400U);
}

TEST(Line, NumbersThatJsonDoesNotHaveAreNull) {
  const std::vector<LogField> fields{{"a", std::numeric_limits<double>::infinity()},
                                     {"b", std::numeric_limits<double>::quiet_NaN()}};
  EXPECT_NE(json_line(at(0), LogLevel::kInfo, "m", fields).find("\"a\":null,\"b\":null}"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::telemetry
