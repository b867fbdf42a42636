// An object as Google's JSON API describes it: what a client says of it when an upload begins, what
// we remember of that while a session lives, and the resource in the answer. Pure and total.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "base/units.h"
#include "core/command.h"
#include "core/problem.h"
#include "protocols/google_target.h"
#include "wire/checksum.h"
#include "wire/http_message.h"

namespace sluice::protocols {

struct GoogleObject {
  std::string bucket;
  std::string name;
  core::ObjectAttributes attributes;
  std::optional<wire::Checksum> crc32c;  // what the client says the object has

  // What the application allowed at the start, for a request that begins the object anew.
  std::optional<std::string> key;
  std::optional<ByteCount> size_max;
};

namespace google {

// Longest description accepted, bytes.
inline constexpr std::size_t kDescriptionMax = 64U << 10;

// Reads `description`, the JSON of the request's body (empty: none), and the head's X-Upload-* and
// X-Goog-Hash fields. `media_type`: the type that the media itself came with; the description's
// goes first. Errors: kMalformedRequest (R-10: the names in query and description differ),
// kBadName, kHeadersTooLarge (metadata), kNotImplemented (contentEncoding, which stores do not
// keep).
tl::expected<GoogleObject, core::Problem> described(const GoogleTarget& target,
                                                    const wire::Headers& head,
                                                    std::string_view description,
                                                    std::string_view media_type);

// The object in ObjectAttributes::raw_metadata, so that later requests of the session know it.
std::string memo(const GoogleObject& object);
// nullopt: not one of ours.
std::optional<GoogleObject> from_memo(std::string_view text);

// The object resource. `crc32c`: computed by us, if the engine's result does not have it.
std::string resource(const GoogleObject& object, const core::UploadResult& result,
                     const std::optional<wire::Checksum>& crc32c);

}  // namespace google
}  // namespace sluice::protocols
