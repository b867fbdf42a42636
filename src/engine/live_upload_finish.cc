// The end of an upload: completion as a persisted state, and abort.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "engine/event_body.h"
#include "engine/live_upload.h"
#include "engine/wait.h"

namespace sluice::engine {

using core::ProblemType;

namespace {

constexpr Duration kRetryFirst = std::chrono::milliseconds(500);
constexpr Duration kRetryMax = std::chrono::seconds(10);

// A store that refuses a part list equal to its own is asked again this often.
constexpr int kOddRefusalsMax = 5;

bool transient(Errc code) noexcept {
  return code == Errc::kUnavailable || code == Errc::kThrottled ||
         code == Errc::kOutcomeUnknown || code == Errc::kTimedOut || code == Errc::kDisconnected ||
         code == Errc::kCancelled;
}

}  // namespace

// --- completion

Task<core::Outcome> LiveUpload::complete_and_answer() {
  if (!is_small()) {
    const Result<Ok> shipped = co_await ship_everything();
    if (auto over = settled_outcome(false)) {
      if (row_.state != UploadState::kCompleting) co_return std::move(*over);
    } else if (!shipped) {
      co_return shipped.error().code() == Errc::kFenced
          ? refused(ProblemType::kTakenOver, "another process took over", false)
          : store_refusal();
    }
  }
  // Records on their way still expect an open upload. After stop() nobody ends them any more.
  while (busy() && !completing_driven_ && !poisoned_) {
    const Signal::Seen seen = changed_.seen();
    if (!busy() || completing_driven_ || poisoned_) break;
    co_await changed_.wait(seen);
  }
  // A newer writer may have dropped what was not recorded.
  const ByteOffset here = is_small() ? received_end() : durable_end();
  const bool all_here = here == end_of(*row_.total);
  if (row_.state == UploadState::kOpen && !completing_driven_ && !poisoned_ && !all_here) {
    co_return refused(ProblemType::kTakenOver, "a newer request took over", false);
  }
  if (row_.state == UploadState::kOpen && !completing_driven_ && !poisoned_) {
    completing_driven_ = true;
    background_->spawn(drive_completion(shared_from_this()));
  }
  const Deadline patience(services_->clock->now() + options_->complete_wait);
  while (true) {
    const Signal::Seen seen = changed_.seen();
    if (!completing_driven_) break;
    const bool moved = co_await wait_until(&changed_, seen, services_->clock, patience.at());
    if (!moved) break;
  }
  if (auto over = settled_outcome(false)) co_return std::move(*over);
  if (completing_driven_) {
    co_return refused(ProblemType::kCompleting, "the object is being assembled", false);
  }
  // Back to open: the store did not take the object, and what is durable is said honestly.
  co_return store_refusal();
}

// Ends when every byte is in a recorded part.
Task<Result<Ok>> LiveUpload::ship_everything() {
  store_error_.reset();
  while (true) {
    const Signal::Seen seen = changed_.seen();
    if (poisoned_) {
      co_return fail(fenced_ ? Errc::kFenced : Errc::kUnavailable, "the state was not recorded");
    }
    if (row_.state != UploadState::kOpen) {
      co_return fail(Errc::kCancelled, "the upload is not open any more");
    }
    if (store_error_) co_return fail(*store_error_);
    if (slots_.empty()) {
      if (durable_end() == end_of(*row_.total)) break;
      co_return fail(Errc::kFenced, "a newer request took over bytes that were not recorded yet");
    }
    bool moving = false;
    for (auto& [number, slot] : slots_) {
      moving = moving || slot.busy() || slot.assembly.full();
      if (!slot.busy() && slot.assembly.full()) queue_ship(number);
    }
    // Parts that a newer writer has emptied and perhaps never fills.
    if (!moving) co_return fail(Errc::kFenced, "a newer request took over");
    pump_ships();
    co_await changed_.wait(seen);
  }
  co_return Ok{};
}

Task<void> LiveUpload::drive_completion(std::shared_ptr<LiveUpload> self) {
  LiveUpload* const up = self.get();
  bool recorded = up->row_.state == UploadState::kCompleting;
  if (!recorded) {
    Mutation record = up->mutation();
    record.changes.push_back(change::SetState{UploadState::kCompleting, ""});
    record.changes.push_back(change::Touch{});
    ++up->state_moving_;
    const Result<Ok> committed = co_await up->commit(std::move(record));
    --up->state_moving_;
    recorded = committed.has_value();
    if (recorded) {
      up->row_.state = UploadState::kCompleting;
      up->changed_.notify_all();
    }
  }
  Duration pause = kRetryFirst;
  const Instant give_up = up->services_->clock->now() + up->options_->complete_timeout;
  while (recorded) {
    Result<ObjectInfo> done = co_await up->complete_in_store();
    if (done) {
      const Result<Ok> complete = co_await up->record_complete(std::move(*done));
      static_cast<void>(complete);  // not recorded: the next process finds it completing
      break;
    }
    const Error error = done.error();
    up->services_->log->warn("completion not done yet",
                             {{"upload_id", up->id_.str()}, {"error", error.detail()}});
    if (!transient(error.code())) {
      const bool lost = error.code() == Errc::kNotFound;
      if (lost && !up->row_.multipart) {
        // The bytes of a one-request object died with the process that held them. None of them was
        // acknowledged beyond what is parked.
        const Result<Ok> open = co_await up->reopen();
        static_cast<void>(open);
      } else {
        std::string reason = lost ? "lost" : "failed";
        const Result<Ok> begun = co_await up->begin_abort(std::move(reason));
        static_cast<void>(begun);
      }
      break;
    }
    if (up->services_->clock->now() >= give_up) break;  // recover() comes back to it
    co_await up->services_->clock->sleep_until(up->services_->clock->now() + pause);
    pause = std::min(pause * 2, kRetryMax);
    if (!up->row_.multipart) {
      // A PUT replaces whatever is there by then: only who still holds the upload may repeat it.
      Mutation still_ours(up->id_, up->token_, UploadState::kCompleting,
                          up->services_->clock->wall_now());
      still_ours.changes.push_back(change::Touch{});
      const Result<Ok> ours = co_await up->commit(std::move(still_ours));
      if (!ours) break;
    }
  }
  up->completing_driven_ = false;
  up->changed_.notify_all();
}

Task<Result<ObjectInfo>> LiveUpload::complete_in_store() {
  if (look_first_) {
    Result<ObjectInfo> found = co_await find_our_object();
    if (found || transient(found.error().code())) co_return found;
    look_first_ = false;
  }
  if (row_.multipart) co_return co_await complete_multipart();
  co_return co_await put_small();
}

// An object of one request: its 200 is the verification.
Task<Result<ObjectInfo>> LiveUpload::put_small() {
  const auto slot = slots_.find(PartNumber(1));
  const bool here = row_.total->value() == 0 ||
                    (slot != slots_.end() && slot->second.assembly.full());
  if (!here) co_return co_await find_our_object();
  while (slot != slots_.end() && slot->second.busy()) {
    const Signal::Seen seen = changed_.seen();
    if (!slot->second.busy()) break;
    co_await changed_.wait(seen);
  }
  Payload payload;
  if (row_.total->value() > 0) payload = slot->second.assembly.payload();
  payload.set_checksum(whole_checksum());
  const Deadline deadline = store_deadline(*row_.total);
  Result<ObjectInfo> put =
      co_await services_->store->put_object(spec(), std::move(payload), deadline);
  if (put || put.error().code() != Errc::kOutcomeUnknown) co_return put;
  Result<ObjectInfo> found = co_await find_our_object();
  if (found) co_return found;
  co_return put;  // unknown stays unknown; the next try sends the bytes again
}

// kNotFound: there is no object, or it is somebody else's. kCorrupt: ours, but not as it should be.
Task<Result<ObjectInfo>> LiveUpload::find_our_object() {
  const Deadline deadline = store_deadline(ByteCount());
  Result<ObjectInfo> found = co_await services_->store->stat(row_.key, deadline);
  if (!found) co_return found;
  if (found->token != row_.token) co_return fail(Errc::kNotFound, "the object is not this upload's");
  if (row_.total && found->size != *row_.total) {
    co_return fail(Errc::kCorrupt, "the object in the store has another size");
  }
  const wire::Checksum expected = whole_checksum();
  const bool comparable =
      found->checksum && found->checksum->kind() == expected.kind() && knows_whole();
  if (comparable && *found->checksum != expected) {
    co_return fail(Errc::kCorrupt, "the object in the store has another checksum");
  }
  co_return found;
}

Task<Result<ObjectInfo>> LiveUpload::complete_multipart() {
  std::vector<PartReceipt> parts;
  ByteOffset covered;
  for (const PartRow& part : row_.parts) {
    if (part.range.begin() != covered) co_return fail(Errc::kCorrupt, "the recorded parts leave a gap");
    covered = part.range.end();
    parts.emplace_back(part.number, part.etag, part.range.size(), part.checksum);
  }
  if (!row_.total || covered != end_of(*row_.total)) {
    co_return fail(Errc::kCorrupt, "the recorded parts do not cover the object");
  }
  Completion completion(spec(), *row_.multipart, std::move(parts), *row_.total, whole_checksum());
  const Deadline deadline(services_->clock->now() + options_->complete_timeout);
  Result<ObjectInfo> done = co_await services_->store->complete(std::move(completion), deadline);
  if (!done) {
    const Error error = done.error();
    if (error.code() == Errc::kNotFound) {
      // G5: completed by an answer that was lost, or aborted behind our back: the object tells.
      co_return co_await find_our_object();
    }
    if (error.code() == Errc::kOutcomeUnknown) {
      Result<ObjectInfo> found = co_await find_our_object();
      if (found || found.error().code() == Errc::kCorrupt) co_return found;
      // Not there. Aborted meanwhile? Some stores answer 500 to the completion of such an upload.
      Result<std::vector<ListedPart>> listed =
          co_await services_->store->list_parts(row_.key, *row_.multipart, deadline);
      if (!listed && listed.error().code() == Errc::kNotFound) {
        co_return co_await find_our_object();
      }
      co_return done;
    }
    if (error.code() == Errc::kConflict) {
      // The store does not accept our part list. Are its parts the ones we recorded?
      Result<std::vector<ListedPart>> listed =
          co_await services_->store->list_parts(row_.key, *row_.multipart, deadline);
      if (!listed) {
        if (listed.error().code() == Errc::kNotFound) co_return co_await find_our_object();
        co_return fail(listed.error());
      }
      const bool same = std::all_of(row_.parts.begin(), row_.parts.end(), [&](const PartRow& ours) {
        return std::any_of(listed->begin(), listed->end(), [&](const ListedPart& theirs) {
          return theirs.number == ours.number && theirs.size == ours.range.size() &&
                 theirs.etag == ours.etag;
        });
      });
      if (!same) co_return fail(Errc::kCorrupt, "the store lost or changed a recorded part");
      // Everything is there as we recorded it: the refusal may pass.
      if (++odd_refusals_ <= kOddRefusalsMax) {
        co_return fail(Errc::kOutcomeUnknown, "the store refused a part list that fits its own");
      }
    }
    co_return done;
  }
  // Success is said only of an object that was seen.
  Result<ObjectInfo> seen = co_await find_our_object();
  if (seen) {
    if (seen->etag.empty()) seen->etag = done->etag;
    co_return seen;
  }
  if (seen.error().code() == Errc::kNotFound) {
    const Deadline look(services_->clock->now() + options_->store_timeout);
    Result<ObjectInfo> other = co_await services_->store->stat(row_.key, look);
    // Superseded: a later upload has replaced the object since (ruling 7).
    if (other) co_return done;
    if (other.error().code() == Errc::kNotFound) {
      co_return fail(Errc::kOutcomeUnknown, "completed, but the object cannot be seen yet");
    }
    co_return fail(other.error());
  }
  co_return seen;
}

// Every byte's checksum is known. A process that died after the object was stored may have left
// only some parked segments of it.
bool LiveUpload::knows_whole() const {
  ByteCount known;
  for (const PartRow& part : row_.parts) known += part.range.size();
  for (const auto& [number, slot] : slots_) {
    if (!slot.assembly.full()) return false;
    known += slot.assembly.range().size();
  }
  return row_.total && known == *row_.total;
}

// Precondition of its meaning something: knows_whole().
wire::Checksum LiveUpload::whole_checksum() const {
  wire::Checksum sum = wire::Checksum::of_nothing(row_.checksum_kind);
  for (const PartRow& part : row_.parts) {
    sum = wire::combine(sum, part.checksum, part.range.size());
  }
  for (const auto& [number, slot] : slots_) {
    sum = wire::combine(sum, slot.assembly.checksum(), slot.assembly.range().size());
  }
  return sum;
}

Task<Result<Ok>> LiveUpload::record_complete(ObjectInfo info) {
  core::UploadResult result;
  result.name = row_.name;
  result.size = info.size;
  result.etag = info.etag;
  if (knows_whole()) {
    result.checksum = whole_checksum();
  } else {
    result.checksum = info.checksum;
  }
  result.completed_at = services_->clock->wall_now();
  Mutation record(id_, token_, UploadState::kCompleting, result.completed_at);
  record.changes.push_back(change::SetResult{result});
  record.changes.push_back(change::SetState{UploadState::kComplete, ""});
  record.changes.push_back(change::Emit{completed_event(row_, result)});
  record.changes.push_back(change::Touch{});
  SLUICE_CO_TRY_OK(co_await commit(std::move(record)));
  row_.result = std::move(result);
  row_.state = UploadState::kComplete;
  if (!row_.multipart) services_->metrics->stored(info.size);
  services_->metrics->upload_finished("completed");
  slots_.clear();
  ready_.clear();
  changed_.notify_all();
  services_->log->info("upload complete", {{"upload_id", id_.str()},
                                           {"name", row_.name},
                                           {"bytes", row_.result->size.value()}});
  const Deadline deadline = store_deadline(ByteCount());
  const Result<Ok> settled = co_await services_->store->settle(spec(), deadline);
  static_cast<void>(settled);  // only tidies up
  co_await remove_parked_and_strays();
  co_return Ok{};
}

Task<Result<Ok>> LiveUpload::reopen() {
  Mutation record(id_, token_, UploadState::kCompleting, services_->clock->wall_now());
  record.changes.push_back(change::SetState{UploadState::kOpen, ""});
  SLUICE_CO_TRY_OK(co_await commit(std::move(record)));
  row_.state = UploadState::kOpen;
  changed_.notify_all();
  co_return Ok{};
}

void LiveUpload::drive() {
  if (poisoned_) return;
  if (row_.state == UploadState::kCompleting && !completing_driven_) {
    completing_driven_ = true;
    background_->spawn(drive_completion(shared_from_this()));
  }
  if (row_.state == UploadState::kAborting && !aborting_driven_) {
    aborting_driven_ = true;
    background_->spawn(drive_abort(shared_from_this()));
  }
}

Task<void> LiveUpload::drive_again() {
  drive();
  co_return;
}

// --- abort

Task<Result<Ok>> LiveUpload::replaced() {
  while (completing_driven_) {  // it got ahead of the newer attempt; the database has the last word
    const Signal::Seen seen = changed_.seen();
    if (!completing_driven_) break;
    co_await changed_.wait(seen);
  }
  if (row_.state == UploadState::kOpen) {
    // Another process may have ended it before the newer attempt came.
    const Result<UploadRow> recorded = co_await services_->state->load(id_);
    const bool aborting = recorded && recorded->state == UploadState::kAborting;
    if (aborting && row_.state == UploadState::kOpen) {
      row_.state = UploadState::kAborting;
      row_.reason = recorded->reason;
      ready_.clear();
    } else if (row_.state == UploadState::kOpen) {
      poisoned_ = true;
      fenced_ = true;
    }
    fence_writers();
    changed_.notify_all();
  }
  drive();
  co_return Ok{};
}

Task<Result<Ok>> LiveUpload::abort(std::string reason) {
  if (row_.state == UploadState::kAborting || row_.state == UploadState::kAborted) {
    drive();
    co_return Ok{};
  }
  if (row_.state != UploadState::kOpen || completing_driven_) {
    co_return fail(Errc::kConflict, "the upload is completing or complete");
  }
  co_return co_await begin_abort(std::move(reason));
}

Task<Result<Ok>> LiveUpload::release_name() {
  if (row_.state != UploadState::kComplete) co_return fail(Errc::kConflict, "it is not complete");
  Mutation record(id_, token_, UploadState::kComplete, services_->clock->wall_now());
  record.changes.push_back(change::ReleaseName{});
  co_return co_await commit(std::move(record));
}

Task<Result<Ok>> LiveUpload::begin_abort(std::string reason) {
  Mutation record(id_, token_, row_.state, services_->clock->wall_now());
  record.changes.push_back(change::SetState{UploadState::kAborting, reason});
  ++state_moving_;
  const Result<Ok> committed = co_await commit(std::move(record));
  --state_moving_;
  if (!committed) co_return fail(committed.error());
  row_.state = UploadState::kAborting;
  row_.reason = std::move(reason);
  fence_writers();
  ready_.clear();
  changed_.notify_all();
  drive();
  co_return Ok{};
}

Task<void> LiveUpload::drive_abort(std::shared_ptr<LiveUpload> self) {
  LiveUpload* const up = self.get();
  const auto busy = [up] {
    return up->creating_multipart_ || std::any_of(up->slots_.begin(), up->slots_.end(), [](const auto& e) {
             return e.second.busy();
           });
  };
  bool clean = true;
  if (up->row_.multipart) {
    // First the abort, so that parts on their way fail quickly; then again for those that did not.
    const Deadline deadline = up->store_deadline(ByteCount());
    const Result<Ok> first =
        co_await up->services_->store->abort(up->row_.key, *up->row_.multipart, deadline);
    clean = first.has_value();
  }
  bool waited = false;
  while (true) {
    const Signal::Seen seen = up->changed_.seen();
    if (!busy()) break;
    waited = true;
    co_await up->changed_.wait(seen);
  }
  if (up->row_.multipart && (waited || !clean)) {
    const Deadline deadline = up->store_deadline(ByteCount());
    const Result<Ok> again =
        co_await up->services_->store->abort(up->row_.key, *up->row_.multipart, deadline);
    clean = again.has_value();
  }
  up->slots_.clear();
  up->ready_.clear();
  co_await up->remove_parked_and_strays();
  if (clean) {
    Mutation record(up->id_, up->token_, UploadState::kAborting, up->services_->clock->wall_now());
    record.changes.push_back(change::SetState{UploadState::kAborted, up->row_.reason});
    const Result<Ok> recorded = co_await up->commit(std::move(record));
    if (recorded) {
      up->row_.state = UploadState::kAborted;
      const std::string_view outcome = up->row_.reason == "expired"  ? "expired"
                                       : up->row_.reason == "failed" || up->row_.reason == "lost"
                                           ? "failed"
                                           : "aborted";
      up->services_->metrics->upload_finished(outcome);
    }
  }
  up->aborting_driven_ = false;
  up->changed_.notify_all();
}

// Parked objects are not needed any more: the ones we know, and, where a reply was lost or a process
// died, the ones we can only find by their name.
Task<void> LiveUpload::remove_parked_and_strays() {
  std::vector<ObjectKey> keys;
  for (const ParkedRow& parked : row_.parked) keys.push_back(parked.key);
  if (strays_possible_ || row_.strays_possible) {
    const Deadline deadline = store_deadline(ByteCount());
    const std::string prefix = ".sluice/parked/" + id_.str() + "/";
    Result<std::vector<ListedObject>> listed =
        co_await services_->store->list_objects(prefix, deadline);
    if (listed) {
      for (const ListedObject& object : *listed) {
        if (std::find(keys.begin(), keys.end(), object.key) == keys.end()) {
          keys.push_back(object.key);
        }
      }
    }
  }
  if (keys.empty()) co_return;
  co_await remove_objects(std::move(keys));
  row_.parked.clear();
}

}  // namespace sluice::engine
