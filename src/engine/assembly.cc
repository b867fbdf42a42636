#include "engine/assembly.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace sluice::engine {

std::size_t Assembly::first_at_or_behind(ByteOffset at) const noexcept {
  const auto it = std::partition_point(segments_.begin(), segments_.end(), [&](const Segment& s) {
    return s.range.begin() < at;
  });
  return static_cast<std::size_t>(it - segments_.begin());
}

ByteOffset Assembly::end_of_run(ByteOffset from) const noexcept {
  ByteOffset at = from;
  for (const Segment& segment : segments_) {
    if (segment.range.end() <= at) continue;
    if (segment.range.begin() > at) break;
    at = segment.range.end();
  }
  return at;
}

ByteOffset Assembly::next_covered(ByteOffset from) const noexcept {
  for (const Segment& segment : segments_) {
    if (segment.range.end() > from) return std::max(segment.range.begin(), from);
  }
  return range_.end();
}

void Assembly::add(ByteOffset at, Bytes bytes) {
  if (bytes.empty()) return;
  const ByteRange range(at, at + bytes.size());
  SLUICE_CHECK(range_.contains(range));
  const std::size_t index = first_at_or_behind(at);
  SLUICE_CHECK(index == segments_.size() || segments_[index].range.begin() >= range.end());
  SLUICE_CHECK(index == 0 || segments_[index - 1].range.end() <= at);
  if (index > 0) {
    Segment& before = segments_[index - 1];
    if (before.range.end() == at && !before.sealed && !before.parked) {
      before.checksum = before.checksum.extended(bytes);
      before.bytes.append(std::move(bytes));
      before.range = ByteRange(before.range.begin(), range.end());
      return;
    }
  }
  Segment segment;
  segment.range = range;
  segment.checksum = wire::Checksum::of(kind_, bytes);
  segment.bytes = std::move(bytes);
  segments_.insert(segments_.begin() + static_cast<std::ptrdiff_t>(index), std::move(segment));
}

void Assembly::add_parked(ByteRange range, ObjectKey key, wire::Checksum checksum) {
  SLUICE_CHECK(range_.contains(range) && !range.empty());
  const std::size_t index = first_at_or_behind(range.begin());
  SLUICE_CHECK(index == segments_.size() || segments_[index].range.begin() >= range.end());
  SLUICE_CHECK(index == 0 || segments_[index - 1].range.end() <= range.begin());
  Segment segment;
  segment.range = range;
  segment.parked = std::move(key);
  segment.checksum = checksum;
  segments_.insert(segments_.begin() + static_cast<std::ptrdiff_t>(index), std::move(segment));
}

Payload Assembly::payload() const {
  SLUICE_CHECK(full());
  return payload_of(range_);
}

wire::Checksum Assembly::checksum() const {
  wire::Checksum sum = wire::Checksum::of_nothing(kind_);
  for (const Segment& s : segments_) sum = wire::combine(sum, s.checksum, s.range.size());
  return sum;
}

Payload Assembly::payload_of(ByteRange range) const {
  Payload payload;
  wire::Checksum sum = wire::Checksum::of_nothing(kind_);
  Bytes run;
  for (const Segment& s : segments_) {
    if (!range.contains(s.range)) continue;
    sum = wire::combine(sum, s.checksum, s.range.size());
    if (s.resident()) {
      run.append(s.bytes);
    } else {
      payload.add(std::exchange(run, Bytes()));
      payload.add(StoredPiece(*s.parked, ByteOffset(), s.range.size()));
    }
  }
  payload.add(std::move(run));
  payload.set_checksum(sum);
  SLUICE_CHECK(payload.size() == range.size());
  return payload;
}

std::optional<ByteRange> Assembly::next_to_park(ByteRange wanted) const {
  const auto open = [](const Segment& s) { return !s.parked && !s.sealed; };
  const auto is_wanted = [&](const Segment& s) { return open(s) && s.range.overlaps(wanted); };
  const auto first = std::find_if(segments_.begin(), segments_.end(), is_wanted);
  if (first == segments_.end()) return std::nullopt;
  auto begin = first;
  auto end = first;
  while (end != segments_.end() && open(*end) &&
         (end == first || std::prev(end)->range.end() == end->range.begin())) {
    ++end;
  }
  ByteCount size = std::prev(end)->range.end() - begin->range.begin();
  const bool crowded = segments_.size() >= kSegmentsMax;
  while (begin != segments_.begin()) {
    const Segment& before = *std::prev(begin);
    if (before.range.end() != begin->range.begin() || before.sealed) break;
    if (!crowded && (!before.resident() || before.range.size() > size)) break;
    --begin;
    size += before.range.size();
  }
  return ByteRange(begin->range.begin(), std::prev(end)->range.end());
}

void Assembly::seal(ByteRange range) {
  for (Segment& s : segments_) {
    if (range.contains(s.range)) s.sealed = true;
  }
}

void Assembly::unseal(ByteRange range) {
  for (Segment& s : segments_) {
    if (range.contains(s.range)) s.sealed = false;
  }
}

std::vector<ObjectKey> Assembly::replace_by_parked(ByteRange range, ObjectKey key) {
  std::vector<ObjectKey> replaced;
  Segment merged;
  merged.range = range;
  merged.checksum = wire::Checksum::of_nothing(kind_);
  bool all_resident = true;
  ByteCount covered;
  const std::size_t index = first_at_or_behind(range.begin());
  for (std::size_t i = index; i < segments_.size() && range.contains(segments_[i].range); ++i) {
    Segment& s = segments_[i];
    covered += s.range.size();
    merged.checksum = wire::combine(merged.checksum, s.checksum, s.range.size());
    all_resident = all_resident && s.resident();
    if (s.parked && *s.parked != key) replaced.push_back(std::move(*s.parked));
    merged.bytes.append(std::move(s.bytes));
  }
  SLUICE_CHECK(covered == range.size());
  if (!all_resident) merged.bytes = Bytes();
  merged.parked = std::move(key);
  std::erase_if(segments_, [&](const Segment& s) { return range.contains(s.range); });
  segments_.insert(segments_.begin() + static_cast<std::ptrdiff_t>(index), std::move(merged));
  return replaced;
}

ByteCount Assembly::drop_unparked() {
  ByteCount dropped;
  std::erase_if(segments_, [&](const Segment& s) {
    if (s.parked || s.sealed) return false;
    dropped += s.range.size();
    return true;
  });
  return dropped;
}

ByteCount Assembly::evict() {
  ByteCount freed;
  for (Segment& s : segments_) {
    if (!s.parked || s.sealed || !s.resident()) continue;
    freed += s.bytes.size();
    s.bytes = Bytes();
  }
  return freed;
}

ByteCount Assembly::resident() const noexcept {
  ByteCount n;
  for (const Segment& s : segments_) n += s.bytes.size();
  return n;
}

ByteCount Assembly::footprint() const noexcept {
  ByteCount n;
  for (const Segment& s : segments_) n += s.bytes.footprint();
  return n;
}

ByteCount Assembly::unparked() const noexcept {
  ByteCount n;
  for (const Segment& s : segments_) {
    if (!s.parked) n += s.range.size();
  }
  return n;
}

std::vector<ObjectKey> Assembly::parked_keys() const {
  std::vector<ObjectKey> keys;
  for (const Segment& s : segments_) {
    if (s.parked) keys.push_back(*s.parked);
  }
  return keys;
}

}  // namespace sluice::engine
