// Sweeper: ends what nobody continues, and finds what nobody knows.
//
//   expiry     open uploads without durable progress since expire_after are aborted ("expired")
//   leftovers  parked objects of uploads that are finished, multipart uploads of uploads that are
//              aborted, proofs of completions that are recorded: ours beyond doubt, removed
//   orphans    multipart uploads and parked objects that the state database does not know, older
//              than the grace time: reported; removed only where the prefix is exclusive
//   forgetting finished rows older than keep_finished
//
// Nothing else is ever touched: no object outside ".sluice/parked/", no multipart upload that the
// state knows as open, completing, aborting or complete (there are stores where aborting what was
// completed destroys the object's parts). The store is listed before the state is read, so that
// what was begun meanwhile is known. Orphans are not removed while the state database knows no
// upload at all: it is more likely the wrong or a lost one. Row S-33; ruling 8.
// Parked objects: ".sluice/parked/<upload id>/<begin, 20 digits>-<end, 20 digits>".
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/task.h"
#include "base/units.h"
#include "cleaner/options.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "ports/metrics.h"
#include "ports/object_store.h"
#include "ports/state_db.h"

namespace sluice::cleaner {

struct Finding {
  Finding() = default;  // not an aggregate: it travels through coroutines
  enum class Kind { kExpired, kLeftover, kOrphanMultipart, kOrphanParked };
  Kind kind = Kind::kExpired;
  std::string upload;     // our id, if known
  std::string key;        // object key
  std::string multipart;  // the store's id, if any
  ByteCount bytes;        // held in the store because of it
  WallTime since;         // last progress, or initiated, or modified
  bool removed = false;   // or, in a dry run: would be removed
};

struct Report {
  Report() = default;
  std::vector<Finding> findings;
  std::uint64_t forgotten = 0;  // finished rows
  ByteCount bytes_removed;
  ByteCount bytes_orphaned;         // reported and left alone
  std::vector<std::string> errors;  // what could not be looked at or removed; never a secret
};

struct SweepServices {
  SweepServices() = default;
  Clock* clock = nullptr;  // borrowed, like all of these
  Log* log = nullptr;
  Metrics* metrics = nullptr;
  StateDb* state = nullptr;
  ObjectStore* store = nullptr;
  // Aborts an open upload, whoever owns it (UploadService::abort).
  std::function<Task<Result<Ok>>(UploadId, std::string)> abort;
};

// One sweep. Never fails as a whole: what fails is in the report. dry_run changes nothing, and what
// would be removed or forgotten counts as if it had been.
// Executor: the store's. Cancellation: may leave off anywhere; the next sweep goes on.
Task<Report> sweep(SweepServices services, CleanerOptions options, bool dry_run);

}  // namespace sluice::cleaner
