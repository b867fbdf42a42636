// A finished upload as JSON and entity tag, in the words of Google's object resource, which is what clients of the
// 308 family read. Shared by the dialects that answer with it. Pure.
#pragma once

#include <string>

#include <boost/json/object.hpp>

#include "base/ids.h"
#include "base/time.h"
#include "core/command.h"

namespace sluice::protocols {

// name, size (a decimal string), etag (without its quotes) and checksum; only what is known,
// because clients check hashes that are present (google-308 digest section 4).
boost::json::object result_json(const core::UploadResult& result);

// An entity tag that may stand in a header field; empty: none.
std::string etag_field(const ETag& etag);

// "2026-11-25T09:15:00.123Z".
std::string rfc3339(WallTime time);

}  // namespace sluice::protocols
