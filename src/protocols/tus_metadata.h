// Upload-Metadata of tus (tus-1.0 digest 2.1; rows T-41 to T-44, TP-18). Pure and total.
//
//   field = [ pair *( "," pair ) ]      an empty field is no metadata
//   pair  = key [ SP [ base64 ] ]       keys without blank and comma, each once
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "core/command.h"

namespace sluice::protocols {

// Keys as written, values decoded: any bytes. The error is a sentence fit for strangers.
tl::expected<std::vector<std::pair<std::string, std::string>>, std::string> parse_tus_metadata(
    std::string_view field);

// What becomes of the object. The field itself is kept for the answers to HEAD; of its pairs,
// "filetype" is the media type, and every pair whose name and value can be header fields of the store
// becomes user metadata while there is room for it (2 KiB). Nothing of it gets into a path or, without
// being looked at, into a header (T-44).
core::ObjectAttributes tus_attributes(
    std::string field, const std::vector<std::pair<std::string, std::string>>& pairs);

}  // namespace sluice::protocols
