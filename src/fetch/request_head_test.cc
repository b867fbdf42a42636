#include "fetch/request_head.h"

#include <gtest/gtest.h>

namespace sluice::fetch {
namespace {

TEST(HostField, LeavesOutTheUsualPortAndBracketsAddresses) {
  EXPECT_EQ(host_field(Endpoint("s3.example", 443, true)), "s3.example");
  EXPECT_EQ(host_field(Endpoint("s3.example", 80, true)), "s3.example:80");
  EXPECT_EQ(host_field(Endpoint("s3.example", 80, false)), "s3.example");
  EXPECT_EQ(host_field(Endpoint("s3.example", 9000, false)), "s3.example:9000");
  EXPECT_EQ(host_field(Endpoint("2001:db8::1", 443, true)), "[2001:db8::1]");
  EXPECT_EQ(host_field(Endpoint("::1", 9000, false)), "[::1]:9000");
}

Request request(std::string method) {
  return Request(Endpoint("h", 80, false), std::move(method), "/t");
}

TEST(RequestHead, AddsHostAndLength) {
  EXPECT_EQ(make_request_head(request("GET")).value(), "GET /t HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(make_request_head(request("DELETE")).value(), "DELETE /t HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(make_request_head(request("PUT")).value(),
            "PUT /t HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  Request patch = request("PATCH");
  patch.body = Bytes::copy_of("12345");
  EXPECT_EQ(make_request_head(patch).value(),
            "PATCH /t HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
}

TEST(RequestHead, KeepsWhatTheCallerSigned) {
  Request put = request("PUT");
  put.body = Bytes::copy_of("12345");
  put.headers.add("content-length", "5");
  put.headers.add("host", "signed.example");
  EXPECT_EQ(make_request_head(put).value(),
            "PUT /t HTTP/1.1\r\ncontent-length: 5\r\nhost: signed.example\r\n\r\n");
}

TEST(RequestHead, ExpectsOnlyWithABody) {
  Request put = request("PUT");
  put.expect_continue = true;
  EXPECT_EQ(make_request_head(put).value().find("Expect"), std::string::npos);
  put.body = Bytes::copy_of("1");
  EXPECT_NE(make_request_head(put).value().find("Expect: 100-continue\r\n"), std::string::npos);
}

TEST(RequestHead, RefusesWhatWouldBreakTheFraming) {
  Request bad = request("GET");
  bad.target = "/a\r\nX: y";
  EXPECT_FALSE(make_request_head(bad));
  bad.target = "http://absolute/";
  EXPECT_FALSE(make_request_head(bad));
  bad = request("");
  EXPECT_FALSE(make_request_head(bad));
  bad = request("GET");
  bad.headers.add("A b", "c");
  EXPECT_FALSE(make_request_head(bad));
  bad = request("GET");
  bad.headers.add("Authorization", "secret\n");
  const auto refused = make_request_head(bad);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail().find("secret"), std::string::npos);
}

}  // namespace
}  // namespace sluice::fetch
