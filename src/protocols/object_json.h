// A finished object as answers describe it: JSON and entity tag. Pure.
#pragma once

#include <string>

#include <boost/json/object.hpp>

#include "base/ids.h"
#include "core/command.h"

namespace sluice::protocols {

// Only what is known: clients check hashes that are present (google-308 digest section 4).
boost::json::object object_json(const core::UploadResult& result);

// An entity tag that may stand in a header field; empty: none.
std::string etag_field(const ETag& etag);

}  // namespace sluice::protocols
