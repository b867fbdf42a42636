// RangeSet: a set of bytes as sorted, merged, half-open ranges, none empty and no two touching.
// Pure. Empty ranges are no bytes: adding or removing one does nothing, every set contains one.
#pragma once

#include <vector>

#include "base/units.h"

namespace sluice::core {

class RangeSet {
 public:
  void add(ByteRange range);
  void remove(ByteRange range);
  bool contains(ByteRange range) const noexcept;
  // End of the run that starts at `from`; `from` itself if that byte is missing.
  ByteOffset end_of_run(ByteOffset from) const noexcept;
  // What of `range` is missing, ascending.
  std::vector<ByteRange> missing(ByteRange range) const;
  ByteCount size() const;  // bytes in the set
  bool empty() const noexcept { return ranges_.empty(); }
  const std::vector<ByteRange>& ranges() const noexcept { return ranges_; }
  bool operator==(const RangeSet&) const = default;

 private:
  std::vector<ByteRange> ranges_;
};

}  // namespace sluice::core
