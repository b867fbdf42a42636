// CORS: who may, what is said, and that nothing is said while it is off.
#include "http/cors.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

wire::RequestHead request(const std::string& method,
                          std::vector<std::pair<std::string, std::string>> fields) {
  wire::RequestHead head;
  head.method = method;
  for (auto& [name, value] : fields) head.headers.add(name, value);
  return head;
}

std::string value(const wire::Headers& headers, std::string_view name) {
  const std::string* found = headers.find(name);
  return found != nullptr ? *found : "-";
}

TEST(Cors, OffSaysNothing) {
  const Cors cors({});
  EXPECT_FALSE(cors.enabled());
  EXPECT_FALSE(cors.preflight(
      request("OPTIONS", {{"Origin", "https://a"}, {"Access-Control-Request-Method", "PUT"}}),
      "PUT"));
  wire::Headers answer;
  cors.expose(request("PUT", {{"Origin", "https://a"}}), &answer);
  EXPECT_TRUE(answer.list().empty());
}

TEST(Cors, Preflight) {
  const Cors cors({"https://app.example", "http://localhost:3000"});
  const auto head = request("OPTIONS", {{"Origin", "http://localhost:3000"},
                                        {"Access-Control-Request-Method", "PUT"},
                                        {"Access-Control-Request-Headers",
                                         "content-range,x-upload-content-length,authorization"}});
  const auto answer = cors.preflight(head, "GET, PUT");
  ASSERT_TRUE(answer);
  EXPECT_EQ(value(*answer, "Access-Control-Allow-Origin"), "http://localhost:3000");
  EXPECT_EQ(value(*answer, "Access-Control-Allow-Methods"), "GET, PUT");
  EXPECT_EQ(value(*answer, "Access-Control-Allow-Headers"),
            "content-range,x-upload-content-length,authorization");
  EXPECT_EQ(value(*answer, "Access-Control-Max-Age"), "7200");
  EXPECT_NE(value(*answer, "Vary").find("Origin"), std::string::npos);
}

TEST(Cors, PreflightIsRefused) {
  const Cors cors({"https://app.example"});
  using Fields = std::vector<std::pair<std::string, std::string>>;
  const std::vector<std::pair<std::string, Fields>> rows = {
      {"OPTIONS", {{"Origin", "https://evil.example"}, {"Access-Control-Request-Method", "PUT"}}},
      {"OPTIONS",
       {{"Origin", "https://app.example.evil"}, {"Access-Control-Request-Method", "PUT"}}},
      {"OPTIONS", {{"Origin", "null"}, {"Access-Control-Request-Method", "PUT"}}},
      {"OPTIONS", {{"Access-Control-Request-Method", "PUT"}}},
      {"OPTIONS", {{"Origin", "https://app.example"}}},
      {"PUT", {{"Origin", "https://app.example"}, {"Access-Control-Request-Method", "PUT"}}},
      {"OPTIONS",
       {{"Origin", "https://app.example"},
        {"Origin", "https://app.example"},
        {"Access-Control-Request-Method", "PUT"}}},
  };
  for (const auto& [method, fields] : rows) {
    EXPECT_FALSE(cors.preflight(request(method, fields), "PUT")) << method << fields.size();
  }
}

TEST(Cors, OnlyNamesOfFieldsAreRepeated) {
  const Cors cors({"*"});
  for (const std::string& asked :
       {std::string("a<b"), std::string("a\"b"), std::string(5'000, 'x'), std::string("a\tb")}) {
    const auto answer =
        cors.preflight(request("OPTIONS", {{"Origin", "https://a"},
                                           {"Access-Control-Request-Method", "PUT"},
                                           {"Access-Control-Request-Headers", asked}}),
                       "PUT");
    ASSERT_TRUE(answer);
    EXPECT_EQ(value(*answer, "Access-Control-Allow-Headers"), "-") << asked.substr(0, 20);
  }
}

TEST(Cors, AnswersAreExposed) {
  const Cors cors({"https://app.example"});
  wire::Headers answer;
  cors.expose(request("PUT", {{"Origin", "https://app.example"}}), &answer);
  EXPECT_EQ(value(answer, "Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(value(answer, "Vary"), "Origin");
  const std::string exposed = value(answer, "Access-Control-Expose-Headers");
  for (const char* name : {"Range", "Location", "ETag", "Retry-After", "X-Request-Id",
                           "X-HTTP-Status-Code-Override", "X-GUploader-UploadID",
                           "X-Upload-Parallel", "X-Upload-Part-Size", "X-Upload-Ranges",
                           "X-Upload-Ranges-Truncated"}) {
    EXPECT_NE(exposed.find(name), std::string::npos) << name;
  }
}

TEST(Cors, OthersGetVaryOnly) {
  const Cors cors({"https://app.example"});
  wire::Headers answer;
  cors.expose(request("PUT", {{"Origin", "https://evil.example"}}), &answer);
  EXPECT_EQ(value(answer, "Access-Control-Allow-Origin"), "-");
  EXPECT_EQ(value(answer, "Vary"), "Origin");
}

TEST(Cors, AllOrigins) {
  const Cors cors({"*"});
  wire::Headers answer;
  cors.expose(request("PUT", {{"Origin", "https://anything.example"}}), &answer);
  EXPECT_EQ(value(answer, "Access-Control-Allow-Origin"), "*");
}

}  // namespace
}  // namespace sluice::http
