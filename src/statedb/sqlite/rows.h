// Rows out of the database: reading uploads with their parts and parked segments, and the checks
// that what was stored makes sense (kCorrupt).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ports/state_db.h"
#include "statedb/sqlite/connection.h"

namespace sluice::statedb {

// Numbers as the database keeps them. Precondition: at most 2^63 - 1, checked by rules.h.
inline std::int64_t stored(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}
inline std::int64_t stored(ByteOffset at) {
  return stored(at.value());
}
inline std::int64_t stored(ByteCount count) {
  return stored(count.value());
}
inline std::int64_t stored(WallTime time) {
  return time.time_since_epoch().count();
}
inline std::int64_t stored(const wire::Checksum& sum) {
  return stored(sum.value());
}
WallTime wall_time(std::int64_t milliseconds);

std::optional<UploadState> state_from(const std::string& text);

// The row with its parts and parked segments. kNotFound, kCorrupt.
Result<UploadRow> read_upload(Connection& connection, std::int64_t n);

std::optional<std::int64_t> find_upload(Connection& connection, const UploadId& id);
std::optional<std::int64_t> find_current(Connection& connection, const std::string& subject,
                                         const std::string& name);

Result<std::vector<UploadRow>> list_uploads(Connection& connection, const UploadFilter& filter);
Result<std::vector<OutboxRow>> read_outbox(Connection& connection, std::size_t limit);

}  // namespace sluice::statedb
