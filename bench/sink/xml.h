// The few XML texts of S3 that the sink needs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sink/s3_state.h"

namespace sluice::sink {

std::string xml_escape(std::string_view text);
// <name>escaped text</name>
std::string element(std::string_view name, std::string_view text);
std::string error_xml(std::string_view code);

// PartNumber and ETag of every <Part> of a CompleteMultipartUpload document. Order of the two and
// white space do not matter; &quot; and &#34; are understood.
std::vector<NamedPart> parse_complete(std::string_view xml);

}  // namespace sluice::sink
