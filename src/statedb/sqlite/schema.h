// The schema of the state database and its version (PRAGMA user_version). An older file is brought
// up to date at start; a newer one is refused, since this program cannot know its rules.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"

namespace sluice::statedb {

inline constexpr int kSchemaVersion = 1;

// Creates or checks the schema. kRejected: newer than kSchemaVersion. kInvalidArgument: the file is
// some other program's database. Throws SQLite::Exception.
Result<Ok> prepare_schema(const std::string& path, std::chrono::milliseconds busy_timeout);
// Only checks. kRejected: another version.
Result<Ok> check_schema(const std::string& path, std::chrono::milliseconds busy_timeout);

}  // namespace sluice::statedb
