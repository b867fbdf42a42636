#include "hooks/forward_answer.h"

#include <gtest/gtest.h>

namespace sluice::hooks {
namespace {

wire::Headers with(const std::string& name, const std::string& value) {
  wire::Headers headers;
  headers.add(name, value);
  return headers;
}

TEST(ForwardAnswer, NoFieldsMeanADefaultGrant) {
  const auto grant = grant_from(wire::Headers());
  ASSERT_TRUE(grant.has_value());
  EXPECT_FALSE(grant->key.has_value());
  EXPECT_FALSE(grant->size_max.has_value());
  EXPECT_EQ(grant->subject, "");
}

TEST(ForwardAnswer, FieldsBecomeTheGrant) {
  wire::Headers headers = with("x-upload-key", "u/42/\xc3\xa4.mp4");
  headers.add("X-Upload-Max-Size", "5368709120");
  headers.add("X-Upload-Subject", "user-42");
  const auto grant = grant_from(headers);
  ASSERT_TRUE(grant.has_value());
  EXPECT_EQ(grant->key, "u/42/\xc3\xa4.mp4");
  EXPECT_EQ(grant->size_max, ByteCount(5368709120));
  EXPECT_EQ(grant->subject, "user-42");
}

TEST(ForwardAnswer, KeysThatMayNameAnObject) {
  for (const char* good : {"a", "a/b/c", ".hidden", "a/.sluice/b", ".sluicex/a", "...", "a..b",
                           "a b", "100%", "\xe2\x98\x83"}) {
    EXPECT_EQ(key_fault(good), "") << good;
  }
  EXPECT_EQ(key_fault(std::string(1024, 'a')), "");
}

TEST(ForwardAnswer, KeysThatMayNot) {
  using namespace std::string_literals;
  for (const std::string& bad :
       {""s, "/a"s, "a/"s, "a//b"s, "../a"s, "a/../b"s, "a/.."s, ".."s, "./a"s, "a/."s, ".sluice"s,
        ".sluice/x"s, "a\nb"s, "a\0b"s, "a\x7f"s, "a\xc2\x85"s, "a\xff"s, "\xc0\xaf"s,
        std::string(1025, 'a')}) {
    EXPECT_NE(key_fault(bad), "") << bad;
    const auto grant = grant_from(with("X-Upload-Key", bad));
    ASSERT_FALSE(grant.has_value()) << bad;
    EXPECT_EQ(grant.error().code(), Errc::kUnavailable);
  }
}

// A malformed answer is an error, never permission with a guess.
TEST(ForwardAnswer, MalformedFieldsAreNotPermission) {
  for (const char* bad : {"", "-1", "1.5", "12 ", "0x10", "9223372036854775808", "5GB"}) {
    const auto grant = grant_from(with("X-Upload-Max-Size", bad));
    ASSERT_FALSE(grant.has_value()) << bad;
    EXPECT_EQ(grant.error().code(), Errc::kUnavailable);
  }
  EXPECT_FALSE(grant_from(with("X-Upload-Subject", "a\x1f")).has_value());
  EXPECT_FALSE(grant_from(with("X-Upload-Subject", std::string(1025, 'a'))).has_value());
  for (const char* name : {"X-Upload-Key", "X-Upload-Max-Size", "X-Upload-Subject"}) {
    wire::Headers twice = with(name, "1");
    twice.add(name, "1");
    EXPECT_FALSE(grant_from(twice).has_value()) << name;
  }
}

TEST(ForwardAnswer, FaultsNameTheFieldAndNotItsValue) {
  const auto grant = grant_from(with("X-Upload-Key", "/canary"));
  ASSERT_FALSE(grant.has_value());
  EXPECT_NE(grant.error().detail().find("X-Upload-Key"), std::string::npos);
  EXPECT_EQ(grant.error().detail().find("canary"), std::string::npos);
}

// status, WWW-Authenticate, Retry-After, type and body; nothing else.
TEST(ForwardAnswer, DenialsAreMirrored) {
  wire::Headers headers = with("WWW-Authenticate", "Bearer realm=\"a\"");
  headers.add("www-authenticate", "Basic realm=\"b\"");
  headers.add("Retry-After", "7");
  headers.add("Content-Type", "application/json");
  headers.add("Set-Cookie", "canary");
  headers.add("Location", "/elsewhere");
  headers.add("Content-Length", "2");
  const Denial denial = denial_from(429, headers, "{}");
  EXPECT_EQ(denial.status, 429);
  EXPECT_EQ(denial.body, "{}");
  EXPECT_EQ(denial.headers.list().size(), 4U);
  EXPECT_EQ(denial.headers.count("WWW-Authenticate"), 2U);
  EXPECT_EQ(*denial.headers.find("Retry-After"), "7");
  EXPECT_EQ(*denial.headers.find("Content-Type"), "application/json");

  const Denial empty = denial_from(401, headers, "");
  EXPECT_EQ(empty.headers.find("Content-Type"), nullptr);
}

}  // namespace
}  // namespace sluice::hooks
