// What tus answers: statuses and fields of the digest's section 4, rows T-nn and TP-nn.
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "protocols/put308_request.h"
#include "protocols/tus.h"

namespace sluice::protocols {
namespace {

using core::ProblemType;

std::string field(const Response& response, const char* name) {
  const std::string* value = response.head.headers.find(name);
  return value == nullptr ? "-" : *value;
}

Response render(const core::Outcome& outcome, const RequestBuilder& request,
                std::string_view origin = "https://up.example") {
  core::Command command;
  command.name = "a b/c";
  const Context context{"request-1", "fresh", origin};
  const auto response = Tus(TusOptions()).render(outcome, request, &command, context);
  EXPECT_TRUE(response);
  if (!response) return Response();
  EXPECT_EQ(field(*response, "Tus-Resumable"), "1.0.0");  // T-01
  EXPECT_EQ(field(*response, "Cache-Control"), "no-store");
  return *response;
}

core::Outcome incomplete(std::uint64_t offset, std::optional<std::uint64_t> total) {
  core::Incomplete state;
  state.offset = ByteOffset(offset);
  if (total) state.total = ByteCount(*total);
  state.about.raw_metadata = "b ,a dA==";
  state.about.expires_at = WallTime(std::chrono::seconds(784111777));
  return state;
}

core::Outcome complete(std::uint64_t size) {
  core::Complete done;
  done.result.size = ByteCount(size);
  return done;
}

TEST(TusRender, Creation) {  // T-29, T-30, T-46, T-55, T-56, TP-01
  const Response created = render(incomplete(0, 10), RequestBuilder("POST", "/files/").length(0));
  EXPECT_EQ(created.head.status, 201);
  EXPECT_EQ(field(created, "Location"), "https://up.example/files/a%20b/c");
  EXPECT_EQ(field(created, "Upload-Offset"), "-");
  EXPECT_EQ(field(created, "Upload-Expires"), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(field(render(incomplete(0, 10), RequestBuilder("POST", "/files/"), ""), "Location"),
            "/files/a%20b/c");
  const Response with = render(complete(5), RequestBuilder("POST", "/files/").length(5));
  EXPECT_EQ(with.head.status, 201);
  EXPECT_EQ(field(with, "Upload-Offset"), "5");
  EXPECT_EQ(field(with, "Upload-Expires"), "-");
}

TEST(TusRender, Head) {  // T-11 to T-15, T-34, T-41, TP-17
  const RequestBuilder head("HEAD", "/files/x");
  const Response half = render(incomplete(3, 10), head);
  EXPECT_EQ(half.head.status, 200);
  EXPECT_EQ(field(half, "Upload-Offset"), "3");
  EXPECT_EQ(field(half, "Upload-Length"), "10");
  EXPECT_EQ(field(half, "Upload-Defer-Length"), "-");
  EXPECT_EQ(field(half, "Upload-Metadata"), "b ,a dA==");
  EXPECT_EQ(field(half, "Upload-Expires"), "Sun, 06 Nov 1994 08:49:37 GMT");
  const Response open = render(incomplete(0, std::nullopt), head);
  EXPECT_EQ(field(open, "Upload-Offset"), "0");
  EXPECT_EQ(field(open, "Upload-Length"), "-");
  EXPECT_EQ(field(open, "Upload-Defer-Length"), "1");
  const Response done = render(complete(10), head);
  EXPECT_EQ(field(done, "Upload-Offset"), "10");
  EXPECT_EQ(field(done, "Upload-Length"), "10");
  EXPECT_EQ(field(done, "Upload-Metadata"), "-");
}

TEST(TusRender, Patch) {  // T-19, T-20, T-54
  const RequestBuilder patch = RequestBuilder("PATCH", "/files/x").length(7);
  const Response more = render(incomplete(10, 20), patch);
  EXPECT_EQ(more.head.status, 204);
  EXPECT_EQ(field(more, "Upload-Offset"), "10");
  EXPECT_EQ(field(more, "Upload-Expires"), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(field(more, "Location"), "-");
  RequestBuilder overridden = RequestBuilder("POST", "/files/x").length(7);
  overridden.field("X-HTTP-Method-Override", "PATCH");
  EXPECT_EQ(render(complete(20), overridden).head.status, 204);
}

TEST(TusRender, Delete) {  // T-72
  EXPECT_EQ(render(core::Cancelled(), RequestBuilder("DELETE", "/files/x")).head.status, 204);
}

TEST(TusRender, Refusals) {
  const struct {
    ProblemType type;
    int status;
    const char* code;
  } rows[] = {
      {ProblemType::kOffsetMismatch, 409, "ERR_MISMATCHED_OFFSET"},
      {ProblemType::kTakenOver, 423, "ERR_UPLOAD_INTERRUPTED"},  // TP-07
      {ProblemType::kBodyTooLong, 413, "ERR_UPLOAD_SIZE_EXCEEDED"},
      {ProblemType::kTooLarge, 413, "ERR_MAX_SIZE_EXCEEDED"},
      {ProblemType::kTotalMismatch, 400, "ERR_INVALID_UPLOAD_LENGTH"},
      {ProblemType::kUploadNotFound, 404, "ERR_UPLOAD_NOT_FOUND"},
      {ProblemType::kUploadGone, 404, "ERR_UPLOAD_NOT_FOUND"},
      {ProblemType::kPreconditionFailed, 412, "ERR_UNSUPPORTED_VERSION"},
      {ProblemType::kUnsupportedMediaType, 415, "ERR_INVALID_CONTENT_TYPE"},
      {ProblemType::kMethodNotAllowed, 405, "ERR_UPLOAD_REJECTED"},
      {ProblemType::kCompleting, 423, "ERR_UPLOAD_LOCKED"},
      {ProblemType::kRequestTimeout, 503, "ERR_READ_TIMEOUT"},
      {ProblemType::kTooManyRequests, 503, "ERR_OVERLOADED"},  // TP-09
      {ProblemType::kStoreUnavailable, 503, "ERR_SERVICE_UNAVAILABLE"},
      {ProblemType::kNotImplemented, 501, "ERR_NOT_IMPLEMENTED"},
      {ProblemType::kInternal, 500, "ERR_INTERNAL_SERVER_ERROR"},
  };
  for (const auto& row : rows) {
    core::Refused refused{core::Problem(row.type, "why"), ByteOffset(4)};
    const Response patch = render(refused, RequestBuilder("PATCH", "/files/x").length(7));
    EXPECT_EQ(patch.head.status, row.status) << row.code;
    EXPECT_EQ(patch.body, std::string(row.code) + ": why\n");  // TP-02
    EXPECT_EQ(field(patch, "Location"), "-");                  // TP-04
    EXPECT_EQ(field(patch, "Upload-Offset"), row.status == 409 ? "4" : "-") << row.code;  // TP-03
    EXPECT_EQ(field(patch, "Tus-Version"), row.status == 412 ? "1.0.0" : "-");            // T-03
    EXPECT_EQ(field(patch, "Allow") != "-", row.status == 405);
    EXPECT_EQ(field(patch, "Retry-After") != "-", row.status == 423 || row.status == 503);
    EXPECT_EQ(patch.close, row.type == ProblemType::kTakenOver);
    const Response head = render(refused, RequestBuilder("HEAD", "/files/x"));
    EXPECT_EQ(head.head.status, row.status == 503 ? 423 : row.status) << row.code;
    EXPECT_TRUE(head.body.empty());
  }
}

TEST(TusRender, NobodyToAnswer) {
  const RequestBuilder request("PATCH", "/files/x");
  EXPECT_FALSE(Tus(TusOptions()).render(core::ClientGone(), request, nullptr, Context()));
}

TEST(TusRender, Options) {  // T-05 to T-08, T-28, T-38, T-45, T-53, T-71
  TusOptions options;
  options.size_max = ByteCount(1000);
  RequestBuilder request("OPTIONS", "/files/");
  request.field("Tus-Resumable", "9.9.9");
  const Response response = Tus(std::move(options)).options(request);
  EXPECT_EQ(response.head.status, 200);
  EXPECT_EQ(field(response, "Tus-Version"), "1.0.0");
  EXPECT_EQ(field(response, "Tus-Max-Size"), "1000");
  EXPECT_EQ(field(response, "Tus-Extension"),
            "creation,creation-with-upload,creation-defer-length,expiration,termination");
}

}  // namespace
}  // namespace sluice::protocols
