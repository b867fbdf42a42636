// WriteClaims: which bytes of one upload each of its writers may still bring. Pure.
//
// A new writer asks for a range. Older claims are trimmed to what does not overlap it, but only
// when the new writer has brought its first new byte (G7). So every loss of a claim comes with
// progress: two writers that keep repeating the same range cannot fence each other for ever.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/units.h"
#include "core/range_set.h"

namespace sluice::core {

using WriterId = std::uint64_t;  // ascending: a newer writer has a larger one

class WriteClaims {
 public:
  // Precondition: `writer` is larger than every one before.
  void add(WriterId writer, ByteRange range);
  void remove(WriterId writer) { claims_.erase(writer); }

  // The writer brings its first new byte: older claims end where its own begins. Answers those
  // writers to whom nothing is left, ascending. Further calls do nothing.
  std::vector<WriterId> take_effect(WriterId writer);
  // The writer's body has come to this offset: what lies before is no claim any more.
  void advance(WriterId writer, ByteOffset to);

  // End of the run of the claim that holds `at`; `at` itself if the byte is not the writer's.
  ByteOffset end_of_run(WriterId writer, ByteOffset at) const noexcept;
  // The first claimed byte at or behind `at`; `otherwise` if there is none.
  ByteOffset next_claimed(WriterId writer, ByteOffset at, ByteOffset otherwise) const noexcept;

 private:
  struct Claim {
    RangeSet bytes;
    ByteRange asked;
    bool effective = false;
  };
  std::map<WriterId, Claim> claims_;
};

}  // namespace sluice::core
