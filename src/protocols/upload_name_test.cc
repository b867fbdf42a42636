#include "protocols/upload_name.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "base/text.h"

namespace sluice::protocols {
namespace {

TEST(UploadName, DecodesWhatIsAllowed) {
  const struct {
    const char* encoded;
    const char* name;
  } rows[] = {
      {"a.bin", "a.bin"},
      {"dir/sub/a.bin", "dir/sub/a.bin"},
      {"with%20blank%3F%23", "with blank?#"},
      {"gr%C3%BC%C3%9Fe",
       "gr\xC3\xBC\xC3\x9F"
       "e"},
      {"%E2%82%AC", "\xE2\x82\xAC"},
      {"...", "..."},
      {".hidden", ".hidden"},
      {"a/.sluice", "a/.sluice"},
      {".sluiced", ".sluiced"},
      {"100%25", "100%"},
      {"%252F", "%2F"},  // decoded once only
      {"a+b", "a+b"},    // a plus is a plus
      {"%C2%A0", "\xC2\xA0"},
  };
  for (const auto& row : rows) {
    const auto name = upload_name(row.encoded);
    ASSERT_TRUE(name.has_value()) << row.encoded << ": " << name.error().detail;
    EXPECT_EQ(*name, row.name);
  }
  EXPECT_TRUE(upload_name(std::string(1024, 'x')).has_value());
}

// R-06 and ruling 1.
TEST(UploadName, RefusesWhatIsNot) {
  const struct {
    std::string encoded;
    const char* reason;  // in the detail
  } rows[] = {
      {"", "empty"},
      {"a%2Fb", "%2F"},
      {"a%2fb", "%2F"},
      {"%2F", "%2F"},
      {"..", "\"..\""},
      {".", "\".\""},
      {"a/../b", "\"..\""},
      {"a/./b", "\".\""},
      {"%2e%2E/b", "\"..\""},
      {"/a", "empty segment"},
      {"a//b", "empty segment"},
      {"a/", "empty segment"},
      {"/", "empty segment"},
      {"a%00b", "control"},
      {"a%0Ab", "control"},
      {"a%1Fb", "control"},
      {"a%7Fb", "control"},
      {"a%C2%85b", "control"},
      {"a%FFb", "UTF-8"},
      {"a%C0%AFb", "UTF-8"},
      {"%ED%A0%80", "UTF-8"},
      {"a%", "'%'"},
      {"a%4", "'%'"},
      {"a%zz", "'%'"},
      {".sluice", ".sluice"},
      {".sluice/parked/x", ".sluice"},
      {"%2Esluice/x", ".sluice"},
      {std::string(1025, 'x'), "1024"},
  };
  for (const auto& row : rows) {
    const auto name = upload_name(row.encoded);
    ASSERT_FALSE(name.has_value()) << row.encoded;
    EXPECT_EQ(name.error().type, core::ProblemType::kBadName);
    EXPECT_NE(name.error().detail.find(row.reason), std::string::npos)
        << row.encoded << ": " << name.error().detail;
  }
  // 1024 counts decoded bytes.
  std::string euros;
  for (int i = 0; i < 341; ++i) euros += "%E2%82%AC";
  EXPECT_TRUE(upload_name(euros).has_value());
  EXPECT_FALSE(upload_name(euros + "%E2%82%AC").has_value());
}

// Goal: no bytes lead to a name that climbs, hides or breaks a store.
TEST(UploadName, IsTotalAndKeepsItsPromise) {
  const std::string_view alphabet = "ab./%25CcEe0FfF\x01\x80\xc3\xbc";
  std::mt19937 random(3);  // NOLINT: the same run every time
  int good = 0;
  for (int step = 0; step < 100'000; ++step) {
    std::string encoded;
    for (std::size_t n = random() % 10; n > 0; --n) encoded += alphabet[random() % alphabet.size()];
    const auto name = upload_name(encoded);
    if (!name) continue;
    ++good;
    ASSERT_TRUE(is_utf8(*name));
    const std::string fenced = "/" + *name + "/";
    for (const char* never : {"//", "/./", "/../"}) {
      ASSERT_EQ(fenced.find(never), std::string::npos) << *name;
    }
    for (const char c : *name) ASSERT_FALSE(c >= 0 && c < 0x20);
    ASSERT_EQ(upload_name(percent_encode(*name, true)), *name);
  }
  EXPECT_GT(good, 5'000);
}

}  // namespace
}  // namespace sluice::protocols
