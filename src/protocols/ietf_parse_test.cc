// Rows of the IETF digest, request side.
#include <iterator>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "protocols/ietf.h"
#include "protocols/put308_request.h"

namespace sluice::protocols {
namespace {

using core::ProblemType;

constexpr const char* kVersion = "Upload-Draft-Interop-Version";

Ietf files() {
  return Ietf(IetfOptions());
}
Ietf names() {
  IetfOptions options;
  options.prefix = "/upload/";
  options.names = true;
  return Ietf(std::move(options));
}

Context context() {
  Context out;
  out.request_id = "req-1";
  out.fresh_name = "Fresh";
  out.origin = "https://up.example";
  return out;
}

RequestBuilder request(const char* method, const char* target, int version) {
  RequestBuilder out(method, target);
  if (version > 0) out.field(kVersion, std::to_string(version));
  return out;
}
RequestBuilder post(int version, const char* complete) {
  RequestBuilder out = request("POST", "/files/", version);
  if (complete != nullptr) out.field(version == 3 ? "Upload-Incomplete" : "Upload-Complete", complete);
  return out;
}
RequestBuilder patch(int version, const char* offset, const char* complete) {
  RequestBuilder out = request("PATCH", "/files/r.Fresh", version);
  if (offset != nullptr) out.field("Upload-Offset", offset);
  if (complete != nullptr) out.field(version == 3 ? "Upload-Incomplete" : "Upload-Complete", complete);
  return out.field("Content-Type", "application/partial-upload");
}

core::Command parsed(const Ietf& ietf, const wire::RequestHead& head) {
  auto command = ietf.parse(head, context());
  if (!command) {
    ADD_FAILURE() << command.error().detail;
    return {};
  }
  return std::move(*command);
}
core::Append append_of(const wire::RequestHead& head) {
  const core::Command command = parsed(files(), head);
  const auto* append = std::get_if<core::Append>(&command.verb);
  if (append == nullptr) {
    ADD_FAILURE() << "no append: " << command.verb.index();
    return {};
  }
  return *append;
}
void expect_refused(const wire::RequestHead& head, ProblemType type) {
  const auto command = files().parse(head, context());
  ASSERT_FALSE(command) << head.method << " is accepted";
  EXPECT_EQ(command.error().type, type) << command.error().detail;
}

constexpr int kAll[] = {0, 3, 4, 5, 6, 7, 8, 9, 10};  // 0: the final form

// Section 4: who gets a request.
TEST(IetfParse, Speaks) {
  const struct {
    RequestBuilder request;
    bool in_files;
  } rows[] = {
      {RequestBuilder("POST", "/files/"), false},
      {RequestBuilder("POST", "/files/").field("Upload-Complete", "?0"), true},
      {RequestBuilder("POST", "/files/").field("Upload-Complete", "true"), true},  // answered 400
      {RequestBuilder("POST", "/files/").field("Upload-Incomplete", "?0"), true},
      {RequestBuilder("POST", "/files/").field(kVersion, "6"), true},
      {RequestBuilder("POST", "/files/").field(kVersion, "6").field("Tus-Resumable", "1.0.0"), false},
      {RequestBuilder("POST", "/files/").field("Tus-Resumable", "1.0.0"), false},
      {RequestBuilder("HEAD", "/files/abc"), false},
      {RequestBuilder("HEAD", "/files/r.abc"), true},  // begun here: no mark is needed
      {RequestBuilder("DELETE", "/files/r.abc"), true},
      {RequestBuilder("HEAD", "/files/r.abc").field("Tus-Resumable", "1.0.0"), false},  // G11
      {RequestBuilder("HEAD", "/files/abc").field(kVersion, "10"), true},               // G11
      {RequestBuilder("PATCH", "/files/abc").field("Content-Type", "Application/Partial-Upload; x=1"),
       true},
      {RequestBuilder("PATCH", "/files/abc").field("Content-Type", "application/offset+octet-stream"),
       false},
  };
  for (const auto& row : rows) {
    const wire::RequestHead& head = row.request;
    EXPECT_EQ(files().speaks(head), row.in_files) << head.method << " " << head.path;
  }

  const struct {
    RequestBuilder request;
    bool in_names;
  } named[] = {
      {RequestBuilder("PUT", "/upload/a"), false},
      {RequestBuilder("PUT", "/upload/a").field("Upload-Complete", "?1"), true},
      {RequestBuilder("POST", "/upload/a").field("Upload-Complete", "?0;p"), true},
      {RequestBuilder("PATCH", "/upload/a").field("Upload-Complete", "?0"), true},
      // the field does not count, the request is an ordinary one.
      {RequestBuilder("PUT", "/upload/a").field("Upload-Complete", "true"), false},
      {RequestBuilder("PUT", "/upload/a").field("Upload-Complete", "1"), false},
      {RequestBuilder("PUT", "/upload/a").field("Upload-Complete", "?2"), false},
      {RequestBuilder("PUT", "/upload/a").field("Upload-Complete", "?1, ?0"), false},
      {RequestBuilder("PUT", "/upload/a").field("Upload-Complete", "?1").field("Upload-Complete", "?1"),
       false},
      {RequestBuilder("PUT", "/upload/a").field(kVersion, "10"), false},
      {RequestBuilder("PUT", "/upload/a").field("Upload-Incomplete", "?1"), false},
      {RequestBuilder("PUT", "/upload/a").field("Upload-Incomplete", "?1").field(kVersion, "3"), true},
      {RequestBuilder("PUT", "/upload/a").field("Upload-Complete", "?1").field(kVersion, "3"), false},
      {RequestBuilder("HEAD", "/upload/a").field(kVersion, "10"), false},
      {RequestBuilder("PUT", "/upload/a").field("Upload-Complete", "?1").range("bytes 0-1/2"), false},
  };
  for (const auto& row : named) {
    EXPECT_EQ(names().speaks(row.request), row.in_names);
  }
}

TEST(IetfParse, CreationWithoutContent) {  // R-39, section 5.1
  for (const int version : kAll) {
    const char* const more = version == 3 ? "?1" : "?0";
    const core::Command command =
        parsed(files(), post(version, more).length(0).field("Upload-Length", "200"));
    EXPECT_EQ(command.name, "r.Fresh");
    EXPECT_FALSE(command.key);
    ASSERT_TRUE(std::holds_alternative<core::Create>(command.verb)) << version;
    EXPECT_EQ(std::get<core::Create>(command.verb).total, ByteCount(200));
    // Neither framing is no content.
    EXPECT_TRUE(std::holds_alternative<core::Create>(parsed(files(), post(version, more)).verb));
  }
}

TEST(IetfParse, CreationWithContent) {
  for (const int version : kAll) {
    const char* const more = version == 3 ? "?1" : "?0";
    const char* const all = version == 3 ? "?0" : "?1";
    core::Append append = append_of(post(version, more).length(25).field("Upload-Length", "200"));
    EXPECT_EQ(append.begin, ByteOffset());
    EXPECT_EQ(append.length, ByteCount(25));
    EXPECT_EQ(append.total, ByteCount(200));
    EXPECT_FALSE(append.ends_object);
    EXPECT_EQ(append.ends_at_total, version == 5 || version == 6);
    EXPECT_TRUE(append.exact);
    EXPECT_TRUE(append.may_begin);

    append = append_of(post(version, all).length(25));
    EXPECT_EQ(append.total, ByteCount(25));
    EXPECT_TRUE(append.ends_object);

    append = append_of(post(version, all).chunked());
    EXPECT_FALSE(append.length);
    EXPECT_FALSE(append.total);
    EXPECT_TRUE(append.ends_object);

    append = append_of(post(version, all).chunked().field("Upload-Length", "30"));
    EXPECT_EQ(append.total, ByteCount(30));

    append = append_of(post(version, all).length(0));
    EXPECT_EQ(append.total, ByteCount(0));
    EXPECT_TRUE(append.ends_object);
  }
  EXPECT_TRUE(append_of(post(10, "?1").length(3).field("Upload-Offset", "0")).ends_object);
}

TEST(IetfParse, EmptyFile) {  // P-16, R-15
  for (const int version : kAll) {
    const char* const more = version == 3 ? "?1" : "?0";
    const core::Command command =
        parsed(files(), post(version, more).length(0).field("Upload-Length", "0"));
    if (version == 5 || version == 6) {
      ASSERT_TRUE(std::holds_alternative<core::Create>(command.verb)) << version;
      EXPECT_EQ(std::get<core::Create>(command.verb).total, ByteCount(0));
    } else {
      ASSERT_TRUE(std::holds_alternative<core::Append>(command.verb)) << version;
      const auto& append = std::get<core::Append>(command.verb);
      EXPECT_EQ(append.total, ByteCount(0));
      EXPECT_FALSE(append.ends_at_total || append.ends_object);
    }
  }
}

TEST(IetfParse, CreationRefused) {
  expect_refused(post(10, nullptr).length(3), ProblemType::kMalformedRequest);  // P-23
  expect_refused(post(10, "true").length(3), ProblemType::kMalformedRequest);
  expect_refused(post(3, nullptr).length(3).field("Upload-Complete", "?1"),
                 ProblemType::kMalformedRequest);
  expect_refused(post(10, "?1").length(10).field("Upload-Length", "11"),
                 ProblemType::kTotalMismatch);
  expect_refused(post(10, "?1").length(10).field("Upload-Length", "9"),
                 ProblemType::kTotalMismatch);
  expect_refused(post(10, "?0").length(10).field("Upload-Length", "9"),
                 ProblemType::kTotalMismatch);
  expect_refused(post(10, "?0").length(10).field("Upload-Offset", "1"),
                 ProblemType::kMalformedRequest);  // section 4
  expect_refused(post(10, "?0").length(10).field("Upload-Offset", "x"),
                 ProblemType::kMalformedRequest);
  expect_refused(post(10, "?0").field("Upload-Length", "999999999999999"),
                 ProblemType::kTooLarge);
  expect_refused(post(10, "?0").length(9'000'000'000'000'000'000), ProblemType::kTooLarge);
  for (const char* method : {"GET", "HEAD", "DELETE", "PURGE"}) {
    expect_refused(request(method, "/files/", 10), ProblemType::kMethodNotAllowed);
  }
}

TEST(IetfParse, LengthThatDoesNotCount) {
  for (const char* length : {"-5", "x", "5.0", "\"5\"", "+5", "1e3", "1000000000000000"}) {
    const core::Command command = parsed(files(), post(10, "?0").field("Upload-Length", length));
    ASSERT_TRUE(std::holds_alternative<core::Create>(command.verb));
    EXPECT_FALSE(std::get<core::Create>(command.verb).total) << length;
  }
}

TEST(IetfParse, CreationOfANamedObject) {
  for (const char* method : {"PUT", "POST", "PATCH"}) {
    const core::Command command = parsed(
        names(), request(method, "/upload/dir/a%20b", 10).field("Upload-Complete", "?1").length(3));
    EXPECT_EQ(command.name, "r.Fresh");
    EXPECT_EQ(command.key, "dir/a b");
  }
  const auto bad =
      names().parse(request("PUT", "/upload/a%2Fb", 10).field("Upload-Complete", "?1"), context());
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().type, ProblemType::kBadName);
}

TEST(IetfParse, Description) {  // trap 12
  core::Command command = parsed(files(), post(10, "?0")
                                              .field("Content-Type", "image/png")
                                              .field("Content-Disposition", "inline"));
  EXPECT_EQ(command.attributes.content_type, "image/png");
  EXPECT_EQ(command.attributes.content_disposition, "inline");
  command = parsed(files(), post(6, "?0").field("Content-Type", "application/partial-upload"));
  EXPECT_EQ(command.attributes.content_type, "");
  const auto bad = files().parse(
      post(10, "?0").field("Content-Disposition", "inline; filename=\"a\x01\""), context());
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().type, ProblemType::kMalformedRequest);
}

TEST(IetfParse, Append) {
  for (const int version : kAll) {
    const char* const more = version == 3 ? "?1" : "?0";
    const char* const all = version == 3 ? "?0" : "?1";
    core::Append append = append_of(patch(version, "25", more).length(10));
    EXPECT_EQ(append.begin, ByteOffset(25));
    EXPECT_EQ(append.length, ByteCount(10));
    EXPECT_FALSE(append.total);
    EXPECT_FALSE(append.ends_object);
    EXPECT_FALSE(append.may_begin);
    EXPECT_TRUE(append.exact);
    EXPECT_EQ(append.ends_at_total, version == 5 || version == 6);

    append = append_of(patch(version, "25", all).length(10));
    EXPECT_TRUE(append.ends_object);
    EXPECT_EQ(append.total, ByteCount(35));
    append = append_of(patch(version, "25", all));  // nothing but the end
    EXPECT_EQ(append.length, ByteCount());
    EXPECT_EQ(append.total, ByteCount(25));
    append = append_of(patch(version, "25", more).chunked().field("Upload-Length", "30"));
    EXPECT_FALSE(append.length);
    EXPECT_EQ(append.total, ByteCount(30));
    EXPECT_EQ(parsed(files(), patch(version, "25", all)).name, "r.Fresh");
  }
}

TEST(IetfParse, AppendWithoutACountingOffset) {  // P-01, R-06
  for (const char* offset : {"", "abc", "-1", "5.0", "\"5\"", "+5", "5 5", "5,5", "0x5",
                             "1000000000000000"}) {
    expect_refused(patch(10, offset, "?0").length(1), ProblemType::kMalformedRequest);
  }
  expect_refused(patch(10, nullptr, "?0").length(1), ProblemType::kMalformedRequest);
  expect_refused(patch(10, "5", "?0").field("Upload-Offset", "5").length(1),
                 ProblemType::kMalformedRequest);
  EXPECT_EQ(append_of(patch(10, "007;x", "?0").length(1)).begin, ByteOffset(7));
}

TEST(IetfParse, AppendWithoutComplete) {  // P-02, R-65
  for (const int version : kAll) {
    for (const char* complete : {"", "true", "1", "?2", "?1, ?0"}) {
      if (version == 0 || version >= 7) {
        expect_refused(patch(version, "0", complete).length(1), ProblemType::kMalformedRequest);
      } else {
        EXPECT_TRUE(append_of(patch(version, "0", complete).length(1)).ends_object) << version;
      }
    }
  }
  expect_refused(patch(10, "0", nullptr).length(1), ProblemType::kMalformedRequest);
  EXPECT_TRUE(append_of(patch(6, "0", nullptr).length(1)).ends_object);
}

TEST(IetfParse, MediaTypeOfAppends) {  // P-03, D-08
  for (const int version : kAll) {
    for (const char* type : {"", "application/octet-stream", "application/offset+octet-stream",
                             "application/partial-uploads"}) {
      RequestBuilder with = request("PATCH", "/files/r.x", version).field("Upload-Offset", "0");
      with.field(version == 3 ? "Upload-Incomplete" : "Upload-Complete", "?1").length(1);
      if (*type != '\0') with.field("Content-Type", type);
      if (version == 0 || version >= 6) {
        expect_refused(with, ProblemType::kUnsupportedMediaType);
      } else {
        EXPECT_EQ(append_of(with).begin, ByteOffset());
      }
    }
  }
  const auto shouted = request("PATCH", "/files/r.x", 10)
                           .field("Upload-Offset", "0")
                           .field("Upload-Complete", "?1")
                           .field("Content-Type", "Application/PARTIAL-upload ; a=b");
  EXPECT_EQ(append_of(shouted).begin, ByteOffset());
}

TEST(IetfParse, AppendRefused) {
  expect_refused(patch(10, "5", "?1").length(5).field("Upload-Length", "11"),
                 ProblemType::kTotalMismatch);
  expect_refused(patch(10, "999999999999999", "?1").length(5), ProblemType::kTooLarge);
  expect_refused(patch(10, "1", "?1").length(UINT64_MAX), ProblemType::kTooLarge);
  for (const char* method : {"POST", "PUT", "PURGE"}) {
    expect_refused(request(method, "/files/r.x", 10), ProblemType::kMethodNotAllowed);
  }
  for (const char* name : {"/files/%2F", "/files/a//b", "/files/.."}) {
    expect_refused(request("HEAD", name, 10), ProblemType::kUploadNotFound);
  }
}

TEST(IetfParse, Others) {
  for (const int version : kAll) {
    for (const char* method : {"HEAD", "GET"}) {
      const core::Command command = parsed(files(), request(method, "/files/r.x", version));
      EXPECT_EQ(command.name, "r.x");
      ASSERT_TRUE(std::holds_alternative<core::Query>(command.verb));
      EXPECT_TRUE(std::get<core::Query>(command.verb).settle);
      EXPECT_FALSE(std::get<core::Query>(command.verb).total);
    }
    EXPECT_TRUE(std::holds_alternative<core::Cancel>(
        parsed(files(), request("DELETE", "/files/r.x", version)).verb));
    for (const char* method : {"HEAD", "GET", "DELETE"}) {  // P-05, D-06
      for (const char* field :
           {"Upload-Offset", "Upload-Complete", "Upload-Incomplete", "Upload-Length"}) {
        expect_refused(request(method, "/files/r.x", version).field(field, "1"),
                       ProblemType::kMalformedRequest);
      }
    }
  }
}

TEST(IetfParse, Digests) {  // not met, and said so; R-91
  const std::string good = "sha-256=:hNiYd/DUBB77a/kaFvAkjy/Vc+avBcGflr7bn4gveII=:";
  for (const char* name : {"Content-Digest", "Repr-Digest"}) {
    expect_refused(post(10, "?1").length(10).field(name, good), ProblemType::kNotImplemented);
    expect_refused(patch(10, "0", "?1").length(10).field(name, "foo=:AA==:, sha-512=:AA==:"),
                   ProblemType::kNotImplemented);
    // Unknown algorithms, and what is no digest at all, are ignored.
    EXPECT_TRUE(append_of(post(10, "?1").length(10).field(name, "foo=:AA==:")).ends_object);
    EXPECT_TRUE(append_of(post(10, "?1").length(10).field(name, "sha-256=abc")).ends_object);
    EXPECT_TRUE(append_of(post(10, "?1").length(10).field(name, "sha-256=:%:")).ends_object);
  }
  expect_refused(post(10, "?1").chunked().field("Trailer", "Content-Digest"),
                 ProblemType::kNotImplemented);
  EXPECT_TRUE(append_of(post(10, "?1").length(1).field("Want-Repr-Digest", "sha-256=1")).ends_object);
}

// Goal: no bytes in the fields lead anywhere but to a command that makes sense or a refusal.
TEST(IetfParse, IsTotal) {
  constexpr std::string_view kPieces[] = {"?1", "?0", "1", "0", "25", ";x", ", ", "-", "\"", ".5", " "};
  std::mt19937 random(11);  // NOLINT: the same run every time
  const auto text = [&] {
    std::string out;
    for (std::size_t n = random() % 3; n > 0; --n) out += kPieces[random() % std::size(kPieces)];
    return out;
  };
  const Ietf ietf = files();
  int good = 0;
  for (int step = 0; step < 50'000; ++step) {
    RequestBuilder builder(random() % 2 == 0 ? "POST" : "PATCH",
                           random() % 2 == 0 ? "/files/" : "/files/r.x");
    builder.field("Content-Type", "application/partial-upload").length(random() % 3);
    for (const char* name : {kVersion, "Upload-Offset", "Upload-Complete", "Upload-Length"}) {
      if (random() % 4 != 0) builder.field(name, text());
    }
    const auto command = ietf.parse(builder, context());
    if (!command) continue;
    ++good;
    if (const auto* append = std::get_if<core::Append>(&command->verb)) {
      ASSERT_TRUE(append->begin && append->exact);
    }
  }
  EXPECT_GT(good, 300);
}

}  // namespace
}  // namespace sluice::protocols
