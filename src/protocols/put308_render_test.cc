#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include "protocols/put308.h"
#include "protocols/put308_request.h"

namespace sluice::protocols {
namespace {

using core::ProblemType;

Response render(const core::Outcome& outcome, const wire::RequestHead& request,
                const Put308Options& options = {}) {
  auto response = put308::render(outcome, request, options, "req-1");
  EXPECT_TRUE(response.has_value());
  return response ? *std::move(response) : Response{};
}

std::string field(const Response& response, std::string_view name) {
  EXPECT_LE(response.head.headers.count(name), 1U) << name;
  const std::string* value = response.head.headers.find(name);
  return value == nullptr ? "(none)" : *value;
}

core::Incomplete stored(std::uint64_t bytes) {
  core::Incomplete out;
  out.offset = ByteOffset(bytes);
  return out;
}

core::Complete complete(std::uint64_t size) {
  core::Complete out;
  out.result.name = "dir/a.bin";
  out.result.size = ByteCount(size);
  out.result.etag = ETag("\"9b2-3\"");
  return out;
}

Put308Options vimeo() {
  Put308Options options;
  options.vimeo = true;
  return options;
}

const std::string kQuery = "bytes */*";

// R-25, R-26, R-63, R-64, and R-22 to R-24, R-28, R-30, R-31, R-40 as far as the answer goes.
TEST(Put308Render, Unfinished) {
  const struct {
    std::uint64_t bytes;
    const char* range;
  } rows[] = {{0, "(none)"},
              {1, "bytes=0-0"},
              {10, "bytes=0-9"},
              {262'144, "bytes=0-262143"},
              {9223372036854775807U, "bytes=0-9223372036854775806"}};
  for (const auto& row : rows) {
    for (const wire::RequestHead& request :
         {wire::RequestHead(put(0).range(kQuery)), wire::RequestHead(put(5).range("bytes 9-13/20")),
          wire::RequestHead(RequestBuilder("POST", "/upload/a").length(0).range("bytes */20")),
          wire::RequestHead(RequestBuilder("HEAD", "/upload/a"))}) {
      const Response response = render(stored(row.bytes), request);
      EXPECT_EQ(response.head.status, 308);
      EXPECT_EQ(response.head.reason, "Resume Incomplete");
      EXPECT_EQ(field(response, "Range"), row.range);
      EXPECT_EQ(field(response, "Content-Length"), "0");
      EXPECT_EQ(field(response, "Cache-Control"), "no-store");
      EXPECT_EQ(field(response, "Location"), "(none)");
      EXPECT_EQ(field(response, "X-Upload-Ranges"), "(none)");
      EXPECT_TRUE(response.body.empty());
      EXPECT_FALSE(response.close);
    }
  }
}

// R-36, R-37
TEST(Put308Render, No308OnRequest) {
  const struct {
    const char* value;
    bool hidden;
  } rows[] = {{"yes", true}, {"Yes", true}, {"no", false}, {"", false}, {"1", false}};
  for (const auto& row : rows) {
    const wire::RequestHead request = RequestBuilder("POST", "/upload/a")
                                          .length(16'777'216)
                                          .range("bytes 0-16777215/*")
                                          .field("X-GUploader-No-308", row.value);
    const Response response = render(stored(16'777'216), request);
    EXPECT_EQ(response.head.status, row.hidden ? 200 : 308) << row.value;
    EXPECT_EQ(field(response, "X-HTTP-Status-Code-Override"), row.hidden ? "308" : "(none)");
    EXPECT_EQ(field(response, "Range"), "bytes=0-16777215");
    EXPECT_EQ(field(response, "Cache-Control"), "no-store");
    EXPECT_EQ(field(response, "Content-Length"), "0");
  }
}

// R-01, R-28, R-29, R-32, R-50, R-51
TEST(Put308Render, Complete) {
  core::Complete outcome = complete(15);
  outcome.result.checksum = wire::Checksum(wire::ChecksumKind::kCrc32c, 0xe3069283);
  for (const wire::RequestHead& request :
       {wire::RequestHead(put(15)), wire::RequestHead(put(0).range("bytes */15")),
        wire::RequestHead(put(0).range(kQuery)), wire::RequestHead(put(5).range("bytes 0-4/*"))}) {
    const Response response = render(outcome, request);
    EXPECT_EQ(response.head.status, 200);
    EXPECT_EQ(field(response, "Content-Type"), "application/json; charset=UTF-8");
    EXPECT_EQ(field(response, "Content-Length"), std::to_string(response.body.size()));
    EXPECT_EQ(field(response, "ETag"), "\"9b2-3\"");
    EXPECT_EQ(field(response, "Cache-Control"), "no-store");
    EXPECT_EQ(field(response, "X-HTTP-Status-Code-Override"), "(none)");
    const boost::json::value parsed = boost::json::parse(response.body);
    const boost::json::object& body = parsed.as_object();
    EXPECT_EQ(body.at("kind").as_string(), "storage#object");
    EXPECT_EQ(body.at("name").as_string(), "dir/a.bin");
    EXPECT_EQ(body.at("size").as_string(), "15");
    EXPECT_EQ(body.at("etag").as_string(), "9b2-3");
    EXPECT_EQ(body.at("crc32c").as_string(), "4waSgw==");
    EXPECT_EQ(body.size(), 5U) << "nothing invented, above all no md5Hash";
  }
}

TEST(Put308Render, CompleteSaysOnlyWhatIsKnown) {
  core::Complete outcome = complete(0);
  outcome.result.etag = ETag();
  Response response = render(outcome, put(0));
  EXPECT_EQ(field(response, "ETag"), "(none)");
  EXPECT_EQ(boost::json::parse(response.body).as_object().size(), 3U);
  EXPECT_EQ(boost::json::parse(response.body).as_object().at("size").as_string(), "0");

  outcome.result.etag = ETag("plain");
  EXPECT_EQ(field(render(outcome, put(0)), "ETag"), "\"plain\"");
  outcome.result.etag = ETag("W/\"weak\"");
  EXPECT_EQ(field(render(outcome, put(0)), "ETag"), "W/\"weak\"");
  outcome.result.etag = ETag("\"split\r\nX: y\"");
  EXPECT_EQ(field(render(outcome, put(0)), "ETag"), "(none)");

  outcome.result.checksum = wire::Checksum(wire::ChecksumKind::kCrc64Nvme, 1);
  response = render(outcome, put(0));
  EXPECT_EQ(boost::json::parse(response.body).as_object().at("crc64nvme").as_string(),
            "AAAAAAAAAAE=");
}

// R-46 and C2, C4, C5: the counting style of one client, on its own route only.
TEST(Put308Render, VimeoCounts) {
  const wire::RequestHead query = put(0).range(kQuery);
  EXPECT_EQ(field(render(stored(0), query, vimeo()), "Range"), "bytes=0-0");
  EXPECT_EQ(field(render(stored(10), query, vimeo()), "Range"), "bytes=0-10");
  const Response finished = render(complete(20), query, vimeo());
  EXPECT_EQ(finished.head.status, 308);
  EXPECT_EQ(field(finished, "Range"), "bytes=0-20");
  EXPECT_TRUE(finished.body.empty());
  // Everything else ends with 200 there too: its clients want exactly that after the data.
  EXPECT_EQ(render(complete(20), put(20).range("bytes 0-20/20"), vimeo()).head.status, 200);
  EXPECT_EQ(render(complete(20), put(0).range("bytes */20"), vimeo()).head.status, 200);
  EXPECT_EQ(render(complete(20), query).head.status, 200);
}

// R-45
TEST(Put308Render, LengthThatLiesClosesTheConnection) {
  const wire::RequestHead lying = put(20).range("bytes 10-20/20");
  EXPECT_TRUE(render(complete(20), lying).close);
  EXPECT_TRUE(render(stored(12), lying).close);
  EXPECT_FALSE(render(complete(20), put(10).range("bytes 10-20/20")).close);
  EXPECT_FALSE(render(complete(20), put(20).range("bytes 0-20/20")).close);
  EXPECT_FALSE(render(complete(20), put(20)).close);
}

// R-69, section 6.3: the plain Range stays a single one.
TEST(Put308Render, ParallelListsEverything) {
  core::Incomplete outcome = stored(0);
  outcome.parallel = true;
  outcome.ranges = {ByteRange(ByteOffset(20), ByteOffset(30))};
  Response response = render(outcome, put(10).range("bytes 20-29/30"));
  EXPECT_EQ(field(response, "Range"), "(none)");
  EXPECT_EQ(field(response, "X-Upload-Ranges"), "bytes=20-29");
  EXPECT_EQ(field(response, "X-Upload-Parallel"), "1");
  EXPECT_EQ(field(response, "X-Upload-Part-Size"), "(none)");

  outcome.part_size = ByteCount(10);
  outcome.offset = ByteOffset(10);
  outcome.ranges.insert(outcome.ranges.begin(), ByteRange(ByteOffset(0), ByteOffset(10)));
  response = render(outcome, put(10).range("bytes 0-9/30"));
  EXPECT_EQ(field(response, "Range"), "bytes=0-9");
  EXPECT_EQ(field(response, "X-Upload-Ranges"), "bytes=0-9,20-29");
  EXPECT_EQ(field(response, "X-Upload-Part-Size"), "10");
  EXPECT_EQ(field(response, "X-Upload-Ranges-Truncated"), "(none)");

  outcome.ranges.clear();
  for (std::uint64_t i = 0; i < 2'000; ++i) {
    outcome.ranges.emplace_back(ByteOffset(i * 20), ByteOffset(i * 20 + 10));
  }
  response = render(outcome, put(10).range("bytes 0-9/40000"));
  EXPECT_LE(field(response, "X-Upload-Ranges").size(), 8192U);
  EXPECT_TRUE(field(response, "X-Upload-Ranges").starts_with("bytes=0-9,20-29,40-49,"));
  EXPECT_EQ(field(response, "X-Upload-Ranges-Truncated"), "1");

  outcome.parallel = false;
  response = render(outcome, put(10));
  EXPECT_EQ(field(response, "X-Upload-Ranges"), "(none)");
  EXPECT_EQ(field(response, "X-Upload-Parallel"), "(none)");
  EXPECT_EQ(field(response, "X-Upload-Part-Size"), "(none)");
}

// R-41, R-48, R-56 to R-59 as far as the answer goes.
TEST(Put308Render, Refusals) {
  const struct {
    ProblemType type;
    int status;
    const char* retry_after;
  } rows[] = {
      {ProblemType::kTotalMismatch, 400, "(none)"},
      {ProblemType::kMalformedContentRange, 400, "(none)"},
      {ProblemType::kUploadNotFound, 404, "(none)"},   // R-57
      {ProblemType::kAlreadyComplete, 409, "(none)"},  // R-56
      {ProblemType::kTakenOver, 409, "(none)"},
      {ProblemType::kUploadGone, 410, "(none)"},  // R-58
      {ProblemType::kTooLarge, 413, "(none)"},
      {ProblemType::kTooManyRequests, 429, "2"},
      {ProblemType::kStoreUnavailable, 503, "2"},  // R-60
      {ProblemType::kOverloaded, 503, "2"},        // R-59
      {ProblemType::kCompleting, 503, "2"},
      {ProblemType::kApplicationUnavailable, 503, "2"},
  };
  for (const auto& row : rows) {
    const Response response =
        render(core::Refused{core::Problem(row.type, "why"), {}, true}, put(3));
    EXPECT_EQ(response.head.status, row.status);
    EXPECT_EQ(field(response, "Content-Type"), "application/problem+json");
    EXPECT_EQ(field(response, "Content-Length"), std::to_string(response.body.size()));
    EXPECT_EQ(field(response, "Cache-Control"), "no-store");
    EXPECT_EQ(field(response, "Retry-After"), row.retry_after);
    EXPECT_EQ(field(response, "Range"), "(none)");
    const boost::json::value parsed = boost::json::parse(response.body);
    EXPECT_EQ(parsed.as_object().at("status").as_int64(), row.status);
    EXPECT_EQ(parsed.as_object().at("detail").as_string(), "why");
    EXPECT_EQ(parsed.as_object().at("instance").as_string(), "req-1");
  }
}

TEST(Put308Render, RefusalsSayWhatIsStoredAndWhenToComeBack) {
  core::Refused refused{core::Problem(ProblemType::kDraining), ByteOffset(10), true};
  refused.problem.retry_after_s = 30;
  Response response = render(refused, put(3));
  EXPECT_EQ(field(response, "Range"), "bytes=0-9");
  EXPECT_EQ(field(response, "Retry-After"), "30");
  EXPECT_EQ(field(render(refused, put(3), vimeo()), "Range"), "bytes=0-10");
  refused.offset = ByteOffset(0);
  EXPECT_EQ(field(render(refused, put(3)), "Range"), "(none)");

  response = render(core::Refused{core::Problem(ProblemType::kMethodNotAllowed), {}, true},
                    RequestBuilder("PATCH", "/upload/a.bin"));
  EXPECT_EQ(response.head.status, 405);  // R-05
  EXPECT_EQ(field(response, "Allow"), "GET, HEAD, PUT, POST, DELETE");
  response = render(core::Refused{core::Problem(ProblemType::kUnauthorized), {}, true}, put(3));
  EXPECT_EQ(field(response, "WWW-Authenticate"), "Bearer");
}

TEST(Put308Render, HeadHasTheFieldsAndNoBody) {
  const wire::RequestHead head = RequestBuilder("HEAD", "/upload/a.bin");
  Response response = render(complete(15), head);
  EXPECT_EQ(response.head.status, 200);
  EXPECT_EQ(field(response, "ETag"), "\"9b2-3\"");
  EXPECT_EQ(field(response, "Content-Length"), "(none)");
  EXPECT_TRUE(response.body.empty());
  response = render(core::Refused{core::Problem(ProblemType::kUploadNotFound), {}, true}, head);
  EXPECT_EQ(response.head.status, 404);
  EXPECT_EQ(field(response, "Content-Length"), "(none)");
  EXPECT_TRUE(response.body.empty());
}

// C12: 204 in the name form.
TEST(Put308Render, Cancelled) {
  const Response response = render(core::Cancelled{}, RequestBuilder("DELETE", "/upload/a.bin"));
  EXPECT_EQ(response.head.status, 204);
  EXPECT_EQ(field(response, "Content-Length"), "(none)");
  EXPECT_TRUE(response.body.empty());
}

TEST(Put308Render, NobodyToAnswer) {
  EXPECT_FALSE(put308::render(core::ClientGone{}, put(3), {}, "req-1").has_value());
}

TEST(Put308Render, StateForHumans) {
  using namespace std::chrono_literals;
  core::Inspected outcome;
  outcome.state = "open";
  outcome.id = UploadId("u1");
  outcome.name = "a.bin";
  outcome.offset = ByteOffset(10);
  outcome.ranges = {ByteRange(ByteOffset(0), ByteOffset(10)),
                    ByteRange(ByteOffset(20), ByteOffset(30))};
  outcome.created_at = WallTime(1'795'597'262'007ms);
  outcome.parallel = true;
  outcome.writing = true;
  const wire::RequestHead get = RequestBuilder("GET", "/upload/a.bin");
  Response response = render(outcome, get);
  EXPECT_EQ(response.head.status, 200);
  boost::json::value body = boost::json::parse(response.body);
  EXPECT_EQ(body, boost::json::parse(R"({"kind":"sluice#upload","id":"u1","name":"a.bin",
      "state":"open","offset":"10","ranges":["0-9","20-29"],"parallel":true,"writing":true,
      "created_at":"2026-11-25T09:01:02.007Z"})"));

  outcome.state = "complete";
  outcome.total = ByteCount(30);
  outcome.expires_at = WallTime(0ms);
  outcome.result = complete(30).result;
  response = render(outcome, get);
  body = boost::json::parse(response.body);
  EXPECT_EQ(body.at("total").as_string(), "30");
  EXPECT_EQ(body.at("expires_at").as_string(), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(body.at("result").at("size").as_string(), "30");
}

// R-63: what a client may meet in any answer of this dialect.
TEST(Put308Render, EveryRangeIsASingleOne) {
  const auto is_single = [](const std::string& range) {
    return range.starts_with("bytes=0-") && range.size() > 8 &&
           std::all_of(range.begin() + 8, range.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  for (const bool counting : {false, true}) {
    Put308Options options;
    options.vimeo = counting;
    for (const std::uint64_t n : {0U, 1U, 10U, 262'144U}) {
      core::Incomplete parallel = stored(n);
      parallel.parallel = true;
      parallel.ranges = {ByteRange(ByteOffset(400'000), ByteOffset(400'010))};
      const core::Refused refused{core::Problem(ProblemType::kCompleting), ByteOffset(n), true};
      for (const core::Outcome& outcome :
           std::vector<core::Outcome>{stored(n), parallel, refused, complete(n)}) {
        const Response response = render(outcome, put(0).range(kQuery), options);
        const std::string range = field(response, "Range");
        EXPECT_TRUE(range == "(none)" || is_single(range)) << range;
        EXPECT_EQ(field(response, "Location"), "(none)");
        EXPECT_EQ(field(response, "Cache-Control"), "no-store");
      }
    }
  }
}

}  // namespace
}  // namespace sluice::protocols
