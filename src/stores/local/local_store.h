// The directory store: object NAME is the file DIR/NAME.
//
// What Sluice keeps for itself lies below DIR/.sluice/, mode 0700:
//   .sluice/parked/UPLOAD/RANGE      parked segments: ordinary objects under hidden keys
//   .sluice/local/uploads/ID/        an unfinished upload: meta (JSON), data (each part at its
//                                    offset), parts (the index of durable parts)
//   .sluice/local/done/…             proofs of completion, until settle() (proofs.h)
//   .sluice/local/tmp/               files that are being written
//
// Beyond the ObjectStore contract:
//   - A part is on the disk (fdatasync) before put_part() answers; an object, its name and all new
//     directories are before put_object() and complete() answer. Removing is not synced: after a
//     power cut a removed object may be there again.
//   - An object becomes visible by one rename, whole or not at all, and replaces what had the name.
//   - Content type, disposition and user metadata are not kept: a file has no place for them. The
//     token is known from stat() until settle(), and not for parked segments.
//   - No whole-object checksum in stat(): nothing is read again. complete() verifies sizes and the
//     checksum combined from the parts'. checksum_kind() is CRC-32C.
//   - Keys are file names: UTF-8, no empty, "." or ".." component, at most 255 bytes each and 1024
//     together, else kRejected. "a" and "a/b" cannot both exist (kRejected); directories are never
//     removed, except our own hidden ones. Symbolic links below DIR are never followed.
//   - A full disk or quota is kThrottled, a broken one kUnavailable. All of DIR must be one file
//     system, with hard links.
//   - A call that has begun on the disk ends when the disk answers, even behind its deadline.
//   - Thread-safe; may be used from any executor. Instances of one directory in one process share
//     their threads and locks, so that there can be one per event loop.
#pragma once

#include <memory>

#include "base/result.h"
#include "ports/clock.h"
#include "ports/object_store.h"
#include "ports/random.h"
#include "stores/options.h"

namespace sluice::stores {

struct LocalServices {
  Clock* clock = nullptr;  // not owned, like all of these; they outlive the store
  Random* random = nullptr;
};

// Blocking, for start-up. kInvalidArgument: not an absolute path, or no directory there (it is not
// made: a missing mount must not fill the disk below it). kRejected: it cannot be written, or the
// file system has no hard links.
Result<std::unique_ptr<ObjectStore>> open_local(LocalOptions options, LocalServices services);

}  // namespace sluice::stores
