// How bytes become durable: parts are shipped, tails are parked, both are recorded.
#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/check.h"
#include "engine/live_upload.h"
#include "engine/wait.h"

namespace sluice::engine {

namespace {

// Name and range of a parked segment, so that it can be found without the state database.
std::string offset_text(ByteOffset at) {
  char text[24];
  std::snprintf(text, sizeof text, "%020llu", static_cast<unsigned long long>(at.value()));
  return text;
}

// A store that moves less than this is treated as silent.
constexpr std::uint64_t kSlowestBytesPerSecond = 256U << 10;

}  // namespace

ObjectKey LiveUpload::parked_key(ByteRange range) const {
  return ObjectKey(".sluice/parked/" + id_.str() + "/" + offset_text(range.begin()) + "-" +
                   offset_text(range.end()));
}

ObjectSpec LiveUpload::spec() const {
  return ObjectSpec(row_.key, row_.attributes, row_.token, row_.id);
}

Deadline LiveUpload::store_deadline(ByteCount bytes) const {
  const std::chrono::seconds extra(bytes.value() / kSlowestBytesPerSecond);
  return Deadline(services_->clock->now() + options_->store_timeout + extra);
}

Mutation LiveUpload::mutation() const {
  Mutation mutation(id_, token_, UploadState::kOpen, services_->clock->wall_now());
  if (!plan_saved_ && row_.plan) mutation.changes.push_back(change::SetPlan{*row_.plan});
  if (!total_saved_ && row_.total) mutation.changes.push_back(change::SetTotal{*row_.total});
  return mutation;
}

Task<Result<Ok>> LiveUpload::commit(Mutation mutation) {
  if (poisoned_) co_return fail(Errc::kFenced, "the upload's state has to be read again");
  const UploadState expected = mutation.expected;
  const WallTime now = mutation.now;
  const bool touches = std::any_of(mutation.changes.begin(), mutation.changes.end(), [](const Change& c) {
    return std::holds_alternative<change::Touch>(c);
  });
  const bool moves = std::any_of(mutation.changes.begin(), mutation.changes.end(), [](const Change& c) {
    return std::holds_alternative<change::SetState>(c);
  });
  const bool with_plan = row_.plan.has_value();
  const std::optional<ByteCount> with_total = row_.total;
  Result<Ok> committed = co_await services_->state->commit(std::move(mutation));
  if (!committed) {
    const Error error = committed.error();
    // Its own move excuses nobody: another process has moved the state then.
    const bool moved_by_us = state_moving_ > (moves ? 1 : 0) || row_.state != expected;
    if (error.code() == Errc::kConflict && moved_by_us) {
      co_return fail(Errc::kCancelled, "the upload moved on to another state");
    }
    poisoned_ = true;
    fenced_ = error.code() == Errc::kFenced || error.code() == Errc::kConflict;
    services_->log->warn("upload state not recorded",
                         {{"upload_id", id_.str()}, {"error", error.detail()}});
    // Its body may be waiting for memory that only this upload could give back.
    fence_writers();
    changed_.notify_all();
    co_return fail(error);
  }
  if (touches) row_.touched_at = std::max(row_.touched_at, now);
  if (with_plan) plan_saved_ = true;
  if (with_total == row_.total) total_saved_ = true;
  co_return Ok{};
}

void LiveUpload::store_failed(Error error) {
  if (error.code() == Errc::kFenced || error.code() == Errc::kCancelled) return;
  services_->log->warn("store call failed for an upload",
                       {{"upload_id", id_.str()}, {"error", error.detail()}});
  store_error_ = std::move(error);
  if (!row_.parallel) {
    // The writer's body may be waiting for memory that the parts which failed hold.
    for (const auto& [id, writer] : writers_) {
      if (writer.body != nullptr) writer.body->interrupt();
    }
    return;
  }
  // Many writers may hold all the memory there is in unfinished parts. What waits for memory would
  // wait for ever if these cannot be parked: end them all, so that they come back (G8).
  for (const auto& [id, writer] : writers_) failed_writers_.insert(id);
  fence_writers();
}

// --- ships

// A full part. One that is on its way to the store joins the queue when that has failed or ended.
void LiveUpload::queue_ship(PartNumber number) {
  if (std::find(ready_.begin(), ready_.end(), number) == ready_.end()) ready_.push_back(number);
}

void LiveUpload::pump_ships() {
  if (poisoned_ || row_.state != UploadState::kOpen) return;
  while (!store_error_ && in_flight_ < options_->parts_in_flight && !ready_.empty()) {
    const PartNumber number = ready_.front();
    ready_.erase(ready_.begin());
    const auto it = slots_.find(number);
    if (it == slots_.end() || it->second.busy()) continue;
    it->second.shipping = true;
    ++in_flight_;
    work_.spawn(ship(number));
  }
}

Task<void> LiveUpload::ship(PartNumber number) {
  Result<Ok> shipped = co_await ship_part(number);
  --in_flight_;
  const auto it = slots_.find(number);
  if (it != slots_.end()) {
    it->second.shipping = false;
    // The bytes are still here: whoever comes next tries again.
    if (!shipped) ready_.insert(ready_.begin(), number);
  }
  if (!shipped) {
    const Error error = shipped.error();
    const bool lost = error.code() == Errc::kNotFound;
    const bool refused = error.code() == Errc::kRejected || error.code() == Errc::kCorrupt ||
                         error.code() == Errc::kTooLarge;
    if ((lost || refused) && row_.state == UploadState::kOpen && !poisoned_) {
      // G5: "no such multipart upload" of an upload that we never completed means that somebody
      // aborted it. Nothing can be added any more, and we say so.
      services_->log->error("upload ended by the store",
                            {{"upload_id", id_.str()}, {"error", error.detail()}});
      std::string reason = lost ? "lost" : "failed";
      const Result<Ok> begun = co_await begin_abort(std::move(reason));
      static_cast<void>(begun);  // a failed commit has poisoned this object already
    } else {
      store_failed(error);
    }
  }
  changed_.notify_all();
  pump_ships();
}

Task<Result<Ok>> LiveUpload::ship_part(PartNumber number) {
  SLUICE_CO_TRY_OK(co_await ensure_multipart());
  Slot& slot = slots_.at(number);  // stays while it is shipping
  const ByteRange range = slot.assembly.range();
  const wire::Checksum checksum = slot.assembly.checksum();
  Payload payload = slot.assembly.payload();
  PartTarget target(row_.key, *row_.multipart, number, range);
  const Deadline deadline = store_deadline(range.size());
  Result<PartReceipt> receipt =
      co_await services_->store->put_part(std::move(target), std::move(payload), deadline);
  if (!receipt) co_return fail(receipt.error());

  PartRow part(number, range, receipt->etag, checksum);
  const std::vector<ObjectKey> parked = slot.assembly.parked_keys();
  Mutation record = mutation();
  record.changes.push_back(change::AddPart{part});
  for (const ObjectKey& key : parked) record.changes.push_back(change::DropParked{key});
  record.changes.push_back(change::Touch{});
  SLUICE_CO_TRY_OK(co_await commit(std::move(record)));

  services_->metrics->stored(range.size());
  const auto place =
      std::lower_bound(row_.parts.begin(), row_.parts.end(), number,
                       [](const PartRow& row, PartNumber wanted) { return row.number < wanted; });
  row_.parts.insert(place, std::move(part));
  std::erase_if(row_.parked, [&](const ParkedRow& p) { return range.contains(p.range); });
  durable_.add(range);
  tell_durable();
  slots_.erase(number);
  if (!parked.empty()) work_.spawn(remove_objects(parked));
  co_return Ok{};
}

Task<Result<Ok>> LiveUpload::ensure_multipart() {
  const bool waited = creating_multipart_;
  while (creating_multipart_) {
    const Signal::Seen seen = changed_.seen();
    if (!creating_multipart_) break;
    co_await changed_.wait(seen);
  }
  if (row_.multipart) co_return Ok{};
  if (waited && multipart_error_) co_return fail(*multipart_error_);
  if (poisoned_ || row_.state != UploadState::kOpen) {
    co_return fail(Errc::kCancelled, "the upload is not open any more");
  }
  creating_multipart_ = true;
  multipart_error_.reset();
  const Deadline deadline = store_deadline(ByteCount());
  Result<MultipartId> made = co_await services_->store->create_multipart(spec(), deadline);
  Result<Ok> recorded = fail(Errc::kUnavailable, "not created");
  if (made) {
    Mutation record = mutation();
    record.changes.push_back(change::SetMultipart{*made});
    recorded = co_await commit(std::move(record));
  }
  creating_multipart_ = false;
  if (made && recorded) row_.multipart = *made;
  changed_.notify_all();
  if (!made) {
    multipart_error_ = made.error();
    co_return fail(made.error());
  }
  if (!recorded) {
    multipart_error_ = recorded.error();
    const Error error = recorded.error();
    if (error.code() != Errc::kOutcomeUnknown) {
      // Nobody would ever find it by its id again. Where the record may have got through it must
      // stay: the next one who reads the row goes on with it. A leftover is the sweeper's.
      const Result<Ok> aborted = co_await services_->store->abort(row_.key, *made, deadline);
      static_cast<void>(aborted);
    }
    co_return fail(error);
  }
  co_return Ok{};
}

// --- parks

Task<Result<Ok>> LiveUpload::settle(Deadline deadline) {
  const ByteOffset end = row_.parallel ? ByteOffset(INT64_MAX) : received_end();
  const ByteRange everything(ByteOffset(), end);
  co_return co_await settle_range(everything, deadline);
}

// What of these bytes has been received and is not durable.
core::RangeSet LiveUpload::only_in_memory(ByteRange what) const {
  core::RangeSet found;
  for (const auto& [number, slot] : slots_) {
    if (!slot.assembly.range().overlaps(what)) continue;
    for (const Segment& segment : slot.assembly.segments()) {
      if (!segment.parked && segment.range.overlaps(what)) {
        found.add(ByteRange(std::max(segment.range.begin(), what.begin()),
                            std::min(segment.range.end(), what.end())));
      }
    }
  }
  return found;
}

Task<Result<Ok>> LiveUpload::settle_range(ByteRange what, Deadline deadline) {
  // Of what is here now: others may add to it for as long as they like.
  const core::RangeSet target = only_in_memory(what);
  while (true) {
    const Signal::Seen seen = changed_.seen();
    const core::RangeSet left = only_in_memory(what);
    const auto is_target = [&target](const ByteRange& range) {
      return target.missing(range) != std::vector<ByteRange>{range};
    };
    if (std::none_of(left.ranges().begin(), left.ranges().end(), is_target)) co_return Ok{};
    if (poisoned_) {
      co_return fail(fenced_ ? Errc::kFenced : Errc::kUnavailable, "the state was not recorded");
    }
    if (row_.state != UploadState::kOpen || completing_driven_) {
      co_return fail(Errc::kCancelled, "the upload is not open any more");
    }
    if (store_error_) co_return fail(*store_error_);
    bool pending = false;
    for (auto& [number, slot] : slots_) {
      if (!slot.assembly.range().overlaps(what)) continue;
      if (slot.busy()) {
        pending = true;
      } else if (slot.assembly.full() && !is_small()) {
        queue_ship(number);
        pending = true;
      } else {
        pending = start_park(number, slot, what) || pending;
      }
    }
    pump_ships();
    if (!pending) co_return Ok{};  // what was there has been dropped by a newer writer
    const bool moved = co_await wait_until(&changed_, seen, services_->clock, deadline.at());
    if (!moved) co_return fail(Errc::kTimedOut, "not durable in time");
  }
}

// False: no wanted byte is unparked.
bool LiveUpload::start_park(PartNumber number, Slot& slot, ByteRange wanted) {
  const std::optional<ByteRange> range = slot.assembly.next_to_park(wanted);
  if (!range) return false;
  slot.assembly.seal(*range);
  slot.parking = true;
  work_.spawn(park(number, *range));
  return true;
}

Task<void> LiveUpload::park(PartNumber number, ByteRange range) {
  Result<Ok> parked = co_await park_range(number, range);
  const auto it = slots_.find(number);
  if (it != slots_.end()) {
    Slot& slot = it->second;
    slot.parking = false;
    slot.assembly.unseal(range);
    if (parked && slot.evict_when_parked) slot.assembly.evict();
    slot.evict_when_parked = false;
    if (slot.assembly.full() && !is_small()) ready_.push_back(number);
  }
  if (!parked) store_failed(parked.error());
  changed_.notify_all();
  pump_ships();
}

Task<Result<Ok>> LiveUpload::park_range(PartNumber number, ByteRange range) {
  Slot& slot = slots_.at(number);  // stays while it is parking
  Payload payload = slot.assembly.payload_of(range);
  const wire::Checksum checksum = *payload.checksum();
  const ObjectKey key = parked_key(range);
  const Deadline deadline = store_deadline(range.size());
  ObjectSpec object(key, core::ObjectAttributes(), row_.token);
  Result<ObjectInfo> put =
      co_await services_->store->put_object(std::move(object), std::move(payload), deadline);
  if (!put) {
    strays_possible_ = true;
    co_return fail(put.error());
  }
  if (row_.state != UploadState::kOpen) {
    strays_possible_ = true;
    co_return fail(Errc::kCancelled, "the upload is not open any more");
  }

  // What this object replaces: the parked segments inside its range.
  std::vector<ObjectKey> replaced;
  for (const ParkedRow& row : row_.parked) {
    if (range.contains(row.range) && row.key != key) replaced.push_back(row.key);
  }
  ParkedRow row(range, key, checksum);
  Mutation record = mutation();
  record.changes.push_back(change::AddParked{row});
  for (const ObjectKey& old : replaced) record.changes.push_back(change::DropParked{old});
  record.changes.push_back(change::Touch{});
  Result<Ok> committed = co_await commit(std::move(record));
  if (!committed) {
    strays_possible_ = true;
    co_return fail(committed.error());
  }

  const ByteCount before = durable_.size();
  durable_.add(range);
  tell_durable();
  services_->metrics->stored(durable_.size() - before);
  services_->metrics->parked(range.size());
  const std::vector<ObjectKey> gone = slot.assembly.replace_by_parked(range, key);
  SLUICE_CHECK(gone.size() == replaced.size());
  std::erase_if(row_.parked, [&](const ParkedRow& p) { return range.contains(p.range); });
  const auto place =
      std::lower_bound(row_.parked.begin(), row_.parked.end(), range.begin(),
                       [](const ParkedRow& p, ByteOffset at) { return p.range.begin() < at; });
  row_.parked.insert(place, std::move(row));
  if (!replaced.empty()) work_.spawn(remove_objects(std::move(replaced)));
  co_return Ok{};
}

Task<void> LiveUpload::remove_objects(std::vector<ObjectKey> keys) {
  for (const ObjectKey& key : keys) {
    const Deadline deadline = store_deadline(ByteCount());
    const Result<Ok> removed = co_await services_->store->remove(key, deadline);
    if (!removed) strays_possible_ = true;
  }
}

void LiveUpload::give_memory_back(ByteCount enough) {
  if (poisoned_ || row_.state != UploadState::kOpen || completing_driven_) return;
  let_go_of_reserves();
  ByteCount leaving;
  std::vector<PartNumber> parkable;
  for (auto& [number, slot] : slots_) {
    if (slot.shipping) continue;  // memory comes back by itself
    if (slot.parking) {
      slot.evict_when_parked = true;
      leaving += slot.assembly.footprint();
      continue;
    }
    leaving += slot.assembly.evict();
    if (slot.assembly.unparked().value() == 0 || store_error_) continue;
    if (slot.assembly.full() && !is_small()) continue;  // about to be shipped
    parkable.push_back(number);
  }
  // First the parts that nobody is filling right now, then the large ones: many parked segments of
  // one part cost many requests.
  const auto earlier = [this](PartNumber a, PartNumber b) {
    const Assembly& left = slots_.at(a).assembly;
    const Assembly& right = slots_.at(b).assembly;
    const bool left_written = is_written(left.range());
    const bool right_written = is_written(right.range());
    if (left_written != right_written) return right_written;
    return left.unparked() > right.unparked();
  };
  std::sort(parkable.begin(), parkable.end(), earlier);
  for (const PartNumber number : parkable) {
    if (leaving >= enough) break;
    Slot& slot = slots_.at(number);
    leaving += slot.assembly.footprint();
    slot.evict_when_parked = start_park(number, slot, slot.assembly.range());
  }
}

}  // namespace sluice::engine
