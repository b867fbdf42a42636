#include "protocols/content_range.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace sluice::protocols {
namespace {

using Form = ContentRange::Form;

ContentRange query(std::optional<std::uint64_t> total) {
  return ContentRange{Form::kQuery, 0, 0, total};
}
ContentRange data(std::uint64_t first, std::uint64_t last, std::optional<std::uint64_t> total) {
  return ContentRange{Form::kData, first, last, total};
}
ContentRange open(std::uint64_t first, std::optional<std::uint64_t> total) {
  return ContentRange{Form::kOpenEnd, first, 0, total};
}

TEST(ContentRange, EveryFormOfTheFamily) {
  const struct {
    const char* field;
    ContentRange expected;
  } rows[] = {
      {"bytes */*", query({})},
      {"bytes */0", query(0)},
      {"bytes */20", query(20)},
      {"bytes 0-9/20", data(0, 9, 20)},
      {"bytes 0-9/*", data(0, 9, {})},
      {"bytes 0-*/*", open(0, {})},
      {"bytes 10-*/20", open(10, 20)},
      {"bytes 20-*/20", open(20, 20)},
      {"bytes 0-20/20", data(0, 20, 20)},   // exclusive
      {"bytes: 0-20/20", data(0, 20, 20)},
      {"bytes:0-20/20", data(0, 20, 20)},
      {"0-9/20", data(0, 9, 20)},
      {"*/*", query({})},
      {"BYTES 0-9/20", data(0, 9, 20)},
      {"Bytes:\t0-9/20", data(0, 9, 20)},
      {"bytes   \t 0-9/20", data(0, 9, 20)},
      {"  bytes 0-9/20 ", data(0, 9, 20)},
      {"bytes 000-009/0020", data(0, 9, 20)},
      {"bytes 0-0/1", data(0, 0, 1)},
      {"bytes 9223372036854775806-9223372036854775807/*",
       data(9223372036854775806U, 9223372036854775807U, {})},
  };
  for (const auto& row : rows) {
    const auto parsed = parse_content_range(row.field);
    ASSERT_TRUE(parsed.has_value()) << row.field << ": " << parsed.error();
    EXPECT_EQ(*parsed, row.expected) << row.field;
  }
}

//
TEST(ContentRange, MalformedFieldsAreRefusedWithAReason) {
  const std::string nul("bytes 0-9/2\0", 12);
  const std::string fields[] = {
      "",
      " ",
      "bytes",
      "bytes ",
      "bytes:",
      "bytes 9-0/10",
      "bytes 0-9/5",
      "bytes -5/10",
      "bytes 5-/10",
      "bytes 0-9",
      "bytes 0-9/",
      "bytes /10",
      "bytes */",
      "bytes *",
      "bytes -",
      "bytes -/",
      "bytes *-9/10",
      "bytes *-*/10",
      "items 0-1/2",
      "byte 0-1/2",
      "bytess 0-1/2",
      "bytes0-1/2",
      "bytes=0-1/2",
      "bytes : 0-1/2",
      "bytes:: 0-1/2",
      "bytes 0-1,4-5/9",
      "bytes 0-1/9, bytes 2-3/9",
      "bytes 0-1/9/9",
      "bytes 0-1-2/9",
      "bytes 0 - 1/9",
      "bytes 0-1 /9",
      "bytes 0-1/ 9",
      "bytes +0-1/9",
      "bytes 0-+1/9",
      "bytes 0x0-1/9",
      "bytes 0-1/0x9",
      "bytes 0.0-1/9",
      "bytes 21-*/20",
      "bytes 0-9223372036854775808/*",
      "bytes 99999999999999999999-99999999999999999999/*",
      "bytes 0-9/99999999999999999999",
      "bytes 0-18446744073709551616/*",
      "bytes **/10",
      "bytes */**",
      "bytes \xd9\xa1-\xd9\xa2/\xd9\xa3",  // digits, but not ASCII
      nul,
  };
  for (const std::string& field : fields) {
    const auto parsed = parse_content_range(field);
    ASSERT_FALSE(parsed.has_value()) << field;
    EXPECT_FALSE(parsed.error().empty()) << field;
  }
}

// Goal: any bytes give a range that keeps its promises, or a reason.
// Method: 100,000 mutations of legal fields, fixed seed.
TEST(ContentRange, IsTotal) {
  const std::string seeds[] = {
      "bytes */*",      "bytes */20",   "bytes 0-9/20",
      "bytes 0-9/*",    "bytes 10-*/*", "bytes 10-*/20",
      "bytes: 0-20/20", "0-9/20",       "bytes 262144-524287/9223372036854775807"};
  const std::string_view alphabet = "0123456789-/*: \tbytesBYTES,=+\xff";
  std::mt19937 random(42);  // NOLINT: the same run every time
  int good = 0;
  for (int step = 0; step < 100'000; ++step) {
    std::string field = seeds[random() % std::size(seeds)];
    for (std::size_t n = random() % 3 + 1; n > 0; --n) {
      const std::size_t at = random() % (field.size() + 1);
      const char c = random() % 8 == 0 ? static_cast<char>(random() % 256)
                                       : alphabet[random() % alphabet.size()];
      switch (random() % 4) {
        case 0:
          field.insert(at, 1, c);
          break;
        case 1:
          field.erase(at, 1 + random() % 3);
          break;
        case 2:
          field.insert(at, field.substr(random() % (field.size() + 1), random() % 4));
          break;
        default:
          if (at < field.size()) field[at] = c;
      }
    }
    const auto parsed = parse_content_range(field);
    if (!parsed) {
      ASSERT_FALSE(parsed.error().empty());
      continue;
    }
    ++good;
    constexpr std::uint64_t kMax = 0x7fffffffffffffffULL;
    ASSERT_LE(parsed->total.value_or(0), kMax);
    ASSERT_LE(parsed->first, kMax);
    ASSERT_LE(parsed->last, kMax);
    if (parsed->form == Form::kData) {
      ASSERT_LE(parsed->first, parsed->last);
      ASSERT_LE(parsed->last, parsed->total.value_or(kMax));
    }
    ASSERT_LE(parsed->first, parsed->total.value_or(kMax));
    // What was accepted means the same when it is written in the standard form.
    const std::string total = parsed->total ? std::to_string(*parsed->total) : "*";
    std::string again = "bytes ";
    if (parsed->form == Form::kQuery) {
      again += "*";
    } else {
      again += std::to_string(parsed->first) + "-";
      again += parsed->form == Form::kOpenEnd ? "*" : std::to_string(parsed->last);
    }
    ASSERT_EQ(parse_content_range(again + "/" + total), parsed) << field;
  }
  EXPECT_GT(good, 5'000);
  EXPECT_LT(good, 95'000);
}

}  // namespace
}  // namespace sluice::protocols
