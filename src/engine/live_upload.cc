// Admission of requests and the way of their bytes into assemblies.
#include "engine/live_upload.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "engine/registry.h"
#include "engine/wait.h"

namespace sluice::engine {

using core::ProblemType;

namespace {
// How long a query waits for the tail to become durable; then it says what is.
constexpr Duration kQueryPatience = std::chrono::seconds(5);
}  // namespace

LiveUpload::LiveUpload(const Services* services, const EngineOptions* options,
                       TaskScope* background, UploadId id)
    : services_(services),
      options_(options),
      background_(background),
      id_(std::move(id)),
      work_(services->executor) {}

LiveUpload::~LiveUpload() = default;

void LiveUpload::adopt(UploadRow row, FenceToken token, Registry* registry) {
  if (loaded_) return;  // another request found the row before the database's answer reached us
  row_ = std::move(row);
  token_ = token;
  total_saved_ = true;
  loaded_ = true;
  start_idling(registry);
  changed_.notify_all();
}

void LiveUpload::start_idling(Registry* registry) {
  if (idling_.exchange(true)) return;
  background_->spawn(idle(shared_from_this(), registry));
}

Task<Result<Ok>> LiveUpload::load(Registry* registry) {
  while (true) {
    const Signal::Seen seen = changed_.seen();
    if (loaded_) {
      drive();
      co_return Ok{};
    }
    if (!loading_) break;
    co_await changed_.wait(seen);
  }
  // Also when this task is cancelled: others wait for it.
  struct Loading {
    explicit Loading(LiveUpload* u) : up(u) { up->loading_ = true; }
    ~Loading() { end(); }
    void end() {
      if (!std::exchange(up->loading_, false)) return;
      up->changed_.notify_all();
    }
    Loading(const Loading&) = delete;
    Loading& operator=(const Loading&) = delete;
    LiveUpload* const up;
  };
  Loading loading(this);
  Result<UploadRow> row = co_await services_->state->load(id_);
  Result<FenceToken> token = fail(Errc::kUnavailable, "not claimed");
  if (row) {
    const ByteRange everything(ByteOffset(), ByteOffset(INT64_MAX));
    token = co_await services_->state->claim(id_, everything);
  }
  // What another process recorded between the two reads is seen by reading again under our claim.
  if (token) row = co_await services_->state->load(id_);
  loading.end();
  if (loaded_) {
    // Adopted meanwhile by the request that created it, which may have begun to write: its state
    // stays, but our claim is the newer one.
    if (token) token_ = *token;
    drive();
    co_return Ok{};
  }
  if (!row) co_return fail(row.error());
  if (!token) co_return fail(token.error());

  row_ = std::move(*row);
  token_ = *token;
  total_saved_ = true;
  strays_possible_ = true;
  if (row_.plan) {
    SLUICE_CO_TRY(plan_, core::PartPlan::from(*row_.plan));
    plan_saved_ = true;
  }
  for (const PartRow& part : row_.parts) durable_.add(part.range);
  for (const ParkedRow& parked : row_.parked) {
    if (durable_.contains(parked.range)) continue;
    if (!plan_) co_return fail(Errc::kCorrupt, "a parked segment without a part plan");
    SLUICE_CO_TRY(const PartNumber number, plan_->part_at(parked.range.begin()));
    Slot& slot = slot_at(number);
    if (!slot.assembly.range().contains(parked.range)) {
      co_return fail(Errc::kCorrupt, "a parked segment crosses parts");
    }
    slot.assembly.add_parked(parked.range, parked.key, parked.checksum);
    durable_.add(parked.range);
  }
  loaded_ = true;
  look_first_ = row_.state == UploadState::kCompleting;
  start_idling(registry);
  changed_.notify_all();
  drive();
  co_return Ok{};
}

Task<void> LiveUpload::idle(std::shared_ptr<LiveUpload> self, Registry* registry) {
  constexpr int kTriesMax = 20;
  int failed_tries = 0;
  std::optional<Instant> idle_since;  // who only looks by (for memory) does not begin it anew
  while (true) {
    const Signal::Seen seen = self->changed_.seen();
    if (self->uses_.load() > 0 || self->busy()) {
      idle_since.reset();
      co_await self->changed_.wait(seen);
      continue;
    }
    const bool parkable = self->loaded_ && !self->poisoned_ &&
                          self->row_.state == UploadState::kOpen && failed_tries < kTriesMax &&
                          self->unparked().value() > 0;
    if (parkable) {
      // The client usually comes back within seconds and then continues from memory.
      if (!idle_since) idle_since = self->services_->clock->now();
      const Instant patience = *idle_since + self->options_->linger;
      const bool moved =
          co_await wait_until(&self->changed_, seen, self->services_->clock, patience);
      if (moved && self->services_->clock->now() < patience) continue;
      if (self->uses_.load() > 0 || self->busy()) continue;
      idle_since.reset();
      self->store_error_.reset();
      const Result<Ok> settled = co_await self->settle();
      failed_tries = settled ? 0 : failed_tries + 1;
      // What lies behind a gap that nobody fills does no good in memory.
      if (settled && self->uses_.load() == 0 && !self->busy()) self->drop_unrecorded("abandoned");
      continue;
    }
    co_await self->work_.join();
    if (registry->remove_if_unused(*self)) break;
  }
  const ByteCount lost = self->unparked();
  if (lost.value() > 0) self->services_->metrics->discarded("abandoned", lost);
}

bool LiveUpload::busy() const noexcept {
  if (in_flight_ > 0 || completing_driven_ || aborting_driven_ || loading_) return true;
  return std::any_of(slots_.begin(), slots_.end(),
                     [](const auto& entry) { return entry.second.busy(); });
}

// --- what can be said

ByteOffset LiveUpload::durable_end() const noexcept { return durable_.end_of_run(ByteOffset()); }

void LiveUpload::tell_durable() const noexcept {
  for (const auto& [id, writer] : writers_) {
    if (writer.body != nullptr) writer.body->durable(durable_end());
  }
}

core::RangeSet LiveUpload::said() const {
  core::RangeSet all = durable_;
  for (const ByteRange& range : recorded_.ranges()) all.add(range);
  return all;
}

ByteOffset LiveUpload::said_end() const { return said().end_of_run(ByteOffset()); }

// End of the run from 0 over everything that is durable or in memory.
ByteOffset LiveUpload::received_end() const {
  ByteOffset at = durable_end();
  while (plan_) {
    const Result<PartNumber> number = plan_->part_at(at);
    if (!number) break;
    const auto slot = slots_.find(*number);
    ByteOffset next = at;
    if (slot != slots_.end()) next = slot->second.assembly.end_of_run(at);
    next = std::max(next, durable_.end_of_run(next));
    if (next == at) break;
    at = next;
  }
  return at;
}

core::Outcome LiveUpload::incomplete(bool body_unread) const {
  core::Incomplete state;
  const core::RangeSet durable = said();
  state.offset = durable.end_of_run(ByteOffset());
  state.total = row_.total;
  state.ranges = durable.ranges();
  state.parallel = row_.parallel;
  if (row_.parallel && plan_) state.part_size = ByteCount(plan_->shape().first_bytes);
  state.body_unread = body_unread;
  state.about = about();
  return state;
}

core::About LiveUpload::about() const {
  core::About about;
  about.raw_metadata = row_.attributes.raw_metadata;
  if (row_.state == UploadState::kOpen) about.expires_at = row_.touched_at + options_->expire_after;
  return about;
}

core::Outcome LiveUpload::refused(ProblemType type, std::string detail, bool body_unread) const {
  core::Refused refusal{core::Problem(type, std::move(detail)), std::nullopt, body_unread};
  const core::ProblemEntry& entry = core::problem_entry(type);
  if (entry.status == 503) refusal.problem.retry_after_s = 2;
  if (type == ProblemType::kDraining) refusal.problem.retry_after_s = 0;
  if (row_.state == UploadState::kOpen) refusal.offset = said_end();
  return refusal;
}

core::Outcome LiveUpload::store_refusal() const {
  if (store_error_ && store_error_->code() == Errc::kRejected) {
    return refused(ProblemType::kUploadFailed, "the object store refused the upload", true);
  }
  return refused(ProblemType::kStoreUnavailable, "the object store does not answer", true);
}

// The answer if the upload is not open any more.
std::optional<core::Outcome> LiveUpload::settled_outcome(bool body_unread) const {
  switch (row_.state) {
    case UploadState::kOpen:
      return std::nullopt;
    case UploadState::kCompleting:
      return refused(ProblemType::kCompleting, "the object is being assembled", body_unread);
    case UploadState::kComplete: {
      core::Complete complete;
      complete.result = *row_.result;
      complete.body_unread = body_unread;
      complete.about = about();
      return complete;
    }
    case UploadState::kAborting:
    case UploadState::kAborted:
      if (row_.reason == "failed") {
        return refused(ProblemType::kUploadFailed, "the object store refused the upload",
                       body_unread);
      }
      return refused(ProblemType::kUploadGone, "the upload was " + row_.reason, body_unread);
  }
  return std::nullopt;
}

// --- admission

std::optional<core::Outcome> LiveUpload::apply_total(ByteCount total) {
  if (row_.total) {
    if (*row_.total == total) return std::nullopt;
    return refused(ProblemType::kTotalMismatch,
                   "the total was said to be " + std::to_string(row_.total->value()), true);
  }
  if (total > options_->size_max || (row_.size_max && total > *row_.size_max) ||
      total > services_->store->limits().object_max) {
    return refused(ProblemType::kTooLarge, "the object may not be that large", true);
  }
  if (end_of(total) < received_end()) {
    return refused(ProblemType::kTotalMismatch,
                   std::to_string(received_end().value()) + " bytes have been received already",
                   true);
  }
  if (plan_ && total > plan_->reach()) {
    return refused(ProblemType::kTooLarge,
                   "an upload of unknown length cannot grow that large on this store", true);
  }
  row_.total = total;
  total_saved_ = false;
  // The part in which the object ends may be shorter than the plan says.
  for (auto& [number, slot] : slots_) {
    if (slot.assembly.range().end() <= end_of(total)) continue;
    if (slot.assembly.range().begin() > end_of(total)) continue;
    slot.assembly.cut_at(end_of(total));
    if (!slot.busy() && slot.assembly.full() && !is_small()) ready_.push_back(number);
  }
  return std::nullopt;
}

std::optional<core::Outcome> LiveUpload::ensure_plan(const core::Append& append) {
  if (plan_) return std::nullopt;
  std::optional<ByteCount> chunk;  // not of many that come in any order
  const bool from_start = append.begin && *append.begin == ByteOffset() && !append.ends_object;
  if (!row_.parallel && from_start && append.length) {
    if (!row_.total || *row_.total > *append.length) chunk = append.length;
  }
  // A growing plan need not reach further than an upload may: its parts stay small for longer.
  core::StoreLimits limits = services_->store->limits();
  limits.object_max = std::min(limits.object_max, options_->size_max);
  if (row_.size_max) limits.object_max = std::min(limits.object_max, *row_.size_max);
  Result<core::PartPlan> plan =
      core::PartPlan::make(row_.total, options_->part_size, chunk, limits);
  if (!plan) {
    return refused(ProblemType::kTooLarge, "the object is larger than the store can hold", true);
  }
  plan_ = *plan;
  row_.plan = plan_->shape();
  return std::nullopt;
}

void LiveUpload::fence_writers() {
  while (!writers_.empty()) {
    const Writer& writer = writers_.begin()->second;
    if (writer.body != nullptr) writer.body->interrupt();
    end_writer(writer.id);
  }
}

void LiveUpload::add_writer(const Writer& writer) {
  writers_.emplace(writer.id, writer);
  writing_ = true;
  changed_.notify_all();
}

void LiveUpload::end_writer(WriterId id) {
  writers_.erase(id);
  claims_.remove(id);
  writing_ = !writers_.empty();
  changed_.notify_all();
}

LiveUpload::Writer* LiveUpload::find_writer(WriterId id) {
  const auto it = writers_.find(id);
  return it == writers_.end() ? nullptr : &it->second;
}

// The answer to a writer that is none any more: fenced by a newer request, or ended with the upload
// or by the store's failure.
Task<core::Outcome> LiveUpload::ended_outcome(WriterId id) {
  const bool store_failed = failed_writers_.erase(id) > 0;
  co_await completion_awaited();
  if (auto over = settled_outcome(true)) co_return std::move(*over);
  if (store_failed) co_return store_refusal();
  if (poisoned_) {
    co_return refused(fenced_ ? ProblemType::kTakenOver : ProblemType::kStoreUnavailable,
                   "the upload's state has to be read again", true);
  }
  co_return refused(ProblemType::kTakenOver, "a newer request took over", true);
}

// Bytes nobody was told about. Parts on their way stay; what is parked may complete its part.
void LiveUpload::drop_unrecorded(std::string_view why) {
  ByteCount dropped;
  for (auto& [number, slot] : slots_) {
    if (slot.shipping) continue;
    dropped += slot.assembly.drop_unparked();
    std::erase(ready_, number);
    if (slot.assembly.full() && !is_small()) ready_.push_back(number);
  }
  std::erase_if(slots_, [](const auto& entry) {
    return !entry.second.busy() && entry.second.assembly.segments().empty();
  });
  if (dropped.value() > 0) services_->metrics->discarded(why, dropped);
}

// The database has bytes that this object will never hear of: unless a record of our own is still on
// its way, another process wrote them. Nothing is written through this object any more.
void LiveUpload::heed(const core::RangeSet& recorded) {
  for (const ByteRange& range : recorded.ranges()) recorded_.add(range);
  const bool known = std::all_of(recorded.ranges().begin(), recorded.ranges().end(),
                                 [this](const ByteRange& range) { return durable_.contains(range); });
  if (known || busy() || row_.state != UploadState::kOpen) return;
  poisoned_ = true;
  fenced_ = true;
  fence_writers();
  changed_.notify_all();
}

// Why nobody can become a writer right now.
std::optional<Step> LiveUpload::not_admitted() const {
  Step step;
  if (auto over = settled_outcome(true)) {
    step.outcome = std::move(*over);
  } else if (poisoned_) {
    step.kind = Step::Kind::kStale;
    step.outcome = refused(fenced_ ? ProblemType::kTakenOver : ProblemType::kStoreUnavailable,
                           "the upload's state has to be read again", true);
  } else if (completing_driven_) {
    step.outcome = refused(ProblemType::kCompleting, "the object is being assembled", true);
  } else if (draining_) {
    step.outcome = refused(ProblemType::kDraining, "the server is stopping", true);
  } else {
    return std::nullopt;
  }
  return step;
}

Task<Step> LiveUpload::admit(core::Append append, BodySource* body, core::RangeSet recorded) {
  heed(recorded);
  co_await completion_awaited();
  if (auto closed = not_admitted()) co_return std::move(*closed);
  Step step;
  store_error_.reset();
  pump_ships();  // who waits for them is not told of the error any more
  const ByteOffset begin = append.begin.value_or(ByteOffset());
  if (!row_.parallel && begin > durable_end() && begin <= received_end()) {
    // The client knows of bytes that are only in memory yet: make the offset true first.
    const WriterId newest = last_writer_;
    const Result<Ok> settled = co_await settle();
    if (auto closed = not_admitted()) co_return std::move(*closed);
    if (last_writer_ != newest) {
      step.outcome = refused(ProblemType::kTakenOver, "a newer request took over", true);
      co_return step;
    }
    if (!settled && begin > durable_end()) {
      step.outcome = store_refusal();
      co_return step;
    }
  }
  if (!row_.parallel && begin > durable_end() && begin <= said_end()) {
    // Not a gap: what is missing here is recorded, and will be known or not in a moment.
    step.outcome = refused(ProblemType::kTakenOver, "the upload's state has to be read again", true);
    co_return step;
  }
  if (append.exact && begin != durable_end()) {
    step.outcome = co_await offset_mismatch();
    co_return step;
  }
  if (!row_.parallel && begin > durable_end()) {  // a gap stores nothing
    step.outcome = incomplete(true);
    co_return step;
  }
  if (append.total) {
    if (auto refusal = apply_total(*append.total)) {
      step.outcome = std::move(*refusal);
      co_return step;
    }
  }
  if (row_.total && append.length && begin + *append.length > end_of(*row_.total)) {
    step.outcome = refused(ProblemType::kBodyTooLong, "the range ends behind the total", true);
    co_return step;
  }
  if (auto refusal = ensure_plan(append)) {
    step.outcome = std::move(*refusal);
    co_return step;
  }

  Writer writer;
  writer.id = ++last_writer_;
  writer.begin = begin;
  writer.next = begin;
  writer.body = body;
  writer.ends_object = append.ends_object;
  writer.ends_at_total = append.ends_at_total;
  writer.exact = append.exact;
  if (row_.parallel) {
    if (auto refusal = refuse_in_swarm(append)) {
      step.outcome = std::move(*refusal);
      co_return step;
    }
    join_swarm(writer, append);
    step = next_read(writer);
    co_return step;
  }

  // From here on this request is the writer (G7). Bytes nobody was told about give way to its own.
  fence_writers();
  drop_unrecorded("superseded");

  add_writer(writer);
  last_byte_at_ = services_->clock->now();
  pump_ships();
  step = next_read(writer);
  co_return step;
}

// The refusal of a request that does not begin at the offset, with the offset.
Task<core::Outcome> LiveUpload::offset_mismatch() {
  if (writers_.empty() && received_end() > durable_end()) {
    // Some clients go on with what we say here: say all that we have.
    const Deadline patience(services_->clock->now() + kQueryPatience);
    const Result<Ok> settled = co_await settle(patience);
    static_cast<void>(settled);  // the answer carries the durable offset either way
    if (auto over = settled_outcome(true)) co_return std::move(*over);
  }
  co_return refused(ProblemType::kOffsetMismatch,
                    "the offset is " + std::to_string(said_end().value()), true);
}

// --- bytes

bool LiveUpload::may_read() const noexcept {
  // Held for a slow store: the parts in flight and one more (ruling 13). When memory is short, one
  // and one more: what a fast client could have in flight is what thousands of slow ones live on.
  return ready_.empty() && (in_flight_ == 0 || !services_->pool->crowded());
}

Step LiveUpload::next_read(const Writer& writer) const {
  Step step;
  step.kind = Step::Kind::kRead;
  step.writer = writer.id;
  ByteOffset end = ByteOffset(INT64_MAX);
  const Result<PartNumber> number = plan_->part_at(writer.next);
  if (number) end = plan_->range_of(*number).end();
  if (row_.total) end = std::min(end, end_of(*row_.total));
  step.max = end > writer.next ? end - writer.next : ByteCount();
  return step;
}

Task<Step> LiveUpload::offer(WriterId id, Bytes bytes) {
  Step step;
  step.writer = id;
  Writer* const giver = find_writer(id);
  const bool taken = giver != nullptr && !poisoned_ && row_.state == UploadState::kOpen;
  if (taken) {
    last_byte_at_ = services_->clock->now();
    if (auto refusal = accept(*giver, std::move(bytes))) {
      end_writer(id);
      step.outcome = std::move(*refusal);
      co_return step;
    }
    pump_ships();
  }
  while (true) {
    const Signal::Seen seen = changed_.seen();
    const Writer* const writer = find_writer(id);
    if (writer == nullptr || poisoned_) {
      end_writer(id);
      step.outcome = co_await ended_outcome(id);
      co_return step;
    }
    if (completing_driven_ || row_.state != UploadState::kOpen) {
      // Others have brought all the bytes. Their result answers this request, too.
      const Deadline patience(services_->clock->now() + options_->complete_wait);
      const bool settled = co_await wait_settled(patience);
      auto over = settled_outcome(true);
      // It is open again. Who has offered bytes meanwhile has lost its place.
      if (!over && settled && taken) continue;
      end_writer(id);
      step.outcome =
          over ? std::move(*over)
               : refused(ProblemType::kCompleting, "the object is being assembled", true);
      co_return step;
    }
    if (store_error_) {
      end_writer(id);
      step.outcome = store_refusal();
      co_return step;
    }
    if (draining_ || may_read()) {
      step = next_read(*writer);
      co_return step;
    }
    co_await changed_.wait(seen);
  }
}

LiveUpload::Slot& LiveUpload::slot_at(PartNumber number) {
  const auto it = slots_.find(number);
  if (it != slots_.end()) return it->second;
  const ByteRange full = plan_->range_of(number);
  const ByteOffset end = row_.total ? std::min(full.end(), end_of(*row_.total)) : full.end();
  const ByteRange range(full.begin(), end);
  return slots_.emplace(number, Slot(number, range, row_.checksum_kind)).first->second;
}

// Puts the bytes where they belong. What is there already is skipped.
std::optional<core::Outcome> LiveUpload::accept(Writer& writer, Bytes bytes) {
  ByteCount skipped;
  ByteCount superseded;
  while (!bytes.empty()) {
    const ByteOffset at = writer.next;
    const ByteOffset known = durable_.end_of_run(at);
    ByteCount take;
    if (known > at) {
      take = std::min(bytes.size(), known - at);
      bytes.drop_front(take);
      skipped += take;
      writer.next = at + take;
      continue;
    }
    if (at + bytes.size() > end_of(options_->size_max) ||
        (row_.size_max && at + bytes.size() > end_of(*row_.size_max))) {
      return refused(ProblemType::kTooLarge, "the object may not be that large", true);
    }
    const Result<PartNumber> number = plan_->part_at(at);
    if (!number) {
      return refused(ProblemType::kTooLarge,
                     "an upload of unknown length cannot grow that large on this store", true);
    }
    const auto here = slots_.find(*number);
    const ByteOffset covered = here == slots_.end() ? at : here->second.assembly.end_of_run(at);
    const ByteOffset foreign = end_of_foreign(writer, at);
    if (covered > at) {
      take = std::min(bytes.size(), covered - at);
      bytes.drop_front(take);
      skipped += take;
    } else if (foreign > at) {
      take = std::min(bytes.size(), foreign - at);
      bytes.drop_front(take);
      superseded += take;
    } else {
      begin_writing(writer);
      Slot& slot = slot_at(*number);
      Assembly& assembly = slot.assembly;
      const ByteOffset end = std::min(assembly.next_covered(at), end_of_claim(writer, at));
      take = std::min(bytes.size(), end - at);
      SLUICE_CHECK(take.value() > 0);  // next_read() ends at the part and at the total
      if (assembly.resident() == ByteCount()) slot.held_since = services_->clock->now();
      assembly.add(at, bytes.take_front(take));
      // Where a body must not be longer than the object the last part waits for the body's end: a
      // refused one must not make the object whole (T-27).
      const bool last = writer.exact && row_.total && assembly.range().end() == end_of(*row_.total);
      // A part that is being parked joins the queue when that has ended.
      if (assembly.full() && !slot.busy() && !is_small() && !last) ready_.push_back(*number);
    }
    writer.next = at + take;
  }
  claims_.advance(writer.id, writer.next);
  if (skipped.value() > 0) services_->metrics->discarded("overlap", skipped);
  if (superseded.value() > 0) services_->metrics->discarded("superseded", superseded);
  return std::nullopt;
}

// One object request is enough: the total is known, fits part 1, and no multipart was begun.
bool LiveUpload::is_small() const {
  return row_.total && plan_ && !row_.multipart && !creating_multipart_ && row_.parts.empty() &&
         in_flight_ == 0 && end_of(*row_.total) <= plan_->range_of(PartNumber(1)).end() &&
         *row_.total <= services_->store->limits().single_put_max;
}

Task<core::Outcome> LiveUpload::finish(WriterId id, BodyEnd end) {
  const Writer* const current = find_writer(id);
  if (current == nullptr) co_return co_await ended_outcome(id);
  const Writer writer = *current;
  end_writer(id);
  // Others go on writing: only what this one brought has to be durable before it is answered.
  const ByteRange all(ByteOffset(), received_end());
  const ByteRange own = row_.parallel ? ByteRange(writer.begin, writer.next) : all;

  switch (end) {
    case BodyEnd::kDisconnected:
      // With one writer the tail waits in memory for its return; among many nobody would notice
      // that it does not come.
      if (row_.parallel) work_.spawn(settle_soon(own));
      co_return core::ClientGone{};
    case BodyEnd::kTooLong:
      // A body that is not what its head said is not kept further than it had to be.
      if (!row_.parallel) drop_unrecorded("refused");
      co_return refused(ProblemType::kBodyTooLong, "the body is longer than announced", true);
    case BodyEnd::kMalformed:
      co_return refused(ProblemType::kMalformedRequest, "the chunked body is malformed", true);
    case BodyEnd::kTimedOut: {
      const Result<Ok> settled = co_await settle_range(own, Deadline::never());
      static_cast<void>(settled);  // the answer carries the durable offset either way
      co_return refused(ProblemType::kRequestTimeout, "no bytes arrived for too long", true);
    }
    case BodyEnd::kInterrupted: {
      const Result<Ok> settled = co_await settle_range(own, Deadline::never());
      static_cast<void>(settled);
      if (!draining_) co_return store_refusal();  // although a query may have cleared the error
      co_return refused(ProblemType::kDraining, "the server is stopping", true);
    }
    case BodyEnd::kClean:
      break;
  }

  if (completing_driven_ || row_.state != UploadState::kOpen) {
    // Another request brought the last bytes; what came here meanwhile was not taken, and says
    // nothing about the total.
    co_await completion_awaited();
    if (auto over = settled_outcome(false)) co_return std::move(*over);
    co_return store_refusal();
  }
  if (writer.ends_object) {
    const ByteCount total = writer.next - ByteOffset();
    if (auto refusal = apply_total(total)) co_return std::move(*refusal);
  }
  const bool may_end = writer.ends_object || writer.ends_at_total;
  if (may_end && row_.total && received_end() == end_of(*row_.total)) {
    co_return co_await complete_and_answer();
  }
  const Result<Ok> settled = co_await settle_range(own, Deadline::never());
  if (auto over = settled_outcome(false)) co_return std::move(*over);
  if (!settled) {
    co_return settled.error().code() == Errc::kFenced
        ? refused(ProblemType::kTakenOver, "another process took over", false)
        : store_refusal();
  }
  if (writer.exact && said_end() < writer.next) {
    // Success would say that the whole body is stored (TP-05).
    co_return refused(ProblemType::kTakenOver, "a newer request took over", false);
  }
  if (!may_end) co_return incomplete(false);
  // A newer writer may have brought the rest meanwhile.
  co_return co_await progress(row_.total);
}

Task<bool> LiveUpload::has_newer_writer(WriterId id) { co_return last_writer_ != id; }

// --- queries

Task<std::optional<core::Outcome>> LiveUpload::query(core::Query query, core::RangeSet recorded) {
  heed(recorded);
  co_await completion_awaited();
  if (auto over = settled_outcome(false)) co_return std::move(*over);
  if (poisoned_) co_return std::nullopt;
  if (query.total && row_.total && *query.total != *row_.total) {
    co_return refused(ProblemType::kTotalMismatch,
                      "the total was said to be " + std::to_string(row_.total->value()), false);
  }
  if (query.settle) {
    std::optional<core::Outcome> refusal = co_await settle_for_good();
    if (refusal) co_return std::move(*refusal);
    if (query.total) co_return co_await progress(query.total);
    co_return incomplete(false);
  }
  const Instant now = services_->clock->now();
  const Duration silence = std::chrono::seconds(1);
  const bool writer_speaks = writing_ && now - last_byte_at_ < silence;
  const bool settled_lately = writing_ && now - last_query_settle_ < silence;
  const bool tail = row_.parallel ? unparked().value() > 0 : received_end() > durable_end();
  if (!poisoned_ && !writer_speaks && !settled_lately && tail) {
    last_query_settle_ = now;
    store_error_.reset();
    const Result<Ok> settled = co_await settle(Deadline(now + kQueryPatience));
    // A store that is away does not hide what is durable: answer that.
    static_cast<void>(settled);
    if (auto over = settled_outcome(false)) co_return std::move(*over);
  }
  const std::optional<ByteCount> total = query.total ? query.total : row_.total;
  co_return co_await progress(total);
}

// Ends the running append and makes durable what it brought. Answers what stands against that.
Task<std::optional<core::Outcome>> LiveUpload::settle_for_good() {
  if (!row_.parallel) fence_writers();
  store_error_.reset();
  const Instant now = services_->clock->now();
  const WriterId newest = last_writer_;
  const Result<Ok> settled = co_await settle(Deadline(now + kQueryPatience));
  if (auto over = settled_outcome(false)) co_return std::move(*over);
  // A newer append has begun; its bytes count from now on.
  if (settled || last_writer_ != newest) co_return std::nullopt;
  co_return store_refusal();
}

// How far an open upload is. With nothing missing that is the object: an offset equal to the length
// is never said (ruling 4).
Task<core::Outcome> LiveUpload::progress(std::optional<ByteCount> total) {
  if (!total || std::max(received_end(), said_end()) != end_of(*total)) co_return incomplete(false);
  if (poisoned_ || received_end() < end_of(*total)) {
    // Somebody else recorded the rest; this object is read again before anything is done with it.
    co_return refused(ProblemType::kCompleting, "the last bytes have just been recorded", false);
  }
  if (auto refusal = apply_total(*total)) co_return std::move(*refusal);
  if (auto refusal = ensure_plan(core::Append())) co_return std::move(*refusal);
  if (!row_.parallel) fence_writers();
  co_return co_await complete_and_answer();
}

// --- memory

ByteCount LiveUpload::resident() const noexcept {
  ByteCount n;
  for (const auto& [number, slot] : slots_) n += slot.assembly.resident();
  return n;
}

ByteCount LiveUpload::unparked() const noexcept {
  ByteCount n;
  for (const auto& [number, slot] : slots_) n += slot.assembly.unparked();
  return n;
}

LiveUpload::Reclaimable LiveUpload::reclaimable() const noexcept {
  Reclaimable all;
  if (poisoned_ || row_.state != UploadState::kOpen || completing_driven_) return all;
  const Instant now = services_->clock->now();
  for (const auto& [number, slot] : slots_) {
    if (slot.parking) ++all.parking;
    // Parked for another reason, it would stay in memory afterwards.
    const bool kept = slot.parking && !slot.evict_when_parked;
    const bool leaving = !kept && (slot.busy() || (slot.assembly.full() && !is_small()));
    if (leaving) continue;
    // Not parked again before somebody asks for it: others may have more luck.
    if (store_error_ && slot.assembly.unparked() > ByteCount()) continue;
    const ByteCount bytes = slot.assembly.footprint();
    // A moment more, so that also what has just come counts for something.
    const Duration held = now - slot.held_since + std::chrono::milliseconds(1);
    all.bytes += bytes;
    all.byte_seconds +=
        static_cast<double>(bytes.value()) * std::chrono::duration<double>(held).count();
  }
  return all;
}

void LiveUpload::let_go_of_reserves() noexcept {
  for (const auto& [id, writer] : writers_) {
    if (writer.body != nullptr) writer.body->let_go();
  }
}

void LiveUpload::interrupt_for_drain() noexcept {
  draining_ = true;
  for (const auto& [id, writer] : writers_) {
    if (writer.body != nullptr) writer.body->interrupt();
  }
  changed_.notify_all();
}

Task<bool> LiveUpload::wait_settled(Deadline deadline) {
  while (true) {
    const Signal::Seen seen = changed_.seen();
    if (!completing_driven_ && !aborting_driven_) co_return true;
    const bool moved = co_await wait_until(&changed_, seen, services_->clock, deadline.at());
    if (!moved) co_return false;
  }
}

Task<void> LiveUpload::wait_quiet() {
  while (true) {
    const Signal::Seen seen = changed_.seen();
    if (!busy() || stopped_) co_return;
    co_await changed_.wait(seen);
  }
}

// Gives a running completion the time that a request may be held for it.
Task<void> LiveUpload::completion_awaited() {
  if (!completing_driven_) co_return;
  const Deadline patience(services_->clock->now() + options_->complete_wait);
  co_await wait_settled(patience);
}

Task<void> LiveUpload::stop() {
  // First, so that what begins while the rest ends does not wait for it.
  poisoned_ = true;
  changed_.notify_all();
  work_.cancel();
  co_await work_.join();
  stopped_ = true;
  completing_driven_ = false;
  aborting_driven_ = false;
  changed_.notify_all();
}

}  // namespace sluice::engine
