#include "hooks/auth_url.h"

#include <gtest/gtest.h>

namespace sluice::hooks {
namespace {

TEST(AuthUrl, PartsAndDefaults) {
  const auto plain = parse_auth_url("http://App.Example/auth?x=1");
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(plain->endpoint, Endpoint("app.example", 80, false));
  EXPECT_EQ(plain->target, "/auth?x=1");
  EXPECT_EQ(plain->authority, "app.example");

  const auto tls = parse_auth_url("HTTPS://127.0.0.1:8443");
  ASSERT_TRUE(tls.has_value());
  EXPECT_EQ(tls->endpoint, Endpoint("127.0.0.1", 8443, true));
  EXPECT_EQ(tls->target, "/");
  EXPECT_EQ(tls->authority, "127.0.0.1:8443");

  const auto six = parse_auth_url("http://[2001:DB8::1]:81?q");
  ASSERT_TRUE(six.has_value());
  EXPECT_EQ(six->endpoint, Endpoint("2001:db8::1", 81, false));
  EXPECT_EQ(six->target, "/?q");
  EXPECT_EQ(six->authority, "[2001:db8::1]:81");

  EXPECT_EQ(parse_auth_url("https://a:443/")->authority, "a");
  EXPECT_EQ(parse_auth_url("http://[::1]/")->authority, "[::1]");
}

TEST(AuthUrl, WhatCannotBeAskedIsRefused) {
  for (const char* bad : {"",
                          "auth",
                          "ftp://a/",
                          "http://",
                          "http:///x",
                          "http://a b/",
                          "http://a/\n",
                          "http://a/#f",
                          "http://user:pass@a/",
                          "http://a:0/",
                          "http://a:65536/",
                          "http://a:/",
                          "http://a:8x/",
                          "http://[::1/",
                          "http://[::1]x/",
                          "http://[]/",
                          "http://[zz]/",
                          "http://a:1:2/",
                          "http://\xc3\xa4/",
                          "https:/a/"}) {
    const auto url = parse_auth_url(bad);
    EXPECT_FALSE(url.has_value()) << bad;
    if (!url) {
      EXPECT_EQ(url.error().code(), Errc::kInvalidArgument);
    }
  }
}

}  // namespace
}  // namespace sluice::hooks
