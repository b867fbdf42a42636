// s3-multipart digest section 7 as a table.
#include "stores/s3/errors.h"

#include <gtest/gtest.h>

namespace sluice::stores::s3 {
namespace {

Refusal refusal(Operation operation, int status, std::string code, bool temporary = false) {
  Refusal r;
  r.operation = operation;
  r.status = status;
  r.code = std::move(code);
  r.temporary_credentials = temporary;
  return r;
}

struct Row {
  Operation operation;
  int status;
  const char* code;
  Errc expected;
};

constexpr Operation kPart = Operation::kUploadPart;
constexpr Operation kComplete = Operation::kCompleteMultipartUpload;
constexpr Operation kHead = Operation::kHeadObject;
constexpr Operation kList = Operation::kListParts;

const Row kRows[] = {
    // throttling: nothing happened
    {kPart, 503, "SlowDown", Errc::kThrottled},
    {kPart, 503, "ServiceUnavailable", Errc::kThrottled},
    {kPart, 503, "", Errc::kThrottled},
    {kPart, 429, "", Errc::kThrottled},
    {kPart, 400, "ThrottlingException", Errc::kThrottled},
    {kPart, 400, "RequestLimitExceeded", Errc::kThrottled},
    {kPart, 503, "RequestThrottledException", Errc::kThrottled},
    {kComplete, 503, "SlowDown", Errc::kThrottled},
    // transient: may have happened, unless it only reads
    {kPart, 500, "InternalError", Errc::kOutcomeUnknown},
    {kPart, 500, "", Errc::kOutcomeUnknown},
    {kPart, 502, "", Errc::kOutcomeUnknown},
    {kPart, 504, "", Errc::kOutcomeUnknown},
    {kHead, 500, "", Errc::kUnavailable},
    {kList, 502, "", Errc::kUnavailable},
    {kPart, 400, "RequestTimeout", Errc::kUnavailable},  // S-09
    {kPart, 409, "OperationAborted", Errc::kUnavailable},
    {kPart, 307, "TemporaryRedirect", Errc::kUnavailable},
    // completion: a 500 of Ceph is an aborted upload or anything else
    {kComplete, 500, "InternalError", Errc::kOutcomeUnknown},
    {kComplete, 503, "", Errc::kOutcomeUnknown},
    {kComplete, 200, "InternalError", Errc::kOutcomeUnknown},  // S-16
    {kComplete, 200, "SlowDown", Errc::kOutcomeUnknown},
    {kComplete, 200, "ServiceUnavailable", Errc::kOutcomeUnknown},
    {kComplete, 200, "InvalidPart", Errc::kConflict},
    {kComplete, 400, "InvalidPart", Errc::kConflict},
    {kComplete, 400, "InvalidPartOrder", Errc::kConflict},
    {kComplete, 400, "EntityTooSmall", Errc::kConflict},
    {kComplete, 400, "BadDigest", Errc::kCorrupt},
    {kComplete, 404, "NoSuchUpload", Errc::kNotFound},                // S-18
    {kComplete, 412, "PreconditionFailed", Errc::kConflict},          // S-20
    {kComplete, 409, "ConditionalRequestConflict", Errc::kConflict},  // S-21
    // not there
    {kPart, 404, "NoSuchUpload", Errc::kNotFound},
    {kList, 404, "NoSuchUpload", Errc::kNotFound},
    {kList, 404, "NoSuchKey", Errc::kNotFound},  // Ceph
    {kHead, 404, "", Errc::kNotFound},
    {kPart, 404, "NoSuchBucket", Errc::kRejected},
    {kPart, 404, "", Errc::kOutcomeUnknown},  // a proxy's word, or the rest of a lost answer
    // damaged on the way (S-26)
    {kPart, 400, "BadDigest", Errc::kCorrupt},
    {kPart, 400, "XAmzContentSHA256Mismatch", Errc::kCorrupt},
    {kPart, 400, "InvalidDigest", Errc::kCorrupt},
    {kPart, 400, "IncompleteBody", Errc::kCorrupt},
    {Operation::kGetObject, 416, "InvalidRange", Errc::kCorrupt},
    // limits
    {kPart, 400, "EntityTooLarge", Errc::kTooLarge},
    {kPart, 413, "", Errc::kTooLarge},
    {Operation::kCreateMultipartUpload, 400, "KeyTooLongError", Errc::kRejected},
    {Operation::kCreateMultipartUpload, 400, "MetadataTooLarge", Errc::kTooLarge},
    // final (S-11)
    {kPart, 403, "AccessDenied", Errc::kRejected},
    {kPart, 403, "SignatureDoesNotMatch", Errc::kRejected},
    {kPart, 403, "InvalidAccessKeyId", Errc::kRejected},
    {kPart, 400, "ExpiredToken", Errc::kRejected},
    {kPart, 400, "InvalidArgument", Errc::kRejected},
    {kPart, 400, "MalformedXML", Errc::kRejected},
    {kPart, 400, "InvalidRequest", Errc::kRejected},
    {kPart, 405, "MethodNotAllowed", Errc::kRejected},
    {kPart, 411, "MissingContentLength", Errc::kRejected},
    {kPart, 501, "NotImplemented", Errc::kRejected},
    {kPart, 301, "PermanentRedirect", Errc::kRejected},
    {kHead, 403, "", Errc::kRejected},
};

TEST(S3Errors, Table) {
  for (const Row& row : kRows) {
    EXPECT_EQ(to_string(classify(refusal(row.operation, row.status, row.code))),
              to_string(row.expected))
        << to_string(row.operation) << " " << row.status << " " << row.code;
  }
}

TEST(S3Errors, RefusedTokensMayBeReplaced) {  // S-12
  EXPECT_EQ(classify(refusal(kPart, 400, "ExpiredToken", true)), Errc::kUnavailable);
  EXPECT_EQ(classify(refusal(kPart, 403, "InvalidAccessKeyId", true)), Errc::kUnavailable);
  EXPECT_TRUE(is_refused_token(refusal(kPart, 400, "ExpiredToken")));
  EXPECT_TRUE(is_refused_token(refusal(kHead, 400, "", true)));
  EXPECT_FALSE(is_refused_token(refusal(kHead, 403, "", true)));
  EXPECT_FALSE(is_refused_token(refusal(kPart, 403, "InvalidAccessKeyId")));
}

TEST(S3Errors, WrongObjectSizeIsCorrupt) {  // S-25
  Refusal r = refusal(kComplete, 400, "InvalidRequest");
  r.message = "The provided 'x-amz-mp-object-size' header value 1 does not match";
  EXPECT_EQ(classify(r), Errc::kCorrupt);
}

TEST(S3Errors, DetailHasCodeAndRequestIdOnly) {  // S-11
  const wire::Headers headers(std::vector<wire::Header>{{"x-amz-request-id", "HEADER-ID"}});
  const Refusal r = make_refusal(kPart, 403, headers,
                                 "<Error><Code>SignatureDoesNotMatch</Code><Message>secret"
                                 "</Message><StringToSign>secret</StringToSign><RequestId>BODY-ID"
                                 "</RequestId></Error>",
                                 false);
  EXPECT_EQ(to_error(r).detail(), "UploadPart: 403 SignatureDoesNotMatch, request HEADER-ID");
  EXPECT_EQ(to_error(refusal(kHead, 404, "")).detail(), "HeadObject: 404");
}

TEST(S3Errors, TransportFailures) {
  const auto code = [](Operation operation, Errc from) {
    return to_error(operation, Error(from, "x")).code();
  };
  EXPECT_EQ(code(kPart, Errc::kUnavailable), Errc::kUnavailable);
  EXPECT_EQ(code(kPart, Errc::kTimedOut), Errc::kUnavailable);  // nothing was sent
  EXPECT_EQ(code(kPart, Errc::kOutcomeUnknown), Errc::kOutcomeUnknown);
  EXPECT_EQ(code(kHead, Errc::kOutcomeUnknown), Errc::kUnavailable);
  EXPECT_EQ(code(kPart, Errc::kInvalidArgument), Errc::kOutcomeUnknown);
  EXPECT_EQ(code(kPart, Errc::kRejected), Errc::kRejected);  // certificate
}

}  // namespace
}  // namespace sluice::stores::s3
