// Attributes and results as JSON columns. Values may hold bytes that are not UTF-8 (header fields
// do); they come back as they were.
#pragma once

#include <string>

#include "base/result.h"
#include "core/command.h"

namespace sluice::statedb {

std::string to_json(const core::ObjectAttributes& attributes);
std::string to_json(const core::UploadResult& result);

// kCorrupt when the text is not what the functions above wrote.
Result<core::ObjectAttributes> attributes_from_json(const std::string& text);
Result<core::UploadResult> result_from_json(const std::string& text);

}  // namespace sluice::statedb
