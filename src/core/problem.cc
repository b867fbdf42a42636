#include "core/problem.h"

#include <array>
#include <cstddef>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/check.h"
#include "base/text.h"
#include "core/problem_terms.h"

namespace sluice::core {

namespace {

using enum ProblemType;

// In enum order; the array's length and problem_test.cc hold the two together.
constexpr std::array kCatalogue{
    ProblemEntry{kMalformedRequest, "malformed-request", 400, "The request is malformed.",
                 "Correct the request as the detail says; do not repeat it unchanged."},
    ProblemEntry{kMalformedContentRange, "malformed-content-range", 400,
                 "The Content-Range field cannot be understood.",
                 "Send one field of the form bytes FIRST-LAST/TOTAL, bytes FIRST-LAST/*, "
                 "bytes FIRST-*/* or, without a body, bytes */TOTAL or bytes */*."},
    ProblemEntry{kLengthMismatch, "length-mismatch", 400,
                 "The length of the body contradicts the range that was announced.",
                 "Send exactly LAST - FIRST + 1 bytes, or correct the Content-Range."},
    ProblemEntry{kTotalMismatch, "total-mismatch", 400,
                 "The total size differs from the one that was given before.",
                 "Continue with the first total, or begin the upload again from byte 0."},
    ProblemEntry{kBadName, "bad-name", 400, "The upload's name is not allowed.",
                 "Use 1 to 1024 bytes of UTF-8 without control characters, without empty, '.' or "
                 "'..' segments and without an encoded slash."},
    ProblemEntry{
        kBodyTooLong, "body-too-long", 400, "The body has more bytes than the request announced.",
        "Ask for the stored range with Content-Range: bytes */*, then continue there with a "
        "body that fits its range."},
    ProblemEntry{kUnauthorized, "unauthorized", 401, "The request carries no valid credential.",
                 "Send the credential that the application expects, then repeat the request."},
    ProblemEntry{kForbidden, "forbidden", 403, "The application does not allow this upload.",
                 "Ask the application's operator; repeating the request does not help."},
    ProblemEntry{kUploadNotFound, "upload-not-found", 404, "No such upload is known.",
                 "Check the name and the credential, or begin a new upload at byte 0."},
    ProblemEntry{kNoSuchResource, "no-such-resource", 404, "Nothing is served under this path.",
                 "Check the path; uploads live under the prefix that the operator configured."},
    ProblemEntry{kMethodNotAllowed, "method-not-allowed", 405,
                 "The method is not allowed for this resource.",
                 "Use one of the methods that the Allow field lists."},
    ProblemEntry{kRequestTimeout, "request-timeout", 408, "The client sent nothing for too long.",
                 "Ask for the stored range, then continue there on a new connection."},
    ProblemEntry{kTakenOver, "taken-over", 409, "A newer request writes this upload now.",
                 "Let the newer request go on; if it is not yours, ask for the stored range and "
                 "continue there."},
    ProblemEntry{kOffsetMismatch, "offset-mismatch", 409,
                 "The request begins at another byte than the upload has come to.",
                 "Ask for the offset (HEAD) and send from there."},
    ProblemEntry{kAlreadyComplete, "already-complete", 409, "The upload is already complete.",
                 "Nothing is left to cancel or to send; delete the object where it is stored."},
    ProblemEntry{kUploadGone, "upload-gone", 410,
                 "The upload was cancelled, has expired, or was lost in the store.",
                 "Begin a new upload at byte 0."},
    ProblemEntry{kLengthRequired, "length-required", 411, "The request needs a length.",
                 "Send Content-Length, or the total size in Content-Range or "
                 "X-Upload-Content-Length."},
    ProblemEntry{kPreconditionFailed, "precondition-failed", 412,
                 "A precondition of the request does not hold.",
                 "Read the current state, then decide whether to send the upload again."},
    ProblemEntry{kTooLarge, "too-large", 413, "The object is larger than the limit.",
                 "Send a smaller object, or ask the operator to raise the limit."},
    ProblemEntry{kTargetTooLong, "target-too-long", 414, "The request target is too long.",
                 "Use a shorter name."},
    ProblemEntry{kUnsupportedMediaType, "unsupported-media-type", 415,
                 "A body of this media type cannot be taken here.",
                 "Send the bytes of the file themselves as the body, with their own Content-Type."},
    ProblemEntry{kExpectationFailed, "expectation-failed", 417,
                 "The Expect field asks for something that is not supported.",
                 "Send Expect: 100-continue or no Expect field."},
    ProblemEntry{kTooManyRequests, "too-many-requests", 429, "Too many requests.",
                 "Wait as long as Retry-After says, then repeat the request."},
    ProblemEntry{kHeadersTooLarge, "headers-too-large", 431, "The header fields are too large.",
                 "Send fewer or shorter header fields; user metadata may have 2 KiB."},
    ProblemEntry{kInternal, "internal", 500, "The gateway failed.",
                 "Ask for the stored range, then continue there; tell the operator the instance."},
    ProblemEntry{kNotImplemented, "not-implemented", 501,
                 "The request asks for something that this gateway does not do.",
                 "Leave out what the detail names, or use another protocol."},
    ProblemEntry{kUploadFailed, "upload-failed", 502,
                 "The store refused the object for good; the upload is over.",
                 "Tell the operator the instance; after the cause is removed, begin a new upload."},
    ProblemEntry{
        kStoreUnavailable, "store-unavailable", 503,
        "The object store does not answer at the moment.",
        "Wait as long as Retry-After says, ask for the stored range, then continue there."},
    ProblemEntry{kApplicationUnavailable, "application-unavailable", 503,
                 "The application that decides about uploads does not answer.",
                 "Wait as long as Retry-After says, then repeat the request."},
    ProblemEntry{kOverloaded, "overloaded", 503, "The gateway has too much to do at the moment.",
                 "Wait as long as Retry-After says, then continue at the stored range."},
    ProblemEntry{
        kDraining, "draining", 503, "The gateway is about to stop.",
        "Connect again as Retry-After says, ask for the stored range, then continue there."},
    ProblemEntry{kCompleting, "completing", 503,
                 "All bytes are stored and the object is being assembled.",
                 "Wait as long as Retry-After says, then ask again with Content-Range: bytes */*."},
    ProblemEntry{kHttpVersion, "http-version", 505, "The HTTP version is not supported.",
                 "Use HTTP/1.1."},
};
static_assert(kCatalogue.size() == static_cast<std::size_t>(kHttpVersion) + 1);

// A detail is our own sentence; if bytes of a client got into one, the document stays valid JSON.
std::string as_utf8(std::string_view text) {
  std::string out(text);
  if (is_utf8(out)) return out;
  for (char& c : out) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return out;
}

}  // namespace

std::span<const ProblemEntry> problem_catalogue() noexcept {
  return kCatalogue;
}

const ProblemEntry& problem_entry(ProblemType type) noexcept {
  const auto index = static_cast<std::size_t>(type);
  SLUICE_CHECK(index < kCatalogue.size());
  return kCatalogue[index];
}

std::string problem_json(const Problem& problem, std::string_view request_id) {
  return problem_json(problem, request_id, problem_entry(problem.type).status, ProblemTerms());
}

std::string problem_json(const Problem& problem, std::string_view request_id, int status,
                         const ProblemTerms& terms) {
  const ProblemEntry& entry = problem_entry(problem.type);
  boost::json::object body;
  body["type"] = terms.type.empty() ? problem_type_uri(entry) : std::string(terms.type);
  body["title"] = entry.title;
  body["status"] = status;
  if (!problem.detail.empty()) body["detail"] = as_utf8(problem.detail);
  body["mend"] = terms.mend.empty() ? entry.mend : terms.mend;
  for (const auto& [name, value] : terms.numbers) body[name] = value;
  if (!request_id.empty()) body["instance"] = as_utf8(request_id);
  return boost::json::serialize(body);
}

std::string problem_type_uri(const ProblemEntry& entry) {
  return "/problems/" + std::string(entry.slug);
}

}  // namespace sluice::core
