#include "hooks/forward_request.h"

#include <gtest/gtest.h>

#include "hooks/options.h"

namespace sluice::hooks {
namespace {

AuthRequest request() {
  AuthRequest r;
  r.request_id = "r-1";
  r.method = "PUT";
  r.target = "/upload/a%20b.bin?x=1";
  r.host = "upload.example";
  r.scheme = "https";
  r.client = "192.0.2.7";
  r.name = "dir/\xc3\xa4 b.bin";
  r.length = ByteCount(12);
  r.content_type = "video/mp4";
  r.headers.add("authorization", "Bearer  canary==");
  r.headers.add("Cookie", "a=1");
  r.headers.add("Cookie", "b=2");
  r.headers.add("X-Private", "no");
  return r;
}

AuthUrl url() {
  return *parse_auth_url("http://app.example:81/auth");
}

std::string value(const wire::Headers& headers, std::string_view name) {
  const std::string* found = headers.find(name);
  return found == nullptr ? "(absent)" : *found;
}

// the credential is forwarded unchanged; absent stays absent.
TEST(ForwardRequest, AllowListedFieldsAreUnchanged) {
  const auto headers = forward_headers(request(), url(), AuthOptions().forward_headers);
  ASSERT_TRUE(headers.has_value());
  EXPECT_EQ(value(*headers, "Authorization"), "Bearer  canary==");
  EXPECT_EQ(headers->count("Cookie"), 2U);
  EXPECT_EQ(value(*headers, "X-Private"), "(absent)");
  EXPECT_EQ(value(*headers, "Origin"), "(absent)");
  EXPECT_EQ(value(*headers, "Host"), "app.example:81");

  AuthRequest without = request();
  without.headers = wire::Headers();
  const auto bare = forward_headers(without, url(), AuthOptions().forward_headers);
  ASSERT_TRUE(bare.has_value());
  EXPECT_EQ(value(*bare, "Authorization"), "(absent)");
}

TEST(ForwardRequest, TheApplicationSeesWhatTheClientAsked) {
  const auto headers = forward_headers(request(), url(), {});
  ASSERT_TRUE(headers.has_value());
  EXPECT_EQ(value(*headers, "X-Forwarded-For"), "192.0.2.7");
  EXPECT_EQ(value(*headers, "X-Forwarded-Proto"), "https");
  EXPECT_EQ(value(*headers, "X-Forwarded-Host"), "upload.example");
  EXPECT_EQ(value(*headers, "X-Forwarded-Method"), "PUT");
  EXPECT_EQ(value(*headers, "X-Forwarded-Uri"), "/upload/a%20b.bin?x=1");
  EXPECT_EQ(value(*headers, "X-Original-URI"), "/upload/a%20b.bin?x=1");
  EXPECT_EQ(value(*headers, "X-Upload-Name"), "dir/%C3%A4%20b.bin");
  EXPECT_EQ(value(*headers, "X-Upload-Length"), "12");
  EXPECT_EQ(value(*headers, "X-Upload-Content-Type"), "video/mp4");
  EXPECT_EQ(value(*headers, "X-Request-Id"), "r-1");
  EXPECT_EQ(value(*headers, "Authorization"), "(absent)");

  AuthRequest unknown = request();
  unknown.length.reset();
  unknown.content_type.clear();
  const auto fewer = forward_headers(unknown, url(), {});
  ASSERT_TRUE(fewer.has_value());
  EXPECT_EQ(value(*fewer, "X-Upload-Length"), "(absent)");
  EXPECT_EQ(value(*fewer, "X-Upload-Content-Type"), "(absent)");
}

// A client must not be able to speak for the gateway, even if an operator lists the name.
TEST(ForwardRequest, ClientsCannotForgeOurFields) {
  AuthRequest r = request();
  for (const char* name :
       {"X-Forwarded-For", "x-forwarded-user", "X-Upload-Name", "X-Upload-Subject", "Host",
        "Content-Length", "Transfer-Encoding", "Connection", "Expect", "X-Request-Id"}) {
    r.headers.add(name, "forged");
  }
  std::vector<std::string> all;
  for (const wire::Header& header : r.headers.list()) all.push_back(header.name);
  const auto headers = forward_headers(r, url(), all);
  ASSERT_TRUE(headers.has_value());
  for (const wire::Header& header : headers->list())
    EXPECT_NE(header.value, "forged") << header.name;
  EXPECT_EQ(headers->count("X-Forwarded-For"), 1U);
  EXPECT_EQ(value(*headers, "X-Private"), "no");
}

TEST(ForwardRequest, LineBreaksAreRefused) {
  AuthRequest r = request();
  r.content_type = "a\r\nX-Upload-Key: b";
  EXPECT_FALSE(forward_headers(r, url(), {}).has_value());
  r = request();
  r.name = "a\r\nb";  // percent-encoded: harmless
  const auto headers = forward_headers(r, url(), {});
  ASSERT_TRUE(headers.has_value());
  EXPECT_EQ(value(*headers, "X-Upload-Name"), "a%0D%0Ab");
}

}  // namespace
}  // namespace sluice::hooks
