#include "statedb/memory_state_db.h"

#include <algorithm>

namespace sluice::statedb {

namespace {

// One mutation applied to a copy of the row: all of it, or nothing.
class Applier {
 public:
  Applier(UploadRow* row, const std::vector<ClaimRow>* claims, const Mutation* mutation)
      : row_(row), claims_(claims), mutation_(mutation) {}

  Result<Ok> operator()(const change::SetPlan& c) {
    if (row_->plan && *row_->plan != c.shape) return fail(Errc::kConflict, "the plan is fixed");
    SLUICE_TRY_OK(check_plan(c.shape));
    row_->plan = c.shape;
    return Ok{};
  }
  Result<Ok> operator()(const change::SetMultipart& c) {
    if (row_->multipart && *row_->multipart != c.multipart && !row_->parts.empty()) {
      return fail(Errc::kConflict, "parts belong to another multipart upload");
    }
    row_->multipart = c.multipart;
    return Ok{};
  }
  Result<Ok> operator()(const change::SetTotal& c) {
    if (row_->total && *row_->total != c.total) return fail(Errc::kConflict, "the total is fixed");
    row_->total = c.total;
    return Ok{};
  }
  Result<Ok> operator()(const change::SetStraysPossible&) {
    row_->strays_possible = true;
    return Ok{};
  }
  Result<Ok> operator()(const change::AddPart& c) {
    SLUICE_TRY_OK(check_range(c.part.range, row_->total));
    SLUICE_TRY_OK(may_write(c.part.range));
    const auto at = std::lower_bound(
        row_->parts.begin(), row_->parts.end(), c.part.number,
        [](const PartRow& part, PartNumber number) { return part.number < number; });
    if (at != row_->parts.end() && at->number == c.part.number) {
      *at = c.part;
    } else {
      row_->parts.insert(at, c.part);
    }
    return touch();
  }
  Result<Ok> operator()(const change::AddParked& c) {
    SLUICE_TRY_OK(check_range(c.parked.range, row_->total));
    SLUICE_TRY_OK(may_write(c.parked.range));
    drop(c.parked.key);
    const auto at = std::upper_bound(
        row_->parked.begin(), row_->parked.end(), c.parked.range.begin(),
        [](ByteOffset begin, const ParkedRow& parked) { return begin < parked.range.begin(); });
    row_->parked.insert(at, c.parked);
    return touch();
  }
  Result<Ok> operator()(const change::DropParked& c) {
    drop(c.key);
    return Ok{};
  }
  Result<Ok> operator()(const change::SetState& c) {
    if (!may_move(row_->state, c.state, row_->multipart.has_value())) {
      return fail(Errc::kInvalidArgument, "no way from this state to that one");
    }
    row_->state = c.state;
    row_->reason = c.reason;
    return touch();
  }
  Result<Ok> operator()(const change::SetResult& c) {
    row_->result = c.result;
    return Ok{};
  }
  Result<Ok> operator()(const change::Emit& c) {
    emitted.push_back(c.event);
    return Ok{};
  }
  Result<Ok> operator()(const change::Touch&) { return touch(); }
  Result<Ok> operator()(const change::ReleaseName&) {
    if (!is_finished(row_->state)) return fail(Errc::kInvalidArgument, "it is not finished");
    releases_name = true;
    return Ok{};
  }

  std::vector<Event> emitted;
  bool releases_name = false;

 private:
  Result<Ok> touch() {
    row_->touched_at = std::max(row_->touched_at, mutation_->now);
    return Ok{};
  }
  Result<Ok> may_write(ByteRange range) const {
    // A token's pieces may touch each other: go through them in order.
    ByteOffset at = range.begin();
    for (const ClaimRow& claim : *claims_) {
      if (claim.token != mutation_->token || !(claim.range.begin() <= at)) continue;
      at = std::max(at, claim.range.end());
    }
    if (at < range.end()) return fail(Errc::kFenced, "bytes outside the claim");
    return Ok{};
  }
  void drop(const ObjectKey& key) {
    std::erase_if(row_->parked, [&key](const ParkedRow& parked) { return parked.key == key; });
  }

  UploadRow* const row_;
  const std::vector<ClaimRow>* const claims_;
  const Mutation* const mutation_;
};

}  // namespace

// ------------------------------------------------------------------------------------- mutations

Result<FenceToken> MemoryStateDb::create_now(UploadRow row, std::optional<UploadId> replaces) {
  if (row.state != UploadState::kOpen) return fail(Errc::kInvalidArgument, "a new upload is open");
  SLUICE_TRY_OK(check_row(row));
  if (uploads_.contains(row.id)) return fail(Errc::kConflict, "upload id exists");
  const std::pair<std::string, std::string> name(row.subject, row.name);
  const auto current = current_.find(name);
  Upload* old = nullptr;
  if (current != current_.end()) old = &uploads_.at(current->second);
  if (replaces) {
    if (old == nullptr || old->row.id != *replaces) {
      return fail(Errc::kConflict, "another upload has the name");
    }
    if (old->row.state == UploadState::kOpen) {
      old->row.state = UploadState::kAborting;
      old->row.reason = "replaced";
      old->row.touched_at = std::max(old->row.touched_at, row.created_at);
    }
  } else if (old != nullptr && !frees_name(old->row.state)) {
    return fail(Errc::kConflict, "an unfinished upload has the name");
  }
  current_[name] = row.id;
  const UploadId id = row.id;
  Upload& added = uploads_[id];
  added.row = std::move(row);
  added.last_token = 1;
  added.claims.push_back({added.last_token, kWhole});
  return added.last_token;
}

Result<FenceToken> MemoryStateDb::claim_now(const UploadId& id, ByteRange range) {
  SLUICE_TRY(const ByteRange wanted, storable_claim(range));
  const auto found = uploads_.find(id);
  if (found == uploads_.end()) return fail(Errc::kNotFound, "no such upload");
  Upload& upload = found->second;
  std::vector<ClaimRow> claims;
  for (const ClaimRow& older : upload.claims) {
    for (const ClaimRow& piece : left_over(older, wanted)) claims.push_back(piece);
  }
  claims.push_back({++upload.last_token, wanted});
  std::sort(claims.begin(), claims.end(),
            [](const ClaimRow& a, const ClaimRow& b) { return a.range.begin() < b.range.begin(); });
  upload.claims = std::move(claims);
  return upload.last_token;
}

Result<Ok> MemoryStateDb::commit_now(const Mutation& mutation) {
  const auto found = uploads_.find(mutation.id);
  if (found == uploads_.end()) return fail(Errc::kNotFound, "no such upload");
  Upload& upload = found->second;
  const auto ours = [&mutation](const ClaimRow& claim) { return claim.token == mutation.token; };
  if (std::none_of(upload.claims.begin(), upload.claims.end(), ours)) {
    return fail(Errc::kFenced, "a newer claim took over");
  }
  if (upload.row.state != mutation.expected) {
    return fail(Errc::kConflict, "state is " + std::string(to_string(upload.row.state)));
  }
  UploadRow changed = upload.row;
  Applier applier(&changed, &upload.claims, &mutation);
  for (const Change& change : mutation.changes) {
    SLUICE_TRY_OK(std::visit(applier, change));
  }
  SLUICE_TRY_OK(check_row(changed));
  upload.row = std::move(changed);
  if (applier.releases_name) {
    const auto alias = current_.find({upload.row.subject, upload.row.name});
    if (alias != current_.end() && alias->second == upload.row.id) current_.erase(alias);
  }
  for (Event& event : applier.emitted) {
    const std::uint64_t sequence = ++upload.last_event;
    events_.push_back({OutboxRow(event_id(mutation.id, sequence), mutation.id, sequence,
                                 std::move(event), mutation.now)});
  }
  if (is_finished(upload.row.state)) {
    // Nobody else will write any more.
    std::erase_if(upload.claims, [&ours](const ClaimRow& claim) { return !ours(claim); });
  }
  return Ok{};
}

std::uint64_t MemoryStateDb::forget_now(WallTime before) {
  std::uint64_t forgotten = 0;
  for (auto it = uploads_.begin(); it != uploads_.end();) {
    const UploadRow& row = it->second.row;
    if (!is_finished(row.state) || row.touched_at >= before) {
      ++it;
      continue;
    }
    const auto alias = current_.find({row.subject, row.name});
    if (alias != current_.end() && alias->second == row.id) current_.erase(alias);
    std::erase_if(events_, [&row](const StoredEvent& event) {
      return event.delivered && event.row.upload == row.id;
    });
    it = uploads_.erase(it);
    ++forgotten;
  }
  return forgotten;
}

// -------------------------------------------------------------------------------------- the port

template <class T, class Call>
Result<T> MemoryStateDb::run(std::optional<Fault> fault, Call call) {
  if (fault && fault->when == Fault::When::kBefore) return fail(fault->code, "injected");
  const std::lock_guard lock(mutex_);
  Result<T> answer = call();
  if (fault && answer) return fail(fault->code, "injected: the answer was lost");
  return answer;
}

Task<std::optional<Fault>> MemoryStateDb::enter(std::string operation) {
  std::optional<Fault> fault;
  {
    const std::lock_guard lock(mutex_);
    fault = faults_.next(operation);
  }
  if (hook_) co_await hook_(operation);
  co_return fault;
}

Task<Result<FenceToken>> MemoryStateDb::create(UploadRow row, std::optional<UploadId> replaces) {
  const std::optional<Fault> fault = co_await enter("create");
  co_return run<FenceToken>(fault, [&] { return create_now(std::move(row), std::move(replaces)); });
}

Task<Result<FenceToken>> MemoryStateDb::claim(UploadId id, ByteRange range) {
  const std::optional<Fault> fault = co_await enter("claim");
  co_return run<FenceToken>(fault, [&] { return claim_now(id, range); });
}

Task<Result<Ok>> MemoryStateDb::commit(Mutation mutation) {
  const std::optional<Fault> fault = co_await enter("commit");
  co_return run<Ok>(fault, [&] { return commit_now(mutation); });
}

Task<Result<UploadRow>> MemoryStateDb::load(UploadId id) {
  const std::optional<Fault> fault = co_await enter("load");
  co_return run<UploadRow>(fault, [&]() -> Result<UploadRow> {
    const auto found = uploads_.find(id);
    if (found == uploads_.end()) return fail(Errc::kNotFound, "no such upload");
    return found->second.row;
  });
}

Task<Result<UploadRow>> MemoryStateDb::find(std::string subject, std::string name) {
  const std::optional<Fault> fault = co_await enter("find");
  co_return run<UploadRow>(fault, [&]() -> Result<UploadRow> {
    const auto found = current_.find({subject, name});
    if (found == current_.end()) return fail(Errc::kNotFound, "no upload of that name");
    return uploads_.at(found->second).row;
  });
}

Task<Result<UploadId>> MemoryStateDb::find_multipart(MultipartId multipart) {
  const std::optional<Fault> fault = co_await enter("find_multipart");
  co_return run<UploadId>(fault, [&]() -> Result<UploadId> {
    for (const auto& [id, upload] : uploads_) {
      if (upload.row.multipart == multipart) return id;
    }
    return fail(Errc::kNotFound, "no upload has this multipart upload");
  });
}

Task<Result<std::vector<UploadRow>>> MemoryStateDb::list(UploadFilter filter) {
  const std::optional<Fault> fault = co_await enter("list");
  co_return run<std::vector<UploadRow>>(fault, [&]() -> Result<std::vector<UploadRow>> {
    std::vector<UploadRow> rows;
    for (auto it = uploads_.upper_bound(filter.after); it != uploads_.end(); ++it) {
      if (rows.size() == filter.limit) break;
      const UploadRow& row = it->second.row;
      const auto& states = filter.states;
      const bool wanted =
          states.empty() || std::find(states.begin(), states.end(), row.state) != states.end();
      if (!wanted || (filter.touched_before && row.touched_at >= *filter.touched_before)) continue;
      rows.push_back(row);
    }
    return rows;
  });
}

Task<Result<std::uint64_t>> MemoryStateDb::forget_finished(WallTime before) {
  const std::optional<Fault> fault = co_await enter("forget_finished");
  co_return run<std::uint64_t>(fault,
                               [&]() -> Result<std::uint64_t> { return forget_now(before); });
}

Task<Result<std::vector<OutboxRow>>> MemoryStateDb::outbox(std::size_t limit) {
  const std::optional<Fault> fault = co_await enter("outbox");
  co_return run<std::vector<OutboxRow>>(fault, [&]() -> Result<std::vector<OutboxRow>> {
    std::vector<OutboxRow> rows;
    for (const StoredEvent& event : events_) {
      if (rows.size() == limit) break;
      if (!event.delivered) rows.push_back(event.row);
    }
    return rows;
  });
}

Task<Result<Ok>> MemoryStateDb::mark_delivered(std::string event_id, WallTime /*now*/) {
  const std::optional<Fault> fault = co_await enter("mark_delivered");
  co_return run<Ok>(fault, [&]() -> Result<Ok> {
    const auto found =
        std::find_if(events_.begin(), events_.end(),
                     [&event_id](const StoredEvent& event) { return event.row.id == event_id; });
    if (found == events_.end()) return Ok{};
    found->delivered = true;
    // Its upload was forgotten before: nobody will come to sweep the event up.
    if (!uploads_.contains(found->row.upload)) events_.erase(found);
    return Ok{};
  });
}

Task<Result<Ok>> MemoryStateDb::probe() {
  const std::optional<Fault> fault = co_await enter("probe");
  co_return run<Ok>(fault, []() -> Result<Ok> { return Ok{}; });
}

std::vector<UploadRow> MemoryStateDb::snapshot() const {
  const std::lock_guard lock(mutex_);
  std::vector<UploadRow> rows;
  rows.reserve(uploads_.size());
  for (const auto& [id, upload] : uploads_) rows.push_back(upload.row);
  return rows;
}

}  // namespace sluice::statedb
