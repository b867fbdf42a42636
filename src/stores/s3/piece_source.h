// PieceSource: the body of a part that is partly in memory and partly in the store already. Parked
// pieces are streamed store → gateway → store through a window of 256 KiB at most.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "base/task.h"
#include "ports/object_store.h"
#include "stores/s3/requester.h"

namespace sluice::stores::s3 {

inline constexpr std::size_t kWindowBytes = 256U << 10;

// `requester` outlives the source and its producers; `prefix` goes before each parked key.
// A parked piece that is gone or too short ends the body with kCorrupt, never with kNotFound: that
// word speaks of the part's own multipart upload.
std::shared_ptr<BodySource> make_piece_source(Payload payload, Requester* requester,
                                              std::string prefix, Deadline deadline);

// GET of a byte range, as a call. Precondition: the range is not empty.
std::shared_ptr<Call> make_get(std::string full_key, ByteRange range);

}  // namespace sluice::stores::s3
