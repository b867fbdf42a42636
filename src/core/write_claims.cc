#include "core/write_claims.h"

#include <algorithm>

#include "base/check.h"

namespace sluice::core {

void WriteClaims::add(WriterId writer, ByteRange range) {
  SLUICE_CHECK(claims_.empty() || claims_.rbegin()->first < writer);
  Claim claim;
  claim.bytes.add(range);
  claim.asked = range;
  claims_.emplace(writer, std::move(claim));
}

std::vector<WriterId> WriteClaims::take_effect(WriterId writer) {
  std::vector<WriterId> ended;
  const auto newer = claims_.find(writer);
  if (newer == claims_.end() || newer->second.effective) return ended;
  newer->second.effective = true;
  for (auto older = claims_.begin(); older != newer; ++older) {
    RangeSet& bytes = older->second.bytes;
    if (bytes.empty()) continue;  // has brought everything and is about to say so
    bytes.remove(newer->second.asked);
    if (bytes.empty()) ended.push_back(older->first);
  }
  return ended;
}

void WriteClaims::advance(WriterId writer, ByteOffset to) {
  const auto it = claims_.find(writer);
  if (it != claims_.end()) it->second.bytes.remove(ByteRange(ByteOffset(), to));
}

ByteOffset WriteClaims::end_of_run(WriterId writer, ByteOffset at) const noexcept {
  const auto it = claims_.find(writer);
  return it == claims_.end() ? at : it->second.bytes.end_of_run(at);
}

ByteOffset WriteClaims::next_claimed(WriterId writer, ByteOffset at,
                                     ByteOffset otherwise) const noexcept {
  const auto it = claims_.find(writer);
  if (it == claims_.end()) return otherwise;
  for (const ByteRange& range : it->second.bytes.ranges()) {
    if (range.end() > at) return std::max(range.begin(), at);
  }
  return otherwise;
}

}  // namespace sluice::core
