#include "stores/s3/errors.h"

#include <algorithm>
#include <array>
#include <optional>

namespace sluice::stores::s3 {

namespace {

template <std::size_t N>
bool one_of(std::string_view code, const std::array<std::string_view, N>& list) noexcept {
  return std::find(list.begin(), list.end(), code) != list.end();
}

constexpr std::array<std::string_view, 6> kThrottling = {
    "SlowDown",        "ServiceUnavailable",       "RequestLimitExceeded",
    "TooManyRequests", "TooManyRequestsException", "BandwidthLimitExceeded"};
constexpr std::array<std::string_view, 5> kTransientNoEffect = {
    "RequestTimeout", "OperationAborted", "RequestTimeTooSkewed", "RequestExpired",
    "TemporaryRedirect"};
constexpr std::array<std::string_view, 5> kDamaged = {"BadDigest", "XAmzContentSHA256Mismatch",
                                                      "XAmzContentChecksumMismatch",
                                                      "InvalidDigest", "IncompleteBody"};
constexpr std::array<std::string_view, 3> kBadPartList = {"InvalidPart", "InvalidPartOrder",
                                                          "EntityTooSmall"};
constexpr std::array<std::string_view, 3> kLimits = {"EntityTooLarge", "MetadataTooLarge",
                                                     "MaxMessageLengthExceeded"};
constexpr std::array<std::string_view, 2> kExpired = {"ExpiredToken", "TokenRefreshRequired"};
constexpr std::array<std::string_view, 2> kUnknownToken = {"InvalidToken", "InvalidAccessKeyId"};

bool is_throttling(std::string_view code) noexcept {
  return one_of(code, kThrottling) || code.starts_with("Throttling") ||
         code.starts_with("RequestThrottled");
}

Errc transient(const Refusal& refusal) noexcept {
  return only_reads(refusal.operation) ? Errc::kUnavailable : Errc::kOutcomeUnknown;
}

// nullopt: the Code says nothing that we know; the status decides.
std::optional<Errc> by_code(const Refusal& refusal) noexcept {
  const std::string_view code = refusal.code;
  if (is_throttling(code)) {
    // Refused before anything was done; but an error that follows a 200 came in the middle.
    return refusal.status < 300 ? transient(refusal) : Errc::kThrottled;
  }
  if (code == "InternalError") return transient(refusal);
  if (one_of(code, kTransientNoEffect)) return Errc::kUnavailable;
  if (code == "NoSuchUpload" || code == "NoSuchKey") return Errc::kNotFound;
  if (code == "PreconditionFailed" || code == "ConditionalRequestConflict") return Errc::kConflict;
  if (one_of(code, kBadPartList)) return Errc::kConflict;
  if (one_of(code, kDamaged) || code == "InvalidRange") return Errc::kCorrupt;
  if (one_of(code, kLimits)) return Errc::kTooLarge;
  if (is_refused_token(refusal)) {
    // New credentials may come with the next refresh; static ones stay wrong.
    return refusal.temporary_credentials ? Errc::kUnavailable : Errc::kRejected;
  }
  if (code == "InvalidRequest" && refusal.operation == Operation::kCompleteMultipartUpload &&
      refusal.message.find("mp-object-size") != std::string::npos) {
    return Errc::kCorrupt;  // S-25: the store's sum of the parts is not ours
  }
  return std::nullopt;
}

Errc by_status(const Refusal& refusal) noexcept {
  switch (refusal.status) {
    case 307:
    case 408:
    case 425:
    case 507:
      return Errc::kUnavailable;
    case 404:
      // Without a Code, only HEAD's 404 is S3's word; elsewhere it is some proxy's, or the rest of
      // an answer that was lost: ask again.
      return refusal.operation == Operation::kHeadObject ? Errc::kNotFound : transient(refusal);
    case 412:
      return Errc::kConflict;
    case 413:
      return Errc::kTooLarge;
    case 416:
      return Errc::kCorrupt;
    case 429:
      return Errc::kThrottled;
    case 501:
    case 505:
      return Errc::kRejected;
    case 503:
      return refusal.operation == Operation::kCompleteMultipartUpload ? Errc::kOutcomeUnknown
                                                                      : Errc::kThrottled;
    default:
      break;
  }
  if (refusal.status >= 500 || refusal.status < 300) return transient(refusal);
  return Errc::kRejected;
}

}  // namespace

std::string_view to_string(Operation operation) noexcept {
  switch (operation) {
    case Operation::kPutObject:
      return "PutObject";
    case Operation::kHeadObject:
      return "HeadObject";
    case Operation::kGetObject:
      return "GetObject";
    case Operation::kDeleteObject:
      return "DeleteObject";
    case Operation::kCreateMultipartUpload:
      return "CreateMultipartUpload";
    case Operation::kUploadPart:
      return "UploadPart";
    case Operation::kCompleteMultipartUpload:
      return "CompleteMultipartUpload";
    case Operation::kAbortMultipartUpload:
      return "AbortMultipartUpload";
    case Operation::kListParts:
      return "ListParts";
    case Operation::kListMultipartUploads:
      return "ListMultipartUploads";
    case Operation::kListObjects:
      return "ListObjects";
  }
  return "";
}

bool only_reads(Operation operation) noexcept {
  switch (operation) {
    case Operation::kHeadObject:
    case Operation::kGetObject:
    case Operation::kListParts:
    case Operation::kListMultipartUploads:
    case Operation::kListObjects:
      return true;
    case Operation::kPutObject:
    case Operation::kDeleteObject:
    case Operation::kCreateMultipartUpload:
    case Operation::kUploadPart:
    case Operation::kCompleteMultipartUpload:
    case Operation::kAbortMultipartUpload:
      break;
  }
  return false;
}

Refusal make_refusal(Operation operation, int status, const wire::Headers& headers,
                     std::string_view body, bool temporary_credentials) {
  Refusal refusal;
  refusal.operation = operation;
  refusal.status = status;
  refusal.temporary_credentials = temporary_credentials;
  if (auto error = wire::parse_s3_error(body)) {
    refusal.code = std::move(error->code);
    refusal.message = std::move(error->message);
    refusal.request_id = std::move(error->request_id);
  }
  if (const std::string* id = headers.find("x-amz-request-id")) refusal.request_id = *id;
  return refusal;
}

Errc classify(const Refusal& refusal) noexcept {
  const std::optional<Errc> known = by_code(refusal);
  if (known) return *known;
  // A code that we don't know still says that S3 itself answered: its 404 is final.
  if (refusal.status == 404 && !refusal.code.empty()) return Errc::kRejected;
  return by_status(refusal);
}

Error to_error(const Refusal& refusal) {
  std::string detail(to_string(refusal.operation));
  detail += ": " + std::to_string(refusal.status);
  if (!refusal.code.empty()) detail += " " + refusal.code;
  if (!refusal.request_id.empty()) detail += ", request " + refusal.request_id;
  return Error(classify(refusal), std::move(detail));
}

Error to_error(Operation operation, const Error& transport) {
  Errc code = transport.code();
  switch (transport.code()) {
    case Errc::kTimedOut:  // nothing was sent
      code = Errc::kUnavailable;
      break;
    case Errc::kOutcomeUnknown:
    case Errc::kDisconnected:
    case Errc::kInvalidArgument:  // an answer that is not HTTP
    case Errc::kTooLarge:         // an answer of absurd length
      code = only_reads(operation) ? Errc::kUnavailable : Errc::kOutcomeUnknown;
      break;
    case Errc::kUnauthorized:
    case Errc::kNotFound:
    case Errc::kConflict:
    case Errc::kFenced:
    case Errc::kThrottled:
    case Errc::kUnavailable:
    case Errc::kCorrupt:
    case Errc::kRejected:
    case Errc::kCancelled:
      break;
  }
  return Error(code, std::string(to_string(operation)) + ": " + transport.detail());
}

bool is_wrong_region(const Refusal& refusal) noexcept {
  if (refusal.status == 301 || refusal.status == 307) return true;
  if (refusal.code == "AuthorizationHeaderMalformed" ||
      refusal.code == "IllegalLocationConstraintException") {
    return true;
  }
  return refusal.status == 400 && refusal.operation == Operation::kHeadObject;
}

bool may_be_clock_skew(const Refusal& refusal) noexcept {
  if (refusal.code == "RequestTimeTooSkewed" || refusal.code == "RequestExpired" ||
      refusal.code == "SignatureDoesNotMatch") {
    return true;
  }
  return refusal.status == 403 && refusal.code.empty();
}

bool is_refused_token(const Refusal& refusal) noexcept {
  if (one_of(refusal.code, kExpired)) return true;
  if (!refusal.temporary_credentials) return false;
  if (one_of(refusal.code, kUnknownToken)) return true;
  // HEAD answers an expired token with a bare 400.
  return refusal.operation == Operation::kHeadObject && refusal.status == 400;
}

}  // namespace sluice::stores::s3
