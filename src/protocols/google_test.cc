// Google's JSON upload API: addresses, descriptions, sessions, answers. Rows of the google-308
// digest: R-08 to R-13, R-25, R-26, R-28, R-32, R-33, R-36 to R-39, R-50 to R-52, R-55, R-57, R-63,
// R-67, R-68.
#include "protocols/google.h"

#include <string>
#include <variant>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "protocols/put308_request.h"
#include "protocols/upload_name.h"

namespace sluice::protocols::google {
namespace {

using core::ProblemType;
using Kind = GoogleTarget::Kind;

constexpr std::string_view kCollection = "/upload/storage/v1/b/bkt/o";
constexpr std::string_view kFresh = "AAECAwQFBgcICQoLDA0ODw";

GoogleOptions options() {
  GoogleOptions out;
  out.bucket = "bkt";
  out.size_max = ByteCount(1'000'000);
  return out;
}

RequestBuilder request(std::string_view method, std::string_view query,
                       std::string_view path = kCollection) {
  return RequestBuilder(method, std::string(path) + "?" + std::string(query));
}
RequestBuilder on_session(std::string_view method = "PUT") {
  return request(method, "uploadType=resumable&upload_id=" + std::string(kFresh));
}

tl::expected<core::Command, core::Problem> session(const wire::RequestHead& head) {
  return of_session(Session{std::string(kFresh), ""}, head, options());
}

const core::Append& append_of(const tl::expected<core::Command, core::Problem>& command) {
  EXPECT_TRUE(command);
  return std::get<core::Append>(command->verb);
}

TEST(GoogleTarget, UploadTypes) {
  const struct {
    const char* method;
    const char* query;
    Kind kind;
    const char* name;
    const char* session;
  } rows[] = {
      {"POST", "uploadType=resumable&name=a.bin", Kind::kStart, "a.bin", ""},
      {"POST", "alt=json&uploadType=resumable&name=a%20b%2Bc", Kind::kStart, "a b+c", ""},
      {"POST", "name=dir%2Fa+b&uploadType=media&prettyPrint=false", Kind::kMedia, "dir/a b", ""},
      {"POST", "uploadType=multipart", Kind::kMultipart, "", ""},
      {"PUT", "uploadType=resumable&name=a.bin", Kind::kStart, "a.bin", ""},  // R-13
      {"PUT", "uploadType=resumable&upload_id=ab-c_.D1", Kind::kSession, "", "ab-c_.D1"},
      {"DELETE", "upload_id=abc", Kind::kSession, "", "abc"},
      {"POST", "upload_id=abc&uploadType=resumable&name=x", Kind::kSession, "", "abc"},  // GO
  };
  for (const auto& row : rows) {
    for (const std::string_view path :
         {kCollection, std::string_view("/upload"), std::string_view("/upload/")}) {
      const RequestBuilder head = request(row.method, row.query, path);
      EXPECT_TRUE(speaks(head, options())) << row.query;
      const auto got = target(head, options());
      ASSERT_TRUE(got) << row.query << ": " << got.error().detail;
      EXPECT_EQ(got->kind, row.kind) << row.query;
      EXPECT_EQ(got->name, row.name) << row.query;
      EXPECT_EQ(got->session, row.session) << row.query;
      EXPECT_EQ(got->collection, path);
      EXPECT_EQ(got->bucket, path == kCollection ? "bkt" : "");
    }
  }
}

TEST(GoogleTarget, WhatIsSomebodyElses) {
  EXPECT_FALSE(speaks(request("PUT", "x=1", "/upload/a.bin"), options()));
  EXPECT_FALSE(speaks(RequestBuilder("POST", "/upload"), options()));
  EXPECT_FALSE(speaks(request("POST", "uploadType=media", "/upload/storage/v1/b//o"), options()));
  EXPECT_FALSE(
      speaks(request("POST", "uploadType=media", "/upload/storage/v1/b/a/b/o"), options()));
  EXPECT_FALSE(
      speaks(request("POST", "uploadType=media", "/upload/storage/v1/b/bkt/o/"), options()));
  GoogleOptions off = options();
  off.bucket = "";
  EXPECT_FALSE(speaks(request("POST", "uploadType=media"), off));
  EXPECT_TRUE(speaks(request("POST", "uploadType=media", "/upload"), off));
}

TEST(GoogleTarget, Refusals) {
  const struct {
    const char* method;
    const char* query;
    ProblemType why;
  } rows[] = {
      {"POST", "uploadType=odd", ProblemType::kMalformedRequest},
      {"POST", "uploadType=media&uploadType=media", ProblemType::kMalformedRequest},
      {"POST", "uploadType=media&name=%zz", ProblemType::kMalformedRequest},
      {"POST", "uploadType=media&upload_id=abc", ProblemType::kMalformedRequest},
      {"POST", "uploadType=media&name=..%2Fa", ProblemType::kBadName},
      {"PUT", "uploadType=media", ProblemType::kMethodNotAllowed},
      {"GET", "uploadType=resumable&upload_id=abc", ProblemType::kMethodNotAllowed},
      {"PATCH", "uploadType=resumable", ProblemType::kMethodNotAllowed},
      {"PUT", "upload_id=a/b", ProblemType::kUploadNotFound},
      {"PUT", "upload_id=", ProblemType::kUploadNotFound},
      {"POST", "uploadType=resumable&ifGenerationMatch=0", ProblemType::kNotImplemented},
  };
  for (const auto& row : rows) {
    const auto got = target(request(row.method, row.query), options());
    ASSERT_FALSE(got) << row.query;
    EXPECT_EQ(got.error().type, row.why) << row.query;
  }
  const auto other =
      target(request("POST", "uploadType=media", "/upload/storage/v1/b/else/o"), options());
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().type, ProblemType::kNoSuchResource);
  GoogleOptions any = options();
  any.bucket = "*";
  EXPECT_TRUE(target(request("POST", "uploadType=media", "/upload/storage/v1/b/else/o"), any));
  // R-68
  const auto x_goog = target(
      request("POST", "uploadType=resumable&name=a").field("X-Goog-Upload-Protocol", "resumable"),
      options());
  ASSERT_FALSE(x_goog);
  EXPECT_EQ(x_goog.error().type, ProblemType::kNotImplemented);
}

tl::expected<GoogleObject, core::Problem> describe(const std::string& name, const std::string& text,
                                                   const wire::Headers& head = {},
                                                   std::string_view type = {}) {
  GoogleTarget target;
  target.bucket = "bkt";
  target.name = name;
  return described(target, head, text, type);
}

TEST(GoogleObject, Descriptions) {
  wire::Headers head;
  head.add("X-Upload-Content-Type", "video/mp4");
  head.add("Content-Type", "application/json");
  head.add("X-Goog-Hash", "md5=1B2M2Y8AsgTpgAmY7PhCfg==,crc32c=yZRlqg==");
  const auto plain = describe("a", "", head);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->attributes.content_type, "video/mp4");  // R-09
  ASSERT_TRUE(plain->crc32c);
  EXPECT_EQ(plain->crc32c->base64(), "yZRlqg==");

  const auto full = describe("", R"({"name":"dir/a b","contentType":"text/plain","size":"5",
      "cacheControl":"no-cache","contentDisposition":"inline","crc32c":"AAAAAA==",
      "metadata":{"Mtime":"2026-11-25T00:00:00Z"}})",
                             wire::Headers(), "image/png");
  ASSERT_TRUE(full) << full.error().detail;
  EXPECT_EQ(full->name, "dir/a b");
  EXPECT_EQ(full->attributes.content_type, "text/plain");
  EXPECT_EQ(full->attributes.cache_control, "no-cache");
  EXPECT_EQ(full->attributes.content_disposition, "inline");
  ASSERT_EQ(full->attributes.metadata.size(), 1U);
  EXPECT_EQ(full->attributes.metadata[0].first, "mtime");
  EXPECT_EQ(full->crc32c->value(), 0U);
  EXPECT_EQ(describe("a", "{}", wire::Headers(), "image/png")->attributes.content_type,
            "image/png");
  EXPECT_TRUE(describe("a", R"({"name":"a"})"));
}

TEST(GoogleObject, BadDescriptions) {
  const auto expect = [](const tl::expected<GoogleObject, core::Problem>& got, ProblemType why) {
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().type, why) << got.error().detail;
  };
  expect(describe("a", R"({"name":"b"})"), ProblemType::kMalformedRequest);  // R-10
  expect(describe("", ""), ProblemType::kBadName);
  expect(describe("", R"({"name":""})"), ProblemType::kBadName);
  expect(describe("", R"({"name":"a//b"})"), ProblemType::kBadName);
  expect(describe("a", "[1]"), ProblemType::kMalformedRequest);
  expect(describe("a", "{"), ProblemType::kMalformedRequest);
  expect(describe("a", R"({"metadata":1})"), ProblemType::kMalformedRequest);
  expect(describe("a", R"({"metadata":{"k":1}})"), ProblemType::kMalformedRequest);
  expect(describe("a", R"({"metadata":{"k":"ü"}})"), ProblemType::kMalformedRequest);
  expect(describe("a", R"({"crc32c":"x"})"), ProblemType::kMalformedRequest);
  expect(describe("a", R"({"contentEncoding":"gzip"})"), ProblemType::kNotImplemented);
  wire::Headers head;
  head.add("X-Goog-Hash", "crc32c=");
  expect(describe("a", "", head), ProblemType::kMalformedRequest);
}

TEST(GoogleObject, IsRemembered) {
  auto object = *describe("dir/a", R"({"contentType":"a/b","cacheControl":"c",
      "contentDisposition":"d","metadata":{"x":"1","y":"2"}})");
  object.key = "k";
  object.size_max = ByteCount(7);
  const auto again = from_memo(memo(object));
  ASSERT_TRUE(again);
  EXPECT_EQ(memo(*again), memo(object));
  EXPECT_EQ(again->key, "k");
  EXPECT_EQ(again->size_max, ByteCount(7));
  EXPECT_EQ(again->attributes.metadata.size(), 2U);
  EXPECT_FALSE(from_memo(""));
  EXPECT_FALSE(from_memo("filename d29ybGQ="));
  EXPECT_FALSE(from_memo("{}"));
}

TEST(GoogleSession, Ids) {
  const Session with{std::string(kFresh), "user/1?\xff"};
  const auto again = session_of(session_id(with));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->fresh, with.fresh);
  EXPECT_EQ(again->subject, with.subject);
  EXPECT_EQ(session_id(Session{std::string(kFresh), ""}), kFresh);
  for (const char* id : {"short", "AAECAwQFBgcICQoLDA0ODw.", "AAECAwQFBgcICQoLDA0ODw.a",
                         ".AAECAwQFBgcICQoLDA0ODw", ""}) {
    EXPECT_FALSE(session_of(id)) << id;
  }
  // No address of another dialect leads there.
  EXPECT_FALSE(upload_name(upload_name_of(kFresh)));
}

TEST(GoogleSession, Start) {  // R-08, R-09, R-11
  const auto object = *describe("a", R"({"contentType":"a/b"})");
  const auto open = start(object, request("POST", "uploadType=resumable"), kFresh, options());
  ASSERT_TRUE(open);
  EXPECT_EQ(open->key, "a");
  EXPECT_EQ(open->name, upload_name_of(kFresh));
  EXPECT_EQ(open->attributes.content_type, "a/b");
  EXPECT_FALSE(std::get<core::Create>(open->verb).total);
  const auto sized = [&](const char* length) {
    return start(object, request("POST", "").field("X-Upload-Content-Length", length), kFresh,
                 options());
  };
  EXPECT_EQ(std::get<core::Create>(sized("900000")->verb).total, ByteCount(900'000));
  EXPECT_EQ(sized("1000001").error().type, ProblemType::kTooLarge);
  EXPECT_EQ(sized("-1").error().type, ProblemType::kMalformedRequest);

  GoogleTarget target;
  target.collection = kCollection;
  const Response response = started(target, kFresh, "https://h:8443");
  EXPECT_EQ(response.head.status, 200);
  EXPECT_EQ(*response.head.headers.find("Location"),
            "https://h:8443/upload/storage/v1/b/bkt/o?uploadType=resumable&upload_id=" +
                std::string(kFresh));
  EXPECT_EQ(*response.head.headers.find("Content-Length"), "0");
  EXPECT_EQ(*response.head.headers.find("X-GUploader-UploadID"), kFresh);
}

TEST(GoogleSession, DataAndQueries) {
  // R-28: chunks of an unknown total, then a known one.
  auto chunk = session(on_session().length(10).range("bytes 0-9/*"));
  EXPECT_EQ(append_of(chunk).begin, ByteOffset(0));
  EXPECT_FALSE(append_of(chunk).total);
  EXPECT_FALSE(append_of(chunk).ends_object);
  EXPECT_FALSE(append_of(chunk).may_begin);
  EXPECT_EQ(append_of(session(on_session().length(5).range("bytes 10-14/15"))).total,
            ByteCount(15));
  // R-33: open end.
  EXPECT_TRUE(append_of(session(on_session().chunked().range("bytes 0-*/*"))).ends_object);
  // R-36: POST, an empty Content-Type.
  chunk = session(on_session("POST").length(4).range("bytes 0-3/*").field("Content-Type", ""));
  EXPECT_EQ(append_of(chunk).length, ByteCount(4));
  // R-38: no Content-Range.
  EXPECT_FALSE(append_of(session(on_session().length(4))).begin);
  EXPECT_TRUE(append_of(session(on_session().length(4))).ends_object);
  // R-25, R-67, R-32.
  for (const char* method : {"PUT", "POST"}) {
    const auto query = session(on_session(method).length(0).range("bytes */20"));
    ASSERT_TRUE(query);
    EXPECT_EQ(std::get<core::Query>(query->verb).total, ByteCount(20));
  }
  // R-48, R-11.
  EXPECT_EQ(session(on_session().length(4).range("bytes 9-0/10")).error().type,
            ProblemType::kMalformedContentRange);
  EXPECT_EQ(session(on_session().length(4).range("bytes 0-3/2000000")).error().type,
            ProblemType::kTooLarge);
  // R-55.
  EXPECT_TRUE(std::holds_alternative<core::Cancel>(session(on_session("DELETE"))->verb));
}

TEST(GoogleWhole, MediaAndMultipart) {
  const auto object = *describe("a", "");
  const auto known = whole(object, ByteCount(5), kFresh, options());
  EXPECT_FALSE(append_of(known).begin);
  EXPECT_EQ(append_of(known).total, ByteCount(5));
  EXPECT_TRUE(append_of(known).ends_object);
  const auto unknown = whole(object, std::nullopt, kFresh, options());
  EXPECT_FALSE(append_of(unknown).length);
  EXPECT_EQ(whole(object, ByteCount(1'000'001), kFresh, options()).error().type,
            ProblemType::kTooLarge);
}

core::Outcome complete() {
  core::Complete out;
  out.result.name = upload_name_of(kFresh);
  out.result.size = ByteCount(15);
  out.result.etag = ETag("\"e\"");
  out.result.completed_at = WallTime(std::chrono::milliseconds(1'764'061'200'123));
  return out;
}

TEST(GoogleAnswer, TheResource) {
  const auto object = *describe("dir/a", R"({"metadata":{"k":"v"}})");
  const auto sum = wire::Checksum(wire::ChecksumKind::kCrc32c, 1);
  const auto response = render(complete(), on_session().length(5), &object, sum, "r");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->head.status, 200);  // C6
  EXPECT_EQ(boost::json::parse(response->body), boost::json::parse(R"({
    "kind":"storage#object","id":"bkt/dir/a/1764061200123000","name":"dir/a","bucket":"bkt",
    "generation":"1764061200123000","metageneration":"1","contentType":"application/octet-stream",
    "storageClass":"STANDARD","size":"15","crc32c":"AAAAAQ==","etag":"e","metadata":{"k":"v"},
    "timeCreated":"2025-11-25T09:00:00.123Z","updated":"2025-11-25T09:00:00.123Z"})"));
  EXPECT_EQ(*response->head.headers.find("Content-Length"), std::to_string(response->body.size()));
  // The engine's own checksum goes first; none is invented.
  core::Complete known = std::get<core::Complete>(complete());
  known.result.checksum = wire::Checksum(wire::ChecksumKind::kCrc32c, 2);
  EXPECT_NE(render(known, on_session().length(5), &object, sum, "r")->body.find("AAAAAg=="),
            std::string::npos);
  EXPECT_EQ(render(complete(), on_session().length(5), &object, {}, "r")->body.find("crc32c"),
            std::string::npos);
}

TEST(GoogleAnswer, Unfinished) {
  core::Incomplete some;
  some.offset = ByteOffset(10);
  const auto plain = render(some, on_session().length(0).range("bytes */*"), nullptr, {}, "r");
  EXPECT_EQ(plain->head.status, 308);
  EXPECT_EQ(*plain->head.headers.find("Range"), "bytes=0-9");  // R-25
  EXPECT_EQ(plain->head.headers.find("Location"), nullptr);    // R-63
  some.offset = ByteOffset(0);
  EXPECT_EQ(render(some, on_session().length(0), nullptr, {}, "r")->head.headers.find("Range"),
            nullptr);  // R-26
  some.offset = ByteOffset(16'777'216);
  const auto hidden =
      render(some, on_session("POST").field("X-GUploader-No-308", "yes"), nullptr, {}, "r");
  EXPECT_EQ(hidden->head.status, 200);  // R-36
  EXPECT_EQ(*hidden->head.headers.find("X-HTTP-Status-Code-Override"), "308");
  EXPECT_EQ(*hidden->head.headers.find("Range"), "bytes=0-16777215");
  EXPECT_EQ(
      render(some, on_session().field("X-GUploader-No-308", "no"), nullptr, {}, "r")->head.status,
      308);  // R-37
}

TEST(GoogleAnswer, CancelAndErrors) {
  const auto cancelled = render(core::Cancelled{}, on_session("DELETE"), nullptr, {}, "r");
  EXPECT_EQ(cancelled->head.status, 499);  // R-55
  EXPECT_EQ(*cancelled->head.headers.find("Content-Length"), "0");
  const core::Outcome gone = core::Refused{core::Problem(ProblemType::kUploadGone, "why"), {}};
  const auto refused = render(gone, on_session(), nullptr, {}, "r");
  EXPECT_EQ(refused->head.status, 410);
  const auto body = boost::json::parse(refused->body);
  EXPECT_EQ(body.at("error").at("code"), 410);
  EXPECT_EQ(body.at("error").at("message"), "why");
  EXPECT_EQ(body.at("status"), 410);
  const core::Outcome method = core::Refused{core::Problem(ProblemType::kMethodNotAllowed), {}};
  EXPECT_EQ(*render(method, request("GET", ""), nullptr, {}, "r")->head.headers.find("Allow"),
            kAllow);
  EXPECT_FALSE(render(core::ClientGone{}, on_session(), nullptr, {}, "r"));
}

}  // namespace
}  // namespace sluice::protocols::google
