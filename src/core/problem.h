// Every refusal a client can meet, in one catalogue: stable type, status, title, and the mend.
// Rendered as application/problem+json (RFC 9457). docs/errors.md is generated from this list.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::core {

enum class ProblemType : std::uint8_t {
  kMalformedRequest,        // 400 the HTTP message itself is wrong
  kMalformedContentRange,   // 400
  kLengthMismatch,          // 400 Content-Length and Content-Range contradict each other
  kTotalMismatch,           // 400 total differs from what was said before
  kBadName,                 // 400
  kBodyTooLong,             // 400 more bytes than announced
  kUnauthorized,            // 401 (mirrored from the application, or a missing credential)
  kForbidden,               // 403
  kUploadNotFound,          // 404 never known
  kNoSuchResource,          // 404 not a path of ours
  kMethodNotAllowed,        // 405
  kRequestTimeout,          // 408 the client sent nothing for too long
  kTakenOver,               // 409 a newer request writes this upload
  kOffsetMismatch,          // 409 the request begins elsewhere than the upload ends
  kAlreadyComplete,         // 409 cancel of a finished upload
  kUploadGone,              // 410 cancelled, expired, or lost in the store
  kLengthRequired,          // 411
  kPreconditionFailed,      // 412
  kTooLarge,                // 413
  kTargetTooLong,           // 414
  kUnsupportedMediaType,    // 415
  kExpectationFailed,       // 417
  kTooManyRequests,         // 429 (mirrored only)
  kHeadersTooLarge,         // 431
  kInternal,                // 500
  kNotImplemented,          // 501
  kUploadFailed,            // 502 the store refused for good; the upload is over
  kStoreUnavailable,        // 503
  kApplicationUnavailable,  // 503 the authorization callback does not answer
  kOverloaded,              // 503
  kDraining,                // 503
  kCompleting,              // 503 the object is being assembled; ask again
  kHttpVersion,             // 505
};

struct ProblemEntry {
  ProblemType type;
  std::string_view slug;  // last segment of the type; never changes
  int status;
  std::string_view title;  // one sentence
  std::string_view mend;   // what the client (or its developer) should do
};

// The whole catalogue, in enum order.
std::span<const ProblemEntry> problem_catalogue() noexcept;
const ProblemEntry& problem_entry(ProblemType type) noexcept;

// One occurrence. `detail` is safe for strangers: no keys, credentials or store internals.
struct Problem {
  explicit Problem(ProblemType t, std::string d = {}) : type(t), detail(std::move(d)) {}
  ProblemType type;
  std::string detail;
  std::optional<int> retry_after_s;  // sent as Retry-After
};

// The type member: the relative reference "/problems/SLUG". It identifies and is compared as text;
// it is not meant to be fetched.
std::string problem_type_uri(const ProblemEntry& entry);

// The JSON body: type, title, status, detail (if there is one), mend, instance (the request id, if
// there is one). Always valid UTF-8.
std::string problem_json(const Problem& problem, std::string_view request_id);

}  // namespace sluice::core
