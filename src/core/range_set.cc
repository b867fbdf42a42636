#include "core/range_set.h"

#include <algorithm>
#include <utility>

namespace sluice::core {

namespace {

// The first range that ends behind `at`.
auto first_ending_behind(const std::vector<ByteRange>& ranges, ByteOffset at) noexcept {
  return std::partition_point(ranges.begin(), ranges.end(),
                              [&](const ByteRange& r) { return r.end() <= at; });
}

}  // namespace

void RangeSet::add(ByteRange range) {
  if (range.empty()) return;
  // Everything that overlaps or touches becomes one range.
  const auto first = std::partition_point(
      ranges_.begin(), ranges_.end(), [&](const ByteRange& r) { return r.end() < range.begin(); });
  auto last = first;
  ByteOffset begin = range.begin();
  ByteOffset end = range.end();
  for (; last != ranges_.end() && last->begin() <= range.end(); ++last) {
    begin = std::min(begin, last->begin());
    end = std::max(end, last->end());
  }
  const auto at = ranges_.erase(first, last);
  ranges_.insert(at, ByteRange(begin, end));
}

void RangeSet::remove(ByteRange range) {
  if (range.empty()) return;
  std::vector<ByteRange> left;
  left.reserve(ranges_.size() + 1);
  for (const ByteRange& r : ranges_) {
    if (!r.overlaps(range)) {
      left.push_back(r);
      continue;
    }
    if (r.begin() < range.begin()) left.emplace_back(r.begin(), range.begin());
    if (range.end() < r.end()) left.emplace_back(range.end(), r.end());
  }
  ranges_ = std::move(left);
}

bool RangeSet::contains(ByteRange range) const noexcept {
  if (range.empty()) return true;
  const auto it = first_ending_behind(ranges_, range.begin());
  return it != ranges_.end() && it->contains(range);
}

ByteOffset RangeSet::end_of_run(ByteOffset from) const noexcept {
  const auto it = first_ending_behind(ranges_, from);
  return it != ranges_.end() && it->begin() <= from ? it->end() : from;
}

std::vector<ByteRange> RangeSet::missing(ByteRange range) const {
  std::vector<ByteRange> holes;
  ByteOffset at = range.begin();
  for (auto it = first_ending_behind(ranges_, at); it != ranges_.end() && it->begin() < range.end();
       ++it) {
    if (at < it->begin()) holes.emplace_back(at, it->begin());
    at = it->end();
  }
  if (at < range.end()) holes.emplace_back(at, range.end());
  return holes;
}

ByteCount RangeSet::size() const {
  ByteCount sum;
  for (const ByteRange& r : ranges_) sum += r.size();
  return sum;
}

}  // namespace sluice::core
