#include "statedb/rules.h"

#include <algorithm>

namespace sluice::statedb {

bool may_move(UploadState from, UploadState to, bool multipart) noexcept {
  switch (from) {
    case UploadState::kOpen:
      return to == UploadState::kCompleting || to == UploadState::kAborting;
    case UploadState::kCompleting:
      return to == UploadState::kComplete || to == UploadState::kAborting ||
             (to == UploadState::kOpen && !multipart);
    case UploadState::kAborting:
      return to == UploadState::kAborted;
    case UploadState::kComplete:
    case UploadState::kAborted:
      return false;
  }
  return false;
}

std::vector<ClaimRow> left_over(ClaimRow older, ByteRange newer) {
  if (!older.range.overlaps(newer)) return {older};
  std::vector<ClaimRow> rest;
  if (older.range.begin() < newer.begin()) {
    rest.push_back({older.token, ByteRange(older.range.begin(), newer.begin())});
  }
  if (newer.end() < older.range.end()) {
    rest.push_back({older.token, ByteRange(newer.end(), older.range.end())});
  }
  return rest;
}

Result<ByteRange> storable_claim(ByteRange range) {
  const ByteOffset end = std::min(range.end(), kFarEnd);
  if (range.begin() >= end) return fail(Errc::kInvalidArgument, "claim of an empty range");
  return ByteRange(range.begin(), end);
}

Result<Ok> check_range(ByteRange range, std::optional<ByteCount> total) {
  if (range.empty()) return fail(Errc::kInvalidArgument, "empty range");
  if (range.end() > kFarEnd) return fail(Errc::kInvalidArgument, "range beyond 2^63 bytes");
  if (total && range.end() > end_of(*total)) {
    return fail(Errc::kInvalidArgument, "range behind the upload's total");
  }
  return Ok{};
}

Result<Ok> check_plan(const core::PartPlan::Shape& shape) {
  const auto plan = core::PartPlan::from(shape);
  if (!plan) return fail(Errc::kInvalidArgument, plan.error().detail());
  return Ok{};
}

Result<Ok> check_row(const UploadRow& row) {
  if (row.id.empty()) return fail(Errc::kInvalidArgument, "row: no id");
  if (row.total && end_of(*row.total) > kFarEnd) {
    return fail(Errc::kInvalidArgument, "row: total beyond 2^63 bytes");
  }
  if (row.size_max && end_of(*row.size_max) > kFarEnd) {
    return fail(Errc::kInvalidArgument, "row: size_max beyond 2^63 bytes");
  }
  if (row.plan) {
    SLUICE_TRY_OK(check_plan(*row.plan));
  }
  const PartRow* last = nullptr;
  for (const PartRow& part : row.parts) {
    SLUICE_TRY_OK(check_range(part.range, row.total));
    if (part.checksum.kind() != row.checksum_kind) {
      return fail(Errc::kInvalidArgument, "row: a part's checksum is of another kind");
    }
    if (last != nullptr &&
        (part.number <= last->number || part.range.begin() < last->range.end())) {
      return fail(Errc::kInvalidArgument, "row: parts overlap or are not ascending");
    }
    last = &part;
  }
  for (const ParkedRow& parked : row.parked) {
    SLUICE_TRY_OK(check_range(parked.range, row.total));
    if (parked.checksum.kind() != row.checksum_kind) {
      return fail(Errc::kInvalidArgument, "row: a parked segment's checksum is of another kind");
    }
  }
  const auto by_begin = [](const ParkedRow& a, const ParkedRow& b) {
    return a.range.begin() < b.range.begin();
  };
  if (!std::is_sorted(row.parked.begin(), row.parked.end(), by_begin)) {
    return fail(Errc::kInvalidArgument, "row: parked segments are not ascending");
  }
  if (row.state == UploadState::kComplete && !row.result) {
    return fail(Errc::kInvalidArgument, "row: complete without a result");
  }
  return Ok{};
}

std::string event_id(const UploadId& upload, std::uint64_t sequence) {
  return upload.str() + "." + std::to_string(sequence);
}

}  // namespace sluice::statedb
