// Rows of the IETF digest, response side.
#include <chrono>
#include <string>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include "protocols/ietf.h"
#include "protocols/put308_request.h"
#include "wire/structured_fields.h"

namespace sluice::protocols {
namespace {

using core::ProblemType;

constexpr const char* kVersion = "Upload-Draft-Interop-Version";
constexpr int kAll[] = {0, 3, 4, 5, 6, 7, 8, 9, 10};  // 0: the final form
constexpr WallTime kNow{std::chrono::milliseconds(1'800'000'000'000)};
const std::string kIana = "https://iana.org/assignments/http-problem-types#";

Ietf files() {
  return Ietf(IetfOptions());
}

Context context() {
  Context out;
  out.request_id = "req-1";
  out.fresh_name = "Fresh";
  out.origin = "https://up.example";
  out.now = kNow;
  return out;
}

std::string field(const wire::ResponseHead& head, const char* name) {
  EXPECT_LE(head.headers.count(name), 1U) << name;
  const std::string* value = head.headers.find(name);
  return value == nullptr ? "(none)" : *value;
}
std::string field(const Response& response, const char* name) {
  return field(response.head, name);
}

RequestBuilder request(const char* method, const char* target, int version) {
  RequestBuilder out(method, target);
  if (version > 0) out.field(kVersion, std::to_string(version));
  return out;
}
// Creation or append; `all`: its content is the end.
RequestBuilder create(int version, bool all) {
  RequestBuilder out = request("POST", "/files/", version);
  if (version == 3) return out.field("Upload-Incomplete", all ? "?0" : "?1").length(25);
  return out.field("Upload-Complete", all ? "?1" : "?0").length(25);
}
RequestBuilder append(int version, bool all) {
  RequestBuilder out = request("PATCH", "/files/r.Fresh", version);
  out.field("Content-Type", "application/partial-upload").field("Upload-Offset", "25").length(10);
  if (version == 3) return out.field("Upload-Incomplete", all ? "?0" : "?1");
  return out.field("Upload-Complete", all ? "?1" : "?0");
}

std::optional<Response> maybe_render(const core::Outcome& outcome, const wire::RequestHead& head) {
  core::Command command;
  command.name = "r.Fresh";
  return files().render(outcome, head, &command, context());
}
Response render(const core::Outcome& outcome, const wire::RequestHead& head) {
  auto response = maybe_render(outcome, head);
  if (!response) ADD_FAILURE() << "no answer";
  return response ? std::move(*response) : Response();
}

core::Incomplete stored(std::uint64_t offset, std::optional<std::uint64_t> total = std::nullopt) {
  core::Incomplete out;
  out.offset = ByteOffset(offset);
  if (total) out.total = ByteCount(*total);
  out.about.expires_at = kNow + std::chrono::seconds(3'540);
  return out;
}
core::Complete complete(std::uint64_t size) {
  core::Complete out;
  out.result.name = "a.bin";
  out.result.size = ByteCount(size);
  out.result.etag = ETag("e-1");
  return out;
}
core::Refused refused(ProblemType type, std::optional<std::uint64_t> offset = std::nullopt) {
  core::Refused out{core::Problem(type, "why"), std::nullopt, true};
  if (offset) out.offset = ByteOffset(*offset);
  return out;
}

// "?0" or "?1" as the version says it (D-01): whether the answer says "complete".
std::string said_complete(const Response& response, int version) {
  if (version != 3) {
    EXPECT_EQ(field(response, "Upload-Incomplete"), "(none)");
    return field(response, "Upload-Complete");
  }
  EXPECT_EQ(field(response, "Upload-Complete"), "(none)");
  const std::string incomplete = field(response, "Upload-Incomplete");
  if (incomplete == "?0") return "?1";
  return incomplete == "?1" ? "?0" : incomplete;
}

void expect_valid_limit(const std::string& text) {  // R-26
  const auto limits = wire::sf::parse_dictionary(text);
  ASSERT_TRUE(limits) << text;
  EXPECT_FALSE(limits->empty());
  for (const auto& [key, value] : *limits) {
    EXPECT_TRUE(std::holds_alternative<std::int64_t>(std::get<wire::sf::Item>(value).value)) << key;
  }
}

TEST(IetfRender, CreationThatGoesOn) {  // R-31, R-34, D-02, D-03, D-11, P-09, P-19
  for (const int version : kAll) {
    const Response response = render(stored(25), create(version, false));
    EXPECT_EQ(response.head.status, 201);
    EXPECT_EQ(field(response, "Location"), "https://up.example/files/r.Fresh");
    EXPECT_EQ(field(response, "Upload-Offset"), "25");
    EXPECT_EQ(said_complete(response, version), "?0");
    EXPECT_EQ(field(response, "Upload-Limit"),
              std::string("max-size=5497558138880, ") + (version == 6 ? "expires" : "max-age") +
                  "=3540");
    EXPECT_EQ(field(response, kVersion), version == 0 ? "(none)" : std::to_string(version));
    EXPECT_TRUE(response.body.empty());
  }
}

TEST(IetfRender, AppendThatGoesOn) {  // R-58, P-08, P-10, D-02, D-03, D-04
  for (const int version : kAll) {
    const Response response = render(stored(35), append(version, false));
    EXPECT_EQ(response.head.status, version >= 3 && version <= 6 ? 201 : 204) << version;
    EXPECT_EQ(field(response, "Upload-Offset"), "35");
    EXPECT_EQ(said_complete(response, version), "?0");
    EXPECT_EQ(field(response, "Location"), "(none)");
    EXPECT_TRUE(response.body.empty());
  }
}

TEST(IetfRender, Finished) {  // R-38, R-57, D-01, D-03, D-04
  for (const int version : kAll) {
    for (const bool creation : {true, false}) {
      const wire::RequestHead head = creation ? create(version, true) : append(version, true);
      const Response response = render(complete(35), head);
      EXPECT_EQ(response.head.status, version >= 3 && version <= 6 ? 201 : 200);
      EXPECT_EQ(said_complete(response, version), "?1");
      EXPECT_EQ(field(response, "Upload-Offset"), "35");
      EXPECT_EQ(field(response, "ETag"), "\"e-1\"");
      EXPECT_EQ(boost::json::parse(response.body).at("size").as_string(), "35");
      EXPECT_EQ(field(response, "Location") == "(none)", !creation);
    }
  }
  // P-02: silence of the old ones means the end.
  const Response old =
      render(complete(35), request("PATCH", "/files/r.Fresh", 6).field("Upload-Offset", "25"));
  EXPECT_EQ(field(old, "Upload-Complete"), "?1");
}

TEST(IetfRender, EmptyFile) {  // P-16: complete, although the request said ?0
  const wire::RequestHead head =
      request("POST", "/files/", 6).field("Upload-Complete", "?0").field("Upload-Length", "0");
  const Response response = render(complete(0), head);
  EXPECT_EQ(response.head.status, 201);
  EXPECT_EQ(field(response, "Location"), "https://up.example/files/r.Fresh");
  EXPECT_EQ(field(response, "Upload-Complete"), "?1");
}

TEST(IetfRender, Retrieval) {  // R-43 to R-49, D-05, D-11, traps 11 and 13
  for (const int version : kAll) {
    for (const char* method : {"HEAD", "GET"}) {
      const wire::RequestHead head = request(method, "/files/r.Fresh", version);
      Response response = render(stored(420, 700), head);
      EXPECT_EQ(response.head.status, 204);
      EXPECT_EQ(field(response, "Upload-Offset"), "420");
      EXPECT_EQ(field(response, "Upload-Length"), "700");
      EXPECT_EQ(said_complete(response, version), "?0");
      EXPECT_EQ(field(response, "Cache-Control"), "no-store");
      EXPECT_EQ(field(response, "Content-Length"), "(none)");
      expect_valid_limit(field(response, "Upload-Limit"));
      EXPECT_EQ(field(render(stored(420), head), "Upload-Length"), "(none)");  // R-16
      response = render(complete(700), head);
      EXPECT_EQ(field(response, "Upload-Offset"), "700");
      EXPECT_EQ(field(response, "Upload-Length"), "700");
      EXPECT_EQ(said_complete(response, version), "?1");
      EXPECT_TRUE(response.body.empty());
    }
  }
}

TEST(IetfRender, Mismatch) {  // R-53 to R-55, D-02, R-10
  for (const int version : kAll) {
    for (const bool all : {true, false}) {
      const Response response =
          render(refused(ProblemType::kOffsetMismatch, 35), append(version, all));
      EXPECT_EQ(response.head.status, 409);
      EXPECT_EQ(said_complete(response, version), "?0");
      EXPECT_EQ(field(response, "Upload-Offset"), "35");
      EXPECT_EQ(field(response, "Content-Type"), "application/problem+json");
      const boost::json::value body = boost::json::parse(response.body);
      EXPECT_EQ(body.at("type").as_string(), kIana + "mismatching-upload-offset");
      EXPECT_EQ(body.at("expected-offset").to_number<std::uint64_t>(), 35U);
      EXPECT_EQ(body.at("provided-offset").to_number<std::uint64_t>(), 25U);
      EXPECT_EQ(body.at("status").as_int64(), 409);
      EXPECT_EQ(body.at("instance").as_string(), "req-1");
    }
  }
}

TEST(IetfRender, InconsistentLength) {  // R-11 to R-13, R-60, R-76, D-13, P-19
  for (const int version : kAll) {
    for (const ProblemType type : {ProblemType::kTotalMismatch, ProblemType::kBodyTooLong}) {
      for (const bool creation : {true, false}) {
        const wire::RequestHead head = creation ? create(version, true) : append(version, true);
        const Response response = render(refused(type, 5), head);
        EXPECT_EQ(response.head.status, 400);
        EXPECT_EQ(said_complete(response, version), "?0");
        EXPECT_EQ(boost::json::parse(response.body).at("type").as_string(),
                  kIana + "inconsistent-upload-length");
        expect_valid_limit(field(response, "Upload-Limit"));
      }
    }
  }
}

TEST(IetfRender, AppendToACompleteOne) {  // P-07, D-11, D-15, R-08, R-64
  for (const int version : kAll) {
    const bool named = version == 6 || version == 7;
    // Content.
    Response response = render(refused(ProblemType::kBodyTooLong), append(version, true));
    EXPECT_EQ(response.head.status, 400);
    EXPECT_EQ(said_complete(response, version), "?0");
    EXPECT_EQ(boost::json::parse(response.body).at("type").as_string(),
              kIana + (named ? "completed-upload" : "inconsistent-upload-length"));
    // None, and not the end.
    response = render(complete(35), append(version, false));
    const bool ends = version == 5 || version == 6;  // tus-js-client: see Version::ends_at_length()
    EXPECT_EQ(response.head.status, ends ? 201 : version == 7 ? 400 : version == 0 || version > 7 ? 410 : 404);
    EXPECT_EQ(said_complete(response, version), ends ? "?1" : "?0");
    EXPECT_EQ(field(response, "Upload-Offset"), "35");
    // None, and the end: the lost answer once more.
    EXPECT_EQ(said_complete(render(complete(35), append(version, true)), version), "?1");
  }
}

TEST(IetfRender, OverrunCancels) {  // R-60, R-61, D-11
  core::Command command;
  command.name = "r.Fresh";
  for (const int version : kAll) {
    const auto more = files().follow_up(refused(ProblemType::kBodyTooLong, 5),
                                        append(version, false), command);
    ASSERT_EQ(more.has_value(), version == 0 || version >= 7);
    if (!more) continue;
    EXPECT_EQ(more->name, "r.Fresh");
    ASSERT_TRUE(std::holds_alternative<core::Cancel>(more->verb));
    EXPECT_FALSE(std::get<core::Cancel>(more->verb).release_complete);
    for (const core::Outcome& other :
         {core::Outcome(refused(ProblemType::kTotalMismatch, 5)), core::Outcome(stored(5)),
          core::Outcome(complete(5)), core::Outcome(core::ClientGone())}) {
      EXPECT_FALSE(files().follow_up(other, append(version, false), command));
    }
  }
}

TEST(IetfRender, Refusals) {  // section 6
  const struct {
    ProblemType type;
    int status;
    const char* of_creation;  // Upload-Complete
    const char* of_append;
    bool limits;
  } rows[] = {
      {ProblemType::kMalformedRequest, 400, "?0", "?0", true},
      {ProblemType::kUnauthorized, 401, "?1", "?0", false},
      {ProblemType::kForbidden, 403, "?1", "?0", false},
      {ProblemType::kUploadNotFound, 404, "(none)", "(none)", false},
      {ProblemType::kMethodNotAllowed, 405, "(none)", "(none)", false},
      {ProblemType::kRequestTimeout, 408, "?0", "?0", false},
      {ProblemType::kTooLarge, 413, "?0", "?0", true},
      {ProblemType::kUnsupportedMediaType, 415, "?0", "?0", false},
      {ProblemType::kTooManyRequests, 429, "?0", "?0", false},
      {ProblemType::kInternal, 500, "?0", "?0", false},
      {ProblemType::kNotImplemented, 501, "?0", "?0", false},
      {ProblemType::kUploadFailed, 502, "?0", "?0", false},
      {ProblemType::kStoreUnavailable, 503, "?0", "?0", false},
      {ProblemType::kOverloaded, 503, "?0", "?0", false},
      {ProblemType::kDraining, 503, "?0", "?0", false},
      {ProblemType::kCompleting, 503, "?0", "?0", false},
      {ProblemType::kApplicationUnavailable, 503, "?0", "?0", false},
  };
  for (const int version : kAll) {
    for (const auto& row : rows) {
      for (const bool creation : {true, false}) {
        const wire::RequestHead head = creation ? create(version, false) : append(version, false);
        const Response response = render(refused(row.type, 25), head);
        const std::string said = creation ? row.of_creation : row.of_append;
        EXPECT_EQ(response.head.status, row.status);
        EXPECT_EQ(said_complete(response, version), said) << row.status;
        EXPECT_EQ(field(response, "Upload-Offset"), said == "(none)" ? "(none)" : "25");  // P-08
        EXPECT_EQ(field(response, "Upload-Limit") != "(none)", row.limits);               // R-22
        EXPECT_EQ(field(response, "Retry-After") != "(none)",
                  row.status == 503 || row.status == 429);
        EXPECT_EQ(field(response, "Accept-Patch"),
                  row.status == 415 ? "application/partial-upload" : "(none)");  // P-03
        EXPECT_EQ(boost::json::parse(response.body).at("status").as_int64(), row.status);
      }
      // Who only asks is told nothing about the transfer, and HEAD has no body.
      const Response response =
          render(refused(row.type, 25), request("HEAD", "/files/r.Fresh", version));
      EXPECT_EQ(response.head.status, row.status);
      EXPECT_EQ(said_complete(response, version), "(none)");
      EXPECT_EQ(field(response, "Upload-Offset"), "(none)");
      EXPECT_TRUE(response.body.empty());
    }
  }
}

TEST(IetfRender, Gone) {  // D-07, P-04
  for (const int version : kAll) {
    for (const char* method : {"HEAD", "PATCH", "DELETE"}) {
      const Response response =
          render(refused(ProblemType::kUploadGone), request(method, "/files/r.Fresh", version));
      EXPECT_EQ(response.head.status, version >= 3 && version <= 6 ? 404 : 410);
      EXPECT_EQ(said_complete(response, version), "(none)");
    }
    EXPECT_EQ(render(core::Cancelled{}, request("DELETE", "/files/r.Fresh", version)).head.status,
              204);  // R-66
  }
}

TEST(IetfRender, NobodyToAnswer) {  // P-11
  EXPECT_FALSE(maybe_render(core::ClientGone{}, append(10, false)));
  EXPECT_FALSE(maybe_render(refused(ProblemType::kTakenOver, 25), append(10, false)));
  EXPECT_FALSE(maybe_render(refused(ProblemType::kTakenOver, 25), create(10, false)));
  EXPECT_EQ(render(refused(ProblemType::kTakenOver), request("HEAD", "/files/r.Fresh", 10)).head.status,
            503);
}

TEST(IetfRender, Allow) {
  const core::Refused no = refused(ProblemType::kMethodNotAllowed);
  EXPECT_EQ(field(render(no, request("PUT", "/files/r.Fresh", 10)), "Allow"),
            "HEAD, GET, PATCH, DELETE, OPTIONS");
  EXPECT_EQ(field(render(no, request("GET", "/files/", 10)), "Allow"), "POST, PUT, PATCH, OPTIONS");
}

TEST(IetfRender, UnknownVersions) {  // P-06, R-73
  for (const char* version : {"2", "11", "99", "-6", "6.0", "\"6\"", "6, 6", ""}) {
    const wire::RequestHead head =
        RequestBuilder("POST", "/files/").field("Upload-Complete", "?0").field(kVersion, version);
    const Response response = render(stored(25), head);
    EXPECT_EQ(field(response, kVersion), "(none)") << version;
    EXPECT_EQ(field(response, "Upload-Complete"), "?0");
    EXPECT_FALSE(files().announcement(head, core::Command(), context())) << version;
    EXPECT_FALSE(files().progress(head, ByteOffset(5))) << version;
  }
  // Trap 14.
  const wire::RequestHead head =
      RequestBuilder("POST", "/files/").field("Upload-Complete", "?0").field(kVersion, "6;x");
  EXPECT_EQ(field(render(stored(25), head), kVersion), "6");
}

TEST(IetfRender, Interim) {  // R-29, R-30, R-33, R-63, R-74, trap 1
  core::Command command;
  command.name = "r.Fresh";
  for (const int version : kAll) {
    const auto announced = files().announcement(create(version, true), command, context());
    ASSERT_EQ(announced.has_value(), version != 0);
    EXPECT_FALSE(files().announcement(append(version, true), command, context()));
    for (const bool creation : {true, false}) {
      const wire::RequestHead head = creation ? create(version, true) : append(version, true);
      const auto progress = files().progress(head, ByteOffset(300));
      ASSERT_EQ(progress.has_value(), version != 0);
      if (!progress) continue;
      EXPECT_EQ(progress->status, 104);
      EXPECT_EQ(field(*progress, "Upload-Offset"), "300");
      EXPECT_EQ(field(*progress, kVersion), std::to_string(version));
      EXPECT_EQ(progress->headers.list().size(), 2U);
    }
    if (!announced) continue;
    EXPECT_EQ(announced->status, 104);
    EXPECT_EQ(field(*announced, kVersion), std::to_string(version));
    EXPECT_EQ(field(*announced, "Location"),
              field(render(stored(25), create(version, false)), "Location"));
    expect_valid_limit(field(*announced, "Upload-Limit"));
    EXPECT_FALSE(files().progress(request("HEAD", "/files/r.Fresh", version), ByteOffset(3)));
  }
}

TEST(IetfRender, Options) {  // R-17, R-18, D-14
  Response response = files().options(RequestBuilder("OPTIONS", "/files/"));
  EXPECT_EQ(response.head.status, 204);
  EXPECT_EQ(field(response, "Upload-Limit"), "max-size=5497558138880");
  EXPECT_EQ(field(response, "Accept-Patch"), "application/partial-upload");
  EXPECT_EQ(field(response, "Allow"), "POST, PUT, PATCH, OPTIONS");
  IetfOptions boundless;
  boundless.size_max = ByteCount(1'000'000'000'000'000);
  response = Ietf(boundless).options(RequestBuilder("OPTIONS", "/files/r.x"));
  EXPECT_EQ(field(response, "Upload-Limit"), "min-size=0");
  EXPECT_EQ(field(response, "Allow"), "HEAD, GET, PATCH, DELETE, OPTIONS");
}

TEST(IetfRender, AddressesAndLifetimes) {  // P-17, P-20
  Context no_origin = context();
  no_origin.origin = {};
  core::Command command;
  command.name = "r.a b";
  auto response = files().render(stored(0), create(10, false), &command, no_origin);
  ASSERT_TRUE(response);
  EXPECT_EQ(field(*response, "Location"), "/files/r.a%20b");
  core::Incomplete late = stored(0);
  late.about.expires_at = kNow - std::chrono::seconds(5);
  EXPECT_EQ(field(render(late, create(10, false)), "Upload-Limit"),
            "max-size=5497558138880, max-age=0");
  late.about.expires_at.reset();
  EXPECT_EQ(field(render(late, create(10, false)), "Upload-Limit"), "max-size=5497558138880");
}

}  // namespace
}  // namespace sluice::protocols
