#include "sim/checker.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>
#include <variant>

#include "cleaner/parked_key.h"
#include "core/part_plan.h"
#include "core/range_set.h"

namespace sluice::sim {

namespace {

bool unfinished(UploadState state) {
  return state == UploadState::kOpen || state == UploadState::kCompleting;
}

core::RangeSet parts_of(const UploadRow& row) {
  core::RangeSet ranges;
  for (const PartRow& part : row.parts) ranges.add(part.range);
  return ranges;
}

core::RangeSet durable_of(const UploadRow& row) {
  core::RangeSet ranges = parts_of(row);
  for (const ParkedRow& parked : row.parked) ranges.add(parked.range);
  return ranges;
}

ByteOffset durable_end(const UploadRow& row) {
  return durable_of(row).end_of_run(ByteOffset());
}

// Compares bytes with a range of the file.
bool fits(const std::string& bytes, const File& file, ByteRange range) {
  return range.end().value() <= file.content.size() && bytes.size() == range.size().value() &&
         file.content.compare(range.begin().value(), bytes.size(), bytes) == 0;
}

std::string text(ByteOffset offset) {
  return std::to_string(offset.value());
}

}  // namespace

void Checker::fail(const std::string& what, const Track& track) {
  outside_->violate(what + " (upload " + track.id.str() + " of " + track.name + ")");
}

void Checker::add_foreign(std::string key, std::string bytes) {
  outside_->store.put_foreign(key, bytes);
  foreign_[std::move(key)] = std::move(bytes);
}

Checker::Track* Checker::by_id(const UploadId& id) {
  const auto found = tracks_.find(id);
  return found == tracks_.end() ? nullptr : &found->second;
}

Checker::Track* Checker::by_token(const UploadToken& token) {
  const auto found = tokens_.find(token);
  return found == tokens_.end() ? nullptr : by_id(found->second);
}

Checker::Track* Checker::by_multipart(const MultipartId& multipart) {
  const auto found = multiparts_.find(multipart);
  return found == multiparts_.end() ? nullptr : by_id(found->second);
}

std::optional<UploadRow> Checker::row_of(const UploadId& id) {
  auto row = outside_->immediate.run(outside_->state.load(id));
  if (!row) return std::nullopt;
  return std::move(*row);
}

// A store that damages bytes on their way, or gives a repeated part another name, may be given up.
bool Checker::may_fail(const Track& track) const {
  return track.lost || track.overwritten || outside_->settings.store_corrupt > 0;
}

// --- the bucket

void Checker::check_whole(const Track& track, const char* when) {
  const auto* object = outside_->store.find_object(track.key.str());
  if (object == nullptr) {
    fail(std::string(when) + ": there is no object", track);
  } else if (object->token == track.token && object->bytes != track.file->content) {
    fail(std::string(when) + ": the object differs from the client's bytes", track);
  }
}

void Checker::object_put(const ObjectSpec& spec, Instant issued) {
  Track* const track = by_token(spec.token);
  if (track == nullptr) {
    outside_->violate("an object was put for nobody: " + spec.key.str());
    return;
  }
  const std::optional<UploadId> owner = cleaner::upload_of_parked(spec.key);
  if (owner) {
    const auto* object = outside_->store.find_object(spec.key.str());
    const bool part_of_file = object->bytes.size() <= track->file->content.size();
    if (*owner != track->id || !part_of_file) fail("a parked object is not its upload's", *track);
    return;
  }
  if (spec.key != track->key) {
    fail("an object was put under another key: " + spec.key.str(), *track);
    return;
  }
  check_whole(*track, "put");
  // Who does not know yet that another process took over may repeat one call until its deadline; a
  // process that was held may wake up with a call at any time.
  const Settings& settings = outside_->settings;
  const Duration blind = settings.engine.store_timeout + Duration(std::chrono::seconds(1));
  if (track->complete_at && issued > *track->complete_at + blind && settings.pause_rate == 0) {
    fail("an object was put again after its completion", *track);
  }
}

void Checker::object_removed(const ObjectKey& key) {
  const std::optional<UploadId> owner = cleaner::upload_of_parked(key);
  if (!owner) {
    outside_->violate("an object was removed that is nobody's parked one: " + key.str());
    return;
  }
  const auto row = row_of(*owner);
  if (!row || !unfinished(row->state)) return;
  const core::RangeSet parts = parts_of(*row);
  for (const ParkedRow& parked : row->parked) {
    if (parked.key == key && !parts.contains(parked.range)) {
      fail("G3: a parked object was removed while it is needed: " + key.str(), tracks_.at(*owner));
    }
  }
}

void Checker::multipart_created(const ObjectSpec& spec, const MultipartId& multipart) {
  const Track* const track = by_token(spec.token);
  if (track == nullptr || spec.key != track->key) {
    outside_->violate("a multipart upload was created for nobody: " + spec.key.str());
    return;
  }
  multiparts_[multipart] = track->id;
}

void Checker::part_sent(const PartTarget& target) {
  Track* const track = by_multipart(target.multipart);
  if (track == nullptr) {
    outside_->violate("a part was sent to somebody else's multipart upload");
    return;
  }
  const auto row = row_of(track->id);
  if (!row) return;
  if (!row->plan) {
    fail("G2: a part was sent before its plan was recorded", *track);
    return;
  }
  const auto plan = core::PartPlan::from(*row->plan);
  const ByteRange planned = plan->range_of(target.number);
  const bool same = planned.begin() == target.range.begin() &&
                    target.range.end() <= planned.end() && !target.range.empty();
  if (!same) fail("G2: a part has another range than planned", *track);
}

void Checker::part_put(const PartTarget& target, const ETag& etag) {
  Track* const track = by_multipart(target.multipart);
  if (track == nullptr) return;
  const auto [place, first] = track->bound.emplace(target.number, target.range);
  if (!first && place->second != target.range) {
    fail("G2: a part number was used for two ranges", *track);
  }
  const auto* part = outside_->store.find_part(target.multipart, target.number);
  if (part != nullptr && !fits(part->bytes, *track->file, target.range)) {
    fail("a part differs from the client's bytes", *track);
  }
  const auto row = row_of(track->id);
  if (!row) return;
  for (const PartRow& known : row->parts) {
    if (known.number == target.number && known.etag != etag) track->overwritten = true;
  }
}

void Checker::completion_asked(const Completion& completion) {
  const Track* const track = by_multipart(completion.multipart);
  if (track == nullptr) {
    outside_->violate("somebody else's multipart upload was completed");
    return;
  }
  const auto row = row_of(track->id);
  if (row && row->state == UploadState::kOpen) {
    fail("G4: completed in the store before the state was recorded", *track);
  }
}

void Checker::object_completed(const Completion& completion) {
  Track* const track = by_multipart(completion.multipart);
  if (track == nullptr) return;
  if (++track->objects_completed > 1) fail("an object was made twice", *track);
  check_whole(*track, "complete");
}

void Checker::multipart_aborted(const MultipartId& multipart) {
  const Track* const track = by_multipart(multipart);
  if (track == nullptr) {
    outside_->violate("somebody else's multipart upload was aborted");
    return;
  }
  const auto row = row_of(track->id);
  if (row && unfinished(row->state) && row->multipart == multipart) {
    fail("the multipart upload of a living upload was aborted", *track);
  }
}

void Checker::multipart_lost(const MultipartId& multipart) {
  if (Track* const track = by_multipart(multipart)) track->lost = true;
}

// --- the database

void Checker::upload_created(const UploadRow& row, FenceToken token) {
  Track track;
  track.id = row.id;
  track.token = row.token;
  track.key = row.key;
  track.name = row.name;
  track.latest = token;
  for (const auto& [name, value] : row.attributes.metadata) {
    if (name == "file") track.file = files_.at(std::stoull(value));
  }
  tokens_[row.token] = row.id;
  tracks_[row.id] = std::move(track);
}

void Checker::claimed(const UploadId& id, FenceToken token) {
  if (Track* const track = by_id(id)) track->latest = std::max(track->latest, token);
}

void Checker::check_part(const Track& track, const UploadRow& row, const PartRow& part) {
  if (track.lost || !row.multipart) return;
  const auto* stored = outside_->store.find_part(*row.multipart, part.number);
  if (stored == nullptr) {
    const auto* object = outside_->store.find_object(track.key.str());
    const bool whole = object != nullptr && object->token == track.token;
    if (!whole && track.objects_completed == 0) fail("G1: a recorded part is not stored", track);
  } else if (!fits(stored->bytes, *track.file, part.range)) {
    fail("G1: a recorded part has other bytes", track);
  }
}

void Checker::check_parked(const Track& track, const ParkedRow& parked) {
  const auto* object = outside_->store.find_object(parked.key.str());
  if (object == nullptr) {
    fail("G1: a recorded parked object is not stored: " + parked.key.str(), track);
  } else if (!fits(object->bytes, *track.file, parked.range)) {
    fail("G1: a recorded parked object has other bytes: " + parked.key.str(), track);
  }
}

void Checker::check_durable(const Track& track, const UploadRow& row) {
  const core::RangeSet parts = parts_of(row);
  for (const PartRow& part : row.parts) check_part(track, row, part);
  for (const ParkedRow& parked : row.parked) {
    if (!parts.contains(parked.range)) check_parked(track, parked);
  }
}

void Checker::check_change(Track* track, const Mutation& mutation, const Change& change) {
  const auto* state = std::get_if<change::SetState>(&change);
  if (state == nullptr) return;
  if (state->state == UploadState::kComplete) {
    if (track->complete_at) fail("an upload was completed twice", *track);
    track->complete_at = outside_->now();
    check_whole(*track, "recorded as complete");
    const auto events =
        std::count_if(mutation.changes.begin(), mutation.changes.end(),
                      [](const Change& c) { return std::holds_alternative<change::Emit>(c); });
    if (events != 1) fail("G6: completed without an event in the same transaction", *track);
  }
  const bool given_up = state->state == UploadState::kAborting &&
                        (state->reason == "lost" || state->reason == "failed");
  // Its object was there, the answer was lost, and a later upload of the name has replaced it:
  // nobody can tell any more.
  const auto* object = outside_->store.find_object(track->key.str());
  const bool superseded = track->objects_completed > 0 && state->reason == "lost" &&
                          object != nullptr && object->token != track->token;
  if (given_up && !superseded && !may_fail(*track)) {
    fail("G5: given up without a cause, reason \"" + state->reason + "\"", *track);
  }
}

// A late request of another process may have replaced the part since its answer was sent.
void Checker::note_other_etag(Track* track, const PartRow& part) {
  const auto row = row_of(track->id);
  if (!row || !row->multipart) return;
  const auto* stored = outside_->store.find_part(*row->multipart, part.number);
  if (stored != nullptr && stored->etag != part.etag) track->overwritten = true;
}

void Checker::committed(const Mutation& mutation) {
  Track* const track = by_id(mutation.id);
  if (track == nullptr) return;
  if (mutation.token != track->latest) fail("G7: a fenced writer changed the state", *track);
  bool completes = false;
  bool emits = false;
  for (const Change& change : mutation.changes) {
    check_change(track, mutation, change);
    const auto* added = std::get_if<change::AddPart>(&change);
    if (added != nullptr) note_other_etag(track, added->part);
    emits = emits || std::holds_alternative<change::Emit>(change);
    const auto* state = std::get_if<change::SetState>(&change);
    completes = completes || (state != nullptr && state->state == UploadState::kComplete);
  }
  if (emits && !completes) fail("G6: an event outside the transaction of its state", *track);
  const auto row = row_of(mutation.id);
  if (!row || !unfinished(row->state)) return;
  const ByteOffset end = durable_end(*row);
  if (end < track->durable) {
    fail("G1: the durable offset went from " + text(track->durable) + " to " + text(end), *track);
  }
  track->durable = end;
  check_durable(*track, *row);
}

// --- answers

Asked Checker::asked(const std::string& name) {
  Asked asked;
  asked.name = name;
  const auto row = outside_->immediate.run(outside_->state.find("", name));
  if (!row) return asked;
  asked.upload = row->id;
  if (const Track* const track = by_id(row->id)) asked.acknowledged = track->acknowledged;
  return asked;
}

void Checker::answered(const Asked& asked, const core::Outcome& outcome) {
  if (const auto* incomplete = std::get_if<core::Incomplete>(&outcome)) {
    core::RangeSet said;
    for (const ByteRange& range : incomplete->ranges) said.add(range);
    said.add(ByteRange(ByteOffset(), incomplete->offset));
    if (said.end_of_run(ByteOffset()) != incomplete->offset) {
      outside_->violate("the offset and the map of an answer differ: " + asked.name);
    }
    check_said(asked, said, true);
  } else if (const auto* complete = std::get_if<core::Complete>(&outcome)) {
    check_success(asked, *complete);
  } else if (const auto* refused = std::get_if<core::Refused>(&outcome)) {
    check_refusal(asked, *refused);
  }
}

void Checker::check_said(const Asked& asked, const core::RangeSet& said, bool all) {
  const ByteOffset offset = said.end_of_run(ByteOffset());
  const auto row = outside_->immediate.run(outside_->state.find("", asked.name));
  if (!row) {
    outside_->violate("an offset was said of an upload that does not exist: " + asked.name);
    return;
  }
  // A refusal may carry the end of a complete upload; one of a single request has no parts.
  const bool whole = row->result && offset == end_of(row->result->size);
  ByteOffset most;
  int uploads = 0;
  for (const auto& [id, track] : tracks_) {
    if (track.name != asked.name) continue;
    most = std::max(most, track.durable);
    ++uploads;
  }
  if (asked.upload != row->id && uploads > 1) {
    // It may be said of any upload that had the name meanwhile.
    if (offset > most && !whole) outside_->violate("G1: bytes were acknowledged that no upload ever had");
    return;
  }
  Track* const track = by_id(row->id);
  if (offset > track->durable && !whole) {
    fail("G1: " + text(offset) + " bytes were acknowledged, " + text(track->durable) +
             " are durable",
         *track);
  }
  const ByteOffset before = asked.acknowledged.end_of_run(ByteOffset());
  if (asked.upload == row->id && offset < before) {
    fail("G1: the offset went back from " + text(before) + " to " + text(offset), *track);
  }
  const core::RangeSet durable = durable_of(*row);
  for (const ByteRange& range : said.ranges()) {
    // The run from 0 is checked above: of a finished upload the rows may be gone.
    if (range.begin() != ByteOffset() && !durable.contains(range)) {
      fail("G1: bytes from " + text(range.begin()) + " were acknowledged and are not durable",
           *track);
    }
    track->acknowledged.add(range);
  }
  for (const ByteRange& range : asked.acknowledged.ranges()) {
    if (all && asked.upload == row->id && !said.contains(range)) {
      fail("G1: bytes from " + text(range.begin()) + " are not said any more", *track);
    }
  }
  if (unfinished(row->state)) check_durable(*track, *row);
}

void Checker::check_success(const Asked& asked, const core::Complete& complete) {
  const std::vector<UploadRow> rows = outside_->state.snapshot();
  const bool recorded = std::any_of(rows.begin(), rows.end(), [&](const UploadRow& row) {
    return row.name == asked.name && row.state == UploadState::kComplete && row.result &&
           row.result->etag == complete.result.etag && row.result->size == complete.result.size;
  });
  if (!recorded) outside_->violate("G4: success was said that is not recorded: " + asked.name);
  const auto* object = outside_->store.find_object(asked.name);
  if (object == nullptr) {
    outside_->violate("G4: success without an object: " + asked.name);
    return;
  }
  const Track* const track = by_token(object->token);
  if (track == nullptr || object->bytes != track->file->content) {
    outside_->violate("the object behind a success has wrong bytes: " + asked.name);
  }
}

void Checker::check_refusal(const Asked& asked, const core::Refused& refused) {
  using core::ProblemType;
  if (refused.offset) {
    core::RangeSet said;
    said.add(ByteRange(ByteOffset(), *refused.offset));
    check_said(asked, said, false);
  }
  constexpr ProblemType kExpected[] = {ProblemType::kTakenOver,      ProblemType::kStoreUnavailable,
                                       ProblemType::kCompleting,     ProblemType::kDraining,
                                       ProblemType::kOverloaded,     ProblemType::kRequestTimeout,
                                       ProblemType::kUploadNotFound, ProblemType::kUploadGone,
                                       ProblemType::kUploadFailed,   ProblemType::kAlreadyComplete,
                                       ProblemType::kOffsetMismatch};
  const ProblemType type = refused.problem.type;
  if (std::find(std::begin(kExpected), std::end(kExpected), type) == std::end(kExpected)) {
    outside_->violate("an honest request was refused: " + refused.problem.detail + " (" +
                      asked.name + ")");
  }
}

// --- the end

void Checker::check_end() {
  for (const auto& [key, bytes] : foreign_) {
    const auto* object = outside_->store.find_object(key);
    if (object == nullptr || object->bytes != bytes) {
      outside_->violate("somebody else's object was touched: " + key);
    }
  }
  for (const auto& [key, object] : outside_->store.objects()) {
    if (foreign_.contains(key)) continue;
    if (cleaner::upload_of_parked(ObjectKey(key))) {
      outside_->violate("a parked object was left behind: " + key);
      continue;
    }
    const Track* const track = by_token(object.token);
    if (track == nullptr) {
      outside_->violate("an object of nobody: " + key);
    } else {
      check_whole(*track, "at the end");
    }
  }
  const auto unsettled = outside_->immediate.run(outside_->store.list_unsettled(Deadline::never()));
  for (const UploadId& upload : *unsettled) {
    outside_->violate("a proof of completion was left behind: " + upload.str());
  }
  for (const MultipartId& multipart : outside_->store.multipart_ids()) {
    outside_->violate("a multipart upload was left behind: " + multipart.str());
  }
  std::map<UploadId, int> events;
  const auto outbox = outside_->immediate.run(outside_->state.outbox(1'000'000));
  for (const OutboxRow& row : *outbox) ++events[row.upload];
  for (const UploadRow& row : outside_->state.snapshot()) {
    const Track& track = tracks_.at(row.id);
    const bool complete = row.state == UploadState::kComplete;
    if (!complete && row.state != UploadState::kAborted) {
      fail("an upload never ended: " + std::string(to_string(row.state)), track);
    }
    if (events[row.id] != (complete ? 1 : 0)) {
      fail("G6: an upload has " + std::to_string(events[row.id]) + " events", track);
    }
  }
}

}  // namespace sluice::sim
