// Assembly: one unfinished part in memory: which of its bytes are here, and where. Pure.
//
// A part is put together from segments: runs of bytes that are resident (in blocks), parked (a
// small object in the store), or both. Segments never overlap and never leave the part. Bytes that
// arrive for a place that is already covered are not taken: what was there first stays.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/units.h"
#include "ports/object_store.h"
#include "wire/checksum.h"

namespace sluice::engine {

struct Segment {
  ByteRange range;
  Bytes bytes;                      // empty: not resident
  std::optional<ObjectKey> parked;  // recorded in the state database
  wire::Checksum checksum;
  bool sealed = false;              // on its way into the store: must not change

  bool resident() const noexcept { return !bytes.empty(); }
};

class Assembly {
 public:
  // At most this many segments per part; more are merged even at the price of reading some back
  // (ruling 6).
  static constexpr std::size_t kSegmentsMax = 32;

  Assembly(PartNumber number, ByteRange range, wire::ChecksumKind kind)
      : number_(number), range_(range), kind_(kind) {}

  PartNumber number() const noexcept { return number_; }
  ByteRange range() const noexcept { return range_; }
  // The object ends inside this part. Precondition: no segment lies behind `end`.
  void cut_at(ByteOffset end) { range_ = ByteRange(range_.begin(), end); }

  const std::vector<Segment>& segments() const noexcept { return segments_; }

  // End of the run that covers `from`; `from` itself if that byte is missing.
  ByteOffset end_of_run(ByteOffset from) const noexcept;
  // The first covered byte at or behind `from`; the part's end if there is none.
  ByteOffset next_covered(ByteOffset from) const noexcept;
  bool full() const noexcept { return end_of_run(range_.begin()) == range_.end(); }

  // Takes bytes for an uncovered place, inside the part.
  void add(ByteOffset at, Bytes bytes);
  // A parked segment known from the state database.
  void add_parked(ByteRange range, ObjectKey key, wire::Checksum checksum);

  // Everything, to be sent as one part. Precondition: full().
  Payload payload() const;
  wire::Checksum checksum() const;

  // The next run of segments that should become one parked object, or nothing if all bytes of
  // `wanted` are parked. It may reach further than that. Merges geometrically: neighbours that are
  // parked already, resident, and not larger than what is new join it, so that tiny chunks cost a
  // logarithmic number of objects.
  std::optional<ByteRange> next_to_park(ByteRange wanted) const;
  // Marks the segments of that range as on their way.
  void seal(ByteRange range);
  void unseal(ByteRange range);
  Payload payload_of(ByteRange range) const;
  // The range is recorded as one parked object. Answers the keys it replaces.
  std::vector<ObjectKey> replace_by_parked(ByteRange range, ObjectKey key);

  // Drops resident bytes that no one was told about (ruling 3); sealed ones stay.
  ByteCount drop_unparked();
  // Forgets the memory of segments that are parked. Answers how many bytes became free.
  ByteCount evict();

  ByteCount resident() const noexcept;  // bytes in memory
  ByteCount footprint() const noexcept;  // memory they keep: whole blocks
  ByteCount unparked() const noexcept;  // bytes that are only in memory
  std::vector<ObjectKey> parked_keys() const;

 private:
  std::size_t first_at_or_behind(ByteOffset at) const noexcept;

  PartNumber number_;
  ByteRange range_;
  wire::ChecksumKind kind_;
  std::vector<Segment> segments_;  // ascending, not overlapping
};

}  // namespace sluice::engine
