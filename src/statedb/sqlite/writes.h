// The writing half: each function runs inside a savepoint that is undone when it answers an error.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "ports/state_db.h"
#include "statedb/sqlite/connection.h"

namespace sluice::statedb {

Result<FenceToken> create_upload(Connection& connection, const UploadRow& row,
                                 const std::optional<UploadId>& replaces);
Result<FenceToken> claim_range(Connection& connection, const UploadId& id, ByteRange range);
Result<Ok> commit_mutation(Connection& connection, const Mutation& mutation);

// At most `limit` uploads; answers how many.
Result<std::uint64_t> forget_some(Connection& connection, WallTime before, std::uint64_t limit);
Result<Ok> mark_event_delivered(Connection& connection, const std::string& event_id, WallTime now);

}  // namespace sluice::statedb
