// The rules every StateDb keeps, as pure functions: legal state changes, claims and their trimming,
// and what a sane row looks like. Implementations share them so that they cannot differ.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "ports/state_db.h"

namespace sluice::statedb {

// Positions are kept as signed 64-bit numbers by databases: nothing lies behind this offset.
inline constexpr ByteOffset kFarEnd{
    static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())};
inline constexpr ByteRange kWhole{ByteOffset(), kFarEnd};

// `multipart`: the upload has a multipart upload in the store. One without holds its bytes in
// memory while it is completing: if they die with the process, it is open again.
bool may_move(UploadState from, UploadState to, bool multipart) noexcept;
constexpr bool is_finished(UploadState state) noexcept {
  return state == UploadState::kComplete || state == UploadState::kAborted;
}
// A name whose current upload is in this state is free for a new one.
constexpr bool frees_name(UploadState state) noexcept {
  return is_finished(state) || state == UploadState::kAborting;
}

struct ClaimRow {
  FenceToken token = 0;
  ByteRange range;
  bool operator==(const ClaimRow&) const = default;
};

// What of an older claim a newer one leaves: nothing, one piece or two, all with the old token.
std::vector<ClaimRow> left_over(ClaimRow older, ByteRange newer);

// A claim's range as it is stored: cut at kFarEnd. kInvalidArgument when nothing is left.
Result<ByteRange> storable_claim(ByteRange range);

// kInvalidArgument: empty, behind kFarEnd or behind the total.
Result<Ok> check_range(ByteRange range, std::optional<ByteCount> total);

// kInvalidArgument: the numbers make no plan.
Result<Ok> check_plan(const core::PartPlan::Shape& shape);

// The whole row: parts ascending and disjoint, ranges sane, a plan that is one, a result when (and
// only when) complete. The detail says what is wrong.
Result<Ok> check_row(const UploadRow& row);

// Stable over deliveries: the receiver deduplicates by it.
std::string event_id(const UploadId& upload, std::uint64_t sequence);

}  // namespace sluice::statedb
