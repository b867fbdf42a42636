#include "config/address.h"

#include <string_view>

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

TEST(Address, ReadsHostAndPort) {
  struct Row {
    const char* text;
    const char* host;
    int port;
  };
  for (const Row& row : {Row{"127.0.0.1:8080", "127.0.0.1", 8080}, Row{":8080", "0.0.0.0", 8080},
                         Row{"*:1", "0.0.0.0", 1}, Row{"[::1]:65535", "::1", 65535},
                         Row{"[::]:80", "::", 80}, Row{"localhost:0", "localhost", 0}}) {
    const auto parsed = parse_listener(row.text);
    ASSERT_TRUE(parsed) << row.text;
    EXPECT_EQ(parsed->host, row.host);
    EXPECT_EQ(parsed->port, row.port);
    EXPECT_EQ(parse_listener(to_string(*parsed))->host, row.host) << to_string(*parsed);
  }
}

TEST(Address, RefusesTheRest) {
  for (const char* text : {"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:80",
                           "[127.0.0.1]:80", "example.org:80", "127.0.0.1:80x", "1.2.3:80", "[]:80",
                           "127.0.0.1:-1", "http://127.0.0.1:80"}) {
    EXPECT_FALSE(parse_listener(text)) << text;
  }
  EXPECT_FALSE(parse_listener(std::string_view("127.0.0.1\0x:80", 14)));
  EXPECT_FALSE(is_loopback(std::string_view("127.0.0.1\0x", 11)));
}

TEST(Address, KnowsLoopback) {
  for (const char* host : {"127.0.0.1", "127.9.9.9", "::1", "0:0:0:0:0:0:0:1", "localhost"}) {
    EXPECT_TRUE(is_loopback(host)) << host;
  }
  for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "127.evil.example", ""}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
}

}  // namespace
}  // namespace sluice::config
