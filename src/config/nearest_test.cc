#include "config/nearest.h"

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

const std::vector<std::string> kNames{"part_size", "listen", "http.header_timeout", "auth",
                                      "auth_url"};

TEST(Nearest, FindsTypingMistakes) {
  EXPECT_EQ(nearest("partsize", kNames), "part_size");
  EXPECT_EQ(nearest("part_szie", kNames), "part_size");
  EXPECT_EQ(nearest("lisen", kNames), "listen");
  EXPECT_EQ(nearest("auth-url", kNames), "auth_url");
}

TEST(Nearest, FindsTheRightNameInTheWrongTable) {
  EXPECT_EQ(nearest("header_timeout", kNames), "http.header_timeout");
  EXPECT_EQ(nearest("server.header_timeout", kNames), "http.header_timeout");
}

TEST(Nearest, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(nearest("colour", kNames), "");
  EXPECT_EQ(nearest("x", {}), "");
}

}  // namespace
}  // namespace sluice::config
