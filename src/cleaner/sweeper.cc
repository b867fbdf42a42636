#include "cleaner/sweeper.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "cleaner/parked_key.h"

namespace sluice::cleaner {

namespace {

constexpr Duration kCallTime = std::chrono::minutes(1);
constexpr Duration kListTime = std::chrono::minutes(10);  // all pages of a big bucket
constexpr std::size_t kPage = 100;  // rows come with their parts, which may be ten thousand each

bool finished(UploadState state) {
  return state == UploadState::kComplete || state == UploadState::kAborted;
}

// Bytes the store holds for an unfinished upload.
ByteCount held_by(const UploadRow& row) {
  ByteCount bytes;
  for (const PartRow& part : row.parts) bytes += part.range.size();
  for (const ParkedRow& parked : row.parked) bytes += parked.range.size();
  return bytes;
}

// One sweep. Lives in the frame of sweep().
class Sweep {
 public:
  Sweep(SweepServices services, CleanerOptions options, bool dry_run)
      : services_(std::move(services)),
        options_(options),
        dry_run_(dry_run),
        now_(services_.clock->wall_now()) {}

  Task<void> run();
  Report take_report() { return std::move(report_); }

 private:
  Task<void> expire();
  Task<void> expire_one(UploadRow row);
  Task<void> see_if_removal_is_safe();
  Task<void> sweep_multiparts(std::vector<ListedMultipart> listed);
  Task<void> sweep_multipart(ListedMultipart multipart);
  Task<void> sweep_parked(std::vector<ListedObject> listed);
  Task<void> sweep_parked_of(UploadId id, std::vector<ListedObject> objects);
  Task<void> remove_parked(Finding finding);
  Task<void> remove_multipart(Finding finding);
  Task<void> settle_finished();
  Task<void> settle_one(UploadId id);
  Task<void> forget();
  void count();

  Deadline within(Duration time) const { return Deadline(services_.clock->now() + time); }
  bool older_than_grace(WallTime since) const { return since + options_.grace <= now_; }
  bool orphans_may_go() const { return options_.exclusive && state_has_uploads_; }
  void failed(std::string what, const Error& error) {
    report_.errors.push_back(std::move(what) + ": " + error.detail());
  }

  const SweepServices services_;
  const CleanerOptions options_;
  const bool dry_run_;
  const WallTime now_;
  bool state_has_uploads_ = false;
  Report report_;
};

Task<void> Sweep::run() {
  co_await expire();

  // Before the state is read: what is begun from here on is not in the lists.
  Result<std::vector<ListedMultipart>> multiparts =
      co_await services_.store->list_multiparts("", within(kListTime));
  Result<std::vector<ListedObject>> objects =
      co_await services_.store->list_objects(std::string(kParkedPrefix), within(kListTime));
  co_await see_if_removal_is_safe();
  if (multiparts) {
    co_await sweep_multiparts(std::move(*multiparts));
  } else {
    failed("multipart uploads were not listed", multiparts.error());
  }
  co_await settle_finished();
  if (objects) {
    co_await sweep_parked(std::move(*objects));
    // Only now: a forgotten upload's leftovers are orphans, which nobody may remove.
    co_await forget();
  } else {
    failed("parked objects were not listed", objects.error());
  }
  count();
}

// --- expiry

Task<void> Sweep::expire() {
  UploadFilter filter;
  filter.states = {UploadState::kOpen};
  filter.touched_before = now_ - options_.expire_after;
  filter.limit = kPage;
  while (true) {
    UploadFilter page = filter;
    Result<std::vector<UploadRow>> rows = co_await services_.state->list(std::move(page));
    if (!rows) {
      failed("expired uploads were not listed", rows.error());
      co_return;
    }
    for (const UploadRow& row : *rows) {
      UploadRow one = row;
      co_await expire_one(std::move(one));
    }
    if (rows->size() < kPage) co_return;
    filter.after = rows->back().id;
  }
}

Task<void> Sweep::expire_one(UploadRow row) {
  Finding finding;
  finding.kind = Finding::Kind::kExpired;
  finding.upload = row.id.str();
  finding.key = row.key.str();
  if (row.multipart) finding.multipart = row.multipart->str();
  finding.bytes = held_by(row);
  finding.since = row.touched_at;
  if (!dry_run_) {
    // Its client may have come back since it was listed.
    const Result<UploadRow> again = co_await services_.state->load(row.id);
    if (!again || again->state != UploadState::kOpen || again->touched_at != row.touched_at) {
      co_return;
    }
    Task<Result<Ok>> aborting = services_.abort(row.id, "expired");
    const Result<Ok> aborted = co_await std::move(aborting);
    if (!aborted) {
      const Errc code = aborted.error().code();
      if (code == Errc::kConflict || code == Errc::kNotFound) co_return;  // it has just finished
      failed("expired upload " + row.id.str() + " was not aborted", aborted.error());
    }
    finding.removed = aborted.has_value();
  } else {
    finding.removed = true;
  }
  report_.findings.push_back(std::move(finding));
}

// --- multipart uploads of the store

Task<void> Sweep::see_if_removal_is_safe() {
  UploadFilter any;
  any.limit = 1;
  Result<std::vector<UploadRow>> rows = co_await services_.state->list(std::move(any));
  if (!rows) {
    failed("the state database was not read", rows.error());
    co_return;
  }
  state_has_uploads_ = !rows->empty();
}

Task<void> Sweep::sweep_multiparts(std::vector<ListedMultipart> listed) {
  for (ListedMultipart& multipart : listed) {
    ListedMultipart one = std::move(multipart);
    co_await sweep_multipart(std::move(one));
  }
}

Task<void> Sweep::sweep_multipart(ListedMultipart multipart) {
  Finding finding;
  finding.kind = Finding::Kind::kOrphanMultipart;
  finding.key = multipart.key.str();
  finding.multipart = multipart.multipart.str();
  finding.since = multipart.initiated;
  const Result<UploadId> owner = co_await services_.state->find_multipart(multipart.multipart);
  if (owner) {
    const Result<UploadRow> row = co_await services_.state->load(*owner);
    if (!row || row->state != UploadState::kAborted) co_return;
    finding.kind = Finding::Kind::kLeftover;
    finding.upload = owner->str();
  } else if (owner.error().code() != Errc::kNotFound) {
    failed("multipart upload of " + finding.key + " was not looked up", owner.error());
    co_return;
  } else if (!older_than_grace(finding.since)) {
    co_return;
  }

  const Result<std::vector<ListedPart>> parts =
      co_await services_.store->list_parts(multipart.key, multipart.multipart, within(kCallTime));
  if (parts) {
    for (const ListedPart& part : *parts) finding.bytes += part.size;
  } else {
    if (parts.error().code() == Errc::kNotFound) co_return;  // gone since it was listed
    failed("parts of " + finding.key + " were not listed", parts.error());
  }
  co_await remove_multipart(std::move(finding));
}

Task<void> Sweep::remove_multipart(Finding finding) {
  const bool may_go = finding.kind == Finding::Kind::kLeftover || orphans_may_go();
  if (may_go && dry_run_) finding.removed = true;
  if (may_go && !dry_run_) {
    const ObjectKey key(finding.key);
    const MultipartId multipart(finding.multipart);
    const Result<Ok> aborted = co_await services_.store->abort(key, multipart, within(kCallTime));
    finding.removed = aborted.has_value();
    if (!aborted) failed("multipart upload of " + finding.key + " stays", aborted.error());
  }
  report_.findings.push_back(std::move(finding));
}

// --- proofs of completions that are recorded

Task<void> Sweep::settle_finished() {
  const Result<std::vector<UploadId>> owners =
      co_await services_.store->list_unsettled(within(kListTime));
  if (!owners) {
    failed("unsettled objects were not listed", owners.error());
    co_return;
  }
  for (const UploadId& owner : *owners) {
    UploadId one = owner;
    co_await settle_one(std::move(one));
  }
}

Task<void> Sweep::settle_one(UploadId id) {
  const Result<UploadRow> row = co_await services_.state->load(id);
  if (!row && row.error().code() != Errc::kNotFound) {
    failed("upload " + id.str() + " was not looked up", row.error());
  }
  // One that is completing still needs its proof. An upload the state does not know may be another
  // gateway's.
  if (!row || !finished(row->state)) co_return;
  Finding finding;
  finding.kind = Finding::Kind::kLeftover;
  finding.upload = id.str();
  finding.key = row->key.str();
  finding.since = row->touched_at;
  finding.removed = true;
  if (!dry_run_) {
    ObjectSpec spec(row->key, row->attributes, row->token, id);
    const Result<Ok> settled = co_await services_.store->settle(std::move(spec), within(kCallTime));
    finding.removed = settled.has_value();
    if (!settled) failed("the proof of upload " + id.str() + " stays", settled.error());
  }
  report_.findings.push_back(std::move(finding));
}

// --- parked objects

Task<void> Sweep::sweep_parked(std::vector<ListedObject> listed) {
  std::map<UploadId, std::vector<ListedObject>> by_upload;
  for (ListedObject& object : listed) {
    const std::optional<UploadId> id = upload_of_parked(object.key);
    if (id) by_upload[*id].push_back(std::move(object));
  }
  for (auto& [id, objects] : by_upload) {
    co_await sweep_parked_of(id, std::move(objects));
  }
}

Task<void> Sweep::sweep_parked_of(UploadId id, std::vector<ListedObject> objects) {
  const Result<UploadRow> row = co_await services_.state->load(id);
  const bool unknown = !row && row.error().code() == Errc::kNotFound;
  if (!row && !unknown) {
    failed("upload " + id.str() + " was not looked up", row.error());
    co_return;
  }
  // The engine itself removes what an unfinished upload does not need, when it ends.
  if (row && !finished(row->state)) co_return;
  for (const ListedObject& object : objects) {
    if (unknown && !older_than_grace(object.modified)) continue;
    Finding finding;
    finding.kind = unknown ? Finding::Kind::kOrphanParked : Finding::Kind::kLeftover;
    finding.upload = id.str();
    finding.key = object.key.str();
    finding.bytes = object.size;
    finding.since = object.modified;
    co_await remove_parked(std::move(finding));
  }
}

Task<void> Sweep::remove_parked(Finding finding) {
  const bool may_go = finding.kind == Finding::Kind::kLeftover || orphans_may_go();
  if (may_go && dry_run_) finding.removed = true;
  if (may_go && !dry_run_) {
    const ObjectKey key(finding.key);
    const Result<Ok> removed = co_await services_.store->remove(key, within(kCallTime));
    finding.removed = removed.has_value();
    if (!removed) failed("parked object " + finding.key + " stays", removed.error());
  }
  report_.findings.push_back(std::move(finding));
}

// --- forgetting and counting

Task<void> Sweep::forget() {
  const WallTime before = now_ - options_.keep_finished;
  if (!dry_run_) {
    const Result<std::uint64_t> forgotten = co_await services_.state->forget_finished(before);
    if (forgotten) {
      report_.forgotten = *forgotten;
    } else {
      failed("old finished uploads were not forgotten", forgotten.error());
    }
    co_return;
  }
  UploadFilter filter;
  filter.states = {UploadState::kComplete, UploadState::kAborted};
  filter.touched_before = before;
  filter.limit = kPage;
  while (true) {
    UploadFilter page = filter;
    Result<std::vector<UploadRow>> rows = co_await services_.state->list(std::move(page));
    if (!rows) {
      failed("old finished uploads were not listed", rows.error());
      co_return;
    }
    report_.forgotten += rows->size();
    if (rows->size() < kPage) co_return;
    filter.after = rows->back().id;
  }
}

void Sweep::count() {
  std::uint64_t uploads_removed = 0;
  std::uint64_t multiparts_orphaned = 0;
  bool held_back = false;
  for (const Finding& finding : report_.findings) {
    const bool orphan = finding.kind == Finding::Kind::kOrphanMultipart ||
                        finding.kind == Finding::Kind::kOrphanParked;
    if (finding.removed) {
      report_.bytes_removed += finding.bytes;
      if (finding.kind == Finding::Kind::kExpired ||
          finding.kind == Finding::Kind::kOrphanMultipart) {
        ++uploads_removed;
      }
    } else if (orphan) {
      report_.bytes_orphaned += finding.bytes;
      if (finding.kind == Finding::Kind::kOrphanMultipart) ++multiparts_orphaned;
      held_back = held_back || (options_.exclusive && !state_has_uploads_);
    }
  }
  if (held_back) {
    report_.errors.push_back(
        "orphans were not removed because the state database knows no upload at all: is it the "
        "right one?");
  }
  if (dry_run_) return;
  services_.metrics->swept(uploads_removed, report_.bytes_removed);
  services_.metrics->orphans(multiparts_orphaned, report_.bytes_orphaned);
}

}  // namespace

Task<Report> sweep(SweepServices services, CleanerOptions options, bool dry_run) {
  Sweep one(std::move(services), options, dry_run);
  co_await one.run();
  co_return one.take_report();
}

}  // namespace sluice::cleaner
