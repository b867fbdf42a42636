// The name of an upload in a path: one rule for every dialect with names. Pure and total.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "core/problem.h"

namespace sluice::protocols {

// Decodes and checks what stands behind the prefix, still percent-encoded, without query (ruling 1,
// 1 to 1024 bytes of UTF-8; '/' separates segments, none of them empty, "." or "..", the
// first one not ".sluice" (our own objects live there); no control characters; "%2F" is refused,
// because proxies disagree about what it means. kBadName otherwise, with the reason.
tl::expected<std::string, core::Problem> upload_name(std::string_view encoded);

}  // namespace sluice::protocols
