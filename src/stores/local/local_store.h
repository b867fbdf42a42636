// The directory store: object NAME is the file DIR/NAME.
//
//   DIR/.sluice/uploads/ID/data    bytes of a multipart upload, each part at its place in the object
//                          meta    key and token
//                          parts   journal: one line for each part that is durable
//   DIR/.sluice/tmp/               objects of one request before they get their name
//   DIR/.sluice/done/TOKEN         a second name of the finished file: the proof that the object is
//                                  this upload's (ruling 7), until settle()
//
// A part is on the disk before put_part() answers, and so is an object before it is visible. A file
// appears at once and whole, by rename. Content type and user metadata are not kept: a directory has
// no place for them. Keys that are no sensible file names are refused (kRejected).
//
// File calls block: they run on threads of the store's own.
#pragma once

#include <memory>

#include "base/result.h"
#include "ports/clock.h"
#include "ports/metrics.h"
#include "ports/object_store.h"
#include "ports/random.h"
#include "stores/options.h"

namespace sluice::stores {

struct LocalServices {
  Clock* clock = nullptr;  // not owned, like all of these; they outlive the store
  Random* random = nullptr;
  Metrics* metrics = nullptr;
};

// Makes the directory if it does not exist. Errors: kRejected, kUnavailable.
Result<std::unique_ptr<ObjectStore>> open_local(LocalOptions options, LocalServices services);

}  // namespace sluice::stores
