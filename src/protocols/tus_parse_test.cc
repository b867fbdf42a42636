// What requests of tus mean: rows T-nn and TP-nn that the head alone decides.
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "protocols/put308_request.h"
#include "protocols/tus.h"

namespace sluice::protocols {
namespace {

using core::ProblemType;
using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kStream = "application/offset+octet-stream";
constexpr const char* kUpload = "/files/abc";

Tus dialect() {
  TusOptions options;
  options.size_max = ByteCount(1000);
  return Tus(std::move(options));
}

RequestBuilder request(const std::string& method, const std::string& target, const Fields& fields,
                       std::optional<std::uint64_t> length = std::nullopt,
                       const char* version = "1.0.0") {
  RequestBuilder out(method, target);
  if (version != nullptr) out.field("Tus-Resumable", version);
  for (const auto& [name, value] : fields) out.field(name, value);
  if (length) out.length(*length);
  return out;
}

tl::expected<core::Command, core::Problem> parse(const RequestBuilder& request) {
  const Context context{"request-1", "fresh", "https://up.example"};
  return dialect().parse(request, context);
}

std::optional<ProblemType> problem(const RequestBuilder& request) {
  const auto parsed = parse(request);
  if (parsed) return std::nullopt;
  return parsed.error().type;
}

template <class Verb>
Verb verb(const RequestBuilder& request) {
  const auto parsed = parse(request);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().detail);
  const Verb* found = parsed ? std::get_if<Verb>(&parsed->verb) : nullptr;
  EXPECT_NE(found, nullptr);
  return found == nullptr ? Verb() : *found;
}

TEST(TusParse, Version) {  // T-02, T-04
  for (const char* version : {static_cast<const char*>(nullptr), "0.2.2", "2.0.0", "", "1.0.0,1.0.0"}) {
    for (const char* method : {"PATCH", "HEAD", "DELETE"}) {
      EXPECT_EQ(problem(request(method, kUpload, {}, 5, version)), ProblemType::kPreconditionFailed);
    }
    EXPECT_EQ(problem(request("POST", "/files/", {{"Upload-Length", "5"}}, 0, version)),
              ProblemType::kPreconditionFailed);
  }
}

TEST(TusParse, Creation) {  // T-29 to T-40, T-49
  const auto one = [](const char* length) {
    return request("POST", "/files/", {{"Upload-Length", length}}, 0);
  };
  const auto parsed = parse(one("10"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->name, "fresh");
  EXPECT_EQ(verb<core::Create>(one("10")).total, ByteCount(10));
  EXPECT_EQ(verb<core::Create>(one("0")).total, ByteCount(0));  // T-39
  EXPECT_EQ(verb<core::Create>(one("1000")).total, ByteCount(1000));
  EXPECT_EQ(problem(one("1001")), ProblemType::kTooLarge);  // T-40
  for (const char* bad : {"-1", "1.5", "abc", "", "0x10", "1 0", "+1", "12345678901234567890"}) {
    EXPECT_EQ(problem(one(bad)), ProblemType::kMalformedRequest) << bad;  // T-09
  }
  const auto defer = [](const char* value, Fields more = {}) {
    more.emplace_back("Upload-Defer-Length", value);
    return request("POST", "/files", more, 0);  // TP-14: without the slash
  };
  EXPECT_EQ(verb<core::Create>(defer("1")).total, std::nullopt);
  for (const char* bad : {"0", "2", "true", ""}) {
    EXPECT_EQ(problem(defer(bad)), ProblemType::kMalformedRequest) << bad;  // T-33
  }
  EXPECT_EQ(problem(defer("1", {{"Upload-Length", "5"}})), ProblemType::kMalformedRequest);  // T-32
  EXPECT_EQ(problem(request("POST", "/files/", {}, 0)), ProblemType::kMalformedRequest);     // T-32
  verb<core::Create>(request(
      "POST", "/files/", {{"Upload-Length", "10"}, {"Content-Type", "application/json"}}, 0));
}

TEST(TusParse, CreationWithUpload) {  // T-46 to T-50
  const auto one = [](const char* total, std::uint64_t body, const char* type) {
    return request("POST", "/files/", {{"Upload-Length", total}, {"Content-Type", type}}, body);
  };
  const auto append = verb<core::Append>(one("100", 40, kStream));
  EXPECT_EQ(append.begin, ByteOffset(0));
  EXPECT_EQ(append.length, ByteCount(40));
  EXPECT_EQ(append.total, ByteCount(100));
  EXPECT_TRUE(append.may_begin);
  EXPECT_EQ(problem(one("100", 40, "text/plain")), ProblemType::kUnsupportedMediaType);  // T-48
  EXPECT_EQ(problem(one("3", 5, kStream)), ProblemType::kBodyTooLong);                   // T-50
  RequestBuilder chunked =
      request("POST", "/files/", {{"Upload-Defer-Length", "1"}, {"Content-Type", kStream}});
  chunked.chunked();
  const auto open = verb<core::Append>(chunked);
  EXPECT_EQ(open.length, std::nullopt);
  EXPECT_EQ(open.total, std::nullopt);
}

TEST(TusParse, Metadata) {  // T-41 to T-43, TP-18
  const auto one = [](const std::string& field) {
    return request("POST", "/files/", {{"Upload-Length", "5"}, {"Upload-Metadata", field}}, 0);
  };
  EXPECT_EQ(parse(one("b ,a dA=="))->attributes.raw_metadata, "b ,a dA==");
  EXPECT_EQ(parse(one(""))->attributes.raw_metadata, "");
  EXPECT_EQ(parse(one("filetype dmlkZW8vbXA0"))->attributes.content_type, "video/mp4");
  EXPECT_EQ(problem(one("a dA==,a dA==")), ProblemType::kMalformedRequest);
  EXPECT_EQ(problem(one("a " + std::string(8192, 'A'))), ProblemType::kHeadersTooLarge);
}

TEST(TusParse, Patch) {  // T-16, T-17, T-25, T-35
  const auto one = [](const char* offset, const char* type, Fields more = {}) {
    more.emplace_back("Upload-Offset", offset);
    more.emplace_back("Content-Type", type);
    return request("PATCH", kUpload, more, 7);
  };
  const auto append = verb<core::Append>(one("3", kStream));
  EXPECT_EQ(append.begin, ByteOffset(3));
  EXPECT_EQ(append.length, ByteCount(7));
  EXPECT_EQ(append.total, std::nullopt);
  EXPECT_FALSE(append.may_begin);
  EXPECT_TRUE(append.exact);
  EXPECT_TRUE(append.ends_at_total);
  EXPECT_EQ(verb<core::Append>(one("3", kStream, {{"Upload-Length", "12"}})).total, ByteCount(12));
  EXPECT_EQ(problem(one("3", kStream, {{"Upload-Length", "1001"}})), ProblemType::kTooLarge);
  EXPECT_EQ(problem(one("994", kStream)), ProblemType::kTooLarge);
  for (const char* bad : {"-1", "1.5", "abc", "", "0x10", "12345678901234567890"}) {
    EXPECT_EQ(problem(one(bad, kStream)), ProblemType::kMalformedRequest) << bad;  // T-09
  }
  for (const char* type : {"text/plain", "application/octet-stream", ""}) {
    EXPECT_EQ(problem(one("3", type)), ProblemType::kUnsupportedMediaType) << type;
  }
  EXPECT_EQ(problem(request("PATCH", kUpload, {{"Upload-Offset", "0"}}, 7)),
            ProblemType::kUnsupportedMediaType);
  EXPECT_EQ(problem(request("PATCH", kUpload, {{"Content-Type", kStream}}, 7)),
            ProblemType::kMalformedRequest);
  RequestBuilder chunked =
      request("PATCH", kUpload, {{"Upload-Offset", "0"}, {"Content-Type", kStream}});
  chunked.chunked();
  EXPECT_EQ(verb<core::Append>(chunked).length, std::nullopt);
}

TEST(TusParse, Others) {  // T-10, TP-14
  EXPECT_FALSE(verb<core::Query>(request("HEAD", kUpload, {})).settle);
  EXPECT_TRUE(verb<core::Cancel>(request("DELETE", kUpload, {})).release_complete);
  EXPECT_EQ(parse(request("HEAD", "/files/a%20b/", {}))->name, "a b");
  verb<core::Query>(request("GET", kUpload, {{"X-HTTP-Method-Override", "HEAD"}}));
  verb<core::Cancel>(request("POST", kUpload, {{"X-HTTP-Method-Override", "DELETE"}}, 0));
  verb<core::Append>(request("POST", kUpload,
                             {{"X-HTTP-Method-Override", "PATCH"},
                              {"Upload-Offset", "0"},
                              {"Content-Type", kStream}},
                             5));
  for (const char* method : {"GET", "PUT", "POST", "TRACE"}) {
    EXPECT_EQ(problem(request(method, kUpload, {}, 0)), ProblemType::kMethodNotAllowed) << method;
  }
  for (const char* method : {"GET", "HEAD", "PATCH", "DELETE"}) {
    EXPECT_EQ(problem(request(method, "/files/", {})), ProblemType::kMethodNotAllowed) << method;
  }
  EXPECT_EQ(problem(request("HEAD", "/files/a%2Fb", {})), ProblemType::kUploadNotFound);
  EXPECT_EQ(problem(request("HEAD", "/files/../b", {})), ProblemType::kUploadNotFound);
}

TEST(TusParse, WhatIsNotAnnounced) {
  for (const Fields& fields :
       {Fields{{"Upload-Concat", "partial"}}, Fields{{"Upload-Checksum", "sha1 AAAA"}},
        Fields{{"Trailer", "Upload-Checksum"}}}) {
    Fields all = fields;
    all.emplace_back("Upload-Length", "5");
    EXPECT_EQ(problem(request("POST", "/files/", all, 0)), ProblemType::kNotImplemented);
  }
}

}  // namespace
}  // namespace sluice::protocols
