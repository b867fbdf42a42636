// Where a request of Google's JSON upload API points: which object, and which of its upload types.
// Pure and total.
//
//   /upload/storage/v1/b/BUCKET/o?uploadType=…   Google's own address
//   /upload?uploadType=…                         the same without a bucket
//
//   uploadType=resumable                 begins a session; its address is the answer's Location
//   uploadType=resumable&upload_id=ID    the session
//   uploadType=media                     the body is the object
//   uploadType=multipart                 the body is its description and then the object
//
// Source: google-308 digest 2.3 and rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "base/units.h"
#include "core/problem.h"
#include "wire/http_message.h"

namespace sluice::protocols {

struct GoogleOptions {
  // The bucket that the addresses may name: one store, one bucket. "*": any; empty: addresses with
  // a bucket are not served.
  std::string bucket;
  // Largest object accepted, bytes.
  ByteCount size_max{5ULL << 40};
};

struct GoogleTarget {
  enum class Kind : std::uint8_t { kStart, kSession, kMedia, kMultipart };
  Kind kind = Kind::kStart;
  std::string collection;  // the path, as it was written
  std::string bucket;      // empty: an address without one
  std::string name;        // of the object, from the query; empty: the body says it
  std::string session;     // kSession: its id
};

namespace google {

// The request is one of this API. Everything else belongs to other dialects.
bool speaks(const wire::RequestHead& request, const GoogleOptions& options);

// Errors: kNoSuchResource (another bucket), kMethodNotAllowed, kMalformedRequest, kBadName,
// kNotImplemented (R-68; preconditions), kUploadNotFound (an id that is none).
tl::expected<GoogleTarget, core::Problem> target(const wire::RequestHead& request,
                                                 const GoogleOptions& options);

inline constexpr std::string_view kAllow = "POST, PUT, DELETE, OPTIONS";

}  // namespace google
}  // namespace sluice::protocols
