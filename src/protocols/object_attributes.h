// What a request's header fields say about the object: its type, disposition, caching and user
// metadata. Pure and total.
#pragma once

#include <tl/expected.hpp>

#include "core/command.h"
#include "core/problem.h"
#include "wire/http_message.h"

namespace sluice::protocols {

// Content-Type (X-Upload-Content-Type goes before it; an empty one is none), Content-Disposition,
// Cache-Control, and user metadata from X-Upload-Metadata-NAME, X-Amz-Meta-NAME and
// X-Goog-Meta-NAME. Nothing is invented. Names: a-z 0-9 '-' '_' '.', in lower case, none
// beginning with "sluice". Values: printable ASCII, because they become header fields of store
// requests. Errors: kMalformedRequest; kHeadersTooLarge when the user metadata exceeds 2 KiB, the
// store's limit.
tl::expected<core::ObjectAttributes, core::Problem> object_attributes(const wire::Headers& headers);

}  // namespace sluice::protocols
