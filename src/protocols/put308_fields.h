// Inside put308: how a request's fields are read, shared by parse and render. Pure and total.
#pragma once

#include <cstdint>
#include <optional>

#include <tl/expected.hpp>

#include "core/command.h"
#include "core/problem.h"
#include "protocols/content_range.h"
#include "wire/http_message.h"

namespace sluice::protocols::put308 {

// The request's one Content-Range field; nullopt: it has none.
tl::expected<std::optional<ContentRange>, core::Problem> content_range(
    const wire::Headers& headers);

// What a PUT or POST that is no query carries; cut_body where Content-Length says the whole
// object's size although only the rest of it follows. Errors: kLengthMismatch,
// kTotalMismatch, kTooLarge, kMalformedRequest.
tl::expected<core::Append, core::Problem> data_of(const wire::RequestHead& request,
                                                  const std::optional<ContentRange>& range);

// X-Upload-Content-Length and the Content-Range's total, which must agree.
tl::expected<std::optional<std::uint64_t>, core::Problem> total_of(
    const wire::Headers& headers, const std::optional<ContentRange>& range);

// X-Upload-Parallel: 1 (0 or none: no). Errors: kMalformedRequest.
tl::expected<bool, core::Problem> wants_parallel(const wire::Headers& headers);

}  // namespace sluice::protocols::put308
