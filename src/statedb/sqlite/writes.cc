#include "statedb/sqlite/writes.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "statedb/rules.h"
#include "statedb/sqlite/json.h"
#include "statedb/sqlite/rows.h"

namespace sluice::statedb {

namespace {

using MaybeNumber = std::optional<std::int64_t>;

MaybeNumber maybe(const std::optional<ByteCount>& count) {
  if (!count) return std::nullopt;
  return stored(*count);
}
std::optional<std::string> maybe(const std::optional<MultipartId>& multipart) {
  if (!multipart) return std::nullopt;
  return multipart->str();
}
std::optional<std::string> maybe(const std::optional<core::UploadResult>& result) {
  if (!result) return std::nullopt;
  return to_json(*result);
}

// A part plan as four columns, all NULL when there is none.
struct PlanColumns {
  explicit PlanColumns(const std::optional<core::PartPlan::Shape>& plan) {
    if (!plan) return;
    first = stored(plan->first_bytes);
    step = std::int64_t{plan->parts_per_size};
    max = stored(plan->part_bytes_max);
    parts = std::int64_t{plan->parts_max};
  }
  MaybeNumber first, step, max, parts;
};

void insert_part(Connection& connection, std::int64_t n, const PartRow& part) {
  Query query(connection,
              "INSERT OR REPLACE INTO parts(upload, number, range_begin, range_end, etag, checksum)"
              " VALUES(?, ?, ?, ?, ?, ?)",
              n, std::int64_t{part.number.value()}, stored(part.range.begin()),
              stored(part.range.end()), part.etag.str(), stored(part.checksum));
  query.run();
}

// If the upload is the current one of its name, there is none any more.
void release_name(Connection& connection, std::int64_t n) {
  Query query(connection,
              "DELETE FROM aliases WHERE upload = ?1 AND (subject, name) ="
              " (SELECT subject, name FROM uploads WHERE n = ?1)",
              n);
  query.run();
}

void insert_parked(Connection& connection, std::int64_t n, const ParkedRow& parked) {
  Query query(connection,
              "INSERT OR REPLACE INTO parked(upload, object_key, range_begin, range_end, checksum)"
              " VALUES(?, ?, ?, ?, ?)",
              n, parked.key.str(), stored(parked.range.begin()), stored(parked.range.end()),
              stored(parked.checksum));
  query.run();
}

void insert_claim(Connection& connection, std::int64_t n, const ClaimRow& claim) {
  Query query(connection,
              "INSERT INTO claims(upload, range_begin, range_end, token) VALUES(?, ?, ?, ?)", n,
              stored(claim.range.begin()), stored(claim.range.end()), stored(claim.token));
  query.run();
}

// Claims as they were stored by us; a row that makes no sense holds nothing, which fences.
std::vector<ClaimRow> read_claims(Query& query) {
  std::vector<ClaimRow> claims;
  while (query.step()) {
    const std::int64_t begin = query.number(0);
    const std::int64_t end = query.number(1);
    if (begin < 0 || end <= begin) continue;
    claims.push_back({static_cast<FenceToken>(query.number(2)),
                      ByteRange(ByteOffset(static_cast<std::uint64_t>(begin)),
                                ByteOffset(static_cast<std::uint64_t>(end)))});
  }
  return claims;
}

std::vector<ClaimRow> claims_of(Connection& connection, std::int64_t n, FenceToken token) {
  Query query(connection,
              "SELECT range_begin, range_end, token FROM claims WHERE upload = ? AND token = ?"
              " ORDER BY range_begin",
              n, stored(token));
  return read_claims(query);
}

// What a mutation needs to know of an upload before it changes it.
struct Head {
  UploadState state = UploadState::kOpen;
  std::string reason;
  std::optional<ByteCount> total;
  std::optional<core::PartPlan::Shape> plan;
  std::optional<std::string> multipart;
  wire::ChecksumKind checksum_kind = wire::ChecksumKind::kCrc64Nvme;
  bool strays_possible = false;
  bool has_result = false;
  WallTime touched_at;
  std::uint64_t last_event = 0;
};

Result<Head> read_head(Connection& connection, std::int64_t n) {
  Query query(connection,
              "SELECT state, reason, total, plan_first_bytes, plan_parts_per_size,"
              " plan_part_bytes_max, plan_parts_max, multipart, checksum_kind, strays_possible,"
              " result IS NOT NULL, touched_at, last_event FROM uploads WHERE n = ?",
              n);
  if (!query.step()) return fail(Errc::kNotFound, "no such upload");
  Head head;
  const auto state = state_from(query.text(0));
  const auto kind = wire::checksum_kind(query.text(8));
  const MaybeNumber total = query.maybe_number(2);
  if (!state || !kind || (total && *total < 0)) return fail(Errc::kCorrupt, "row: broken head");
  head.state = *state;
  head.reason = query.text(1);
  if (total) head.total = ByteCount(static_cast<std::uint64_t>(*total));
  if (!query.is_null(3)) {
    core::PartPlan::Shape shape;
    shape.first_bytes = static_cast<std::uint64_t>(query.number(3));
    shape.parts_per_size = static_cast<std::uint32_t>(query.number(4));
    shape.part_bytes_max = static_cast<std::uint64_t>(query.number(5));
    shape.parts_max = static_cast<std::uint32_t>(query.number(6));
    head.plan = shape;
  }
  if (!query.is_null(7)) head.multipart = query.text(7);
  head.checksum_kind = *kind;
  head.strays_possible = query.number(9) != 0;
  head.has_result = query.number(10) != 0;
  head.touched_at = wall_time(query.number(11));
  head.last_event = static_cast<std::uint64_t>(query.number(12));
  return head;
}

// Applies the changes of one mutation: parts, parked segments and events at once, the head at the
// end.
class Applier {
 public:
  Applier(Connection& connection, std::int64_t n, Head head, std::vector<ClaimRow> claims,
          const Mutation& mutation)
      : connection_(connection),
        n_(n),
        head_(std::move(head)),
        claims_(std::move(claims)),
        mutation_(mutation) {}

  Result<Ok> operator()(const change::SetPlan& c);
  Result<Ok> operator()(const change::SetMultipart& c);
  Result<Ok> operator()(const change::SetTotal& c);
  Result<Ok> operator()(const change::SetStraysPossible& c);
  Result<Ok> operator()(const change::AddPart& c);
  Result<Ok> operator()(const change::AddParked& c);
  Result<Ok> operator()(const change::DropParked& c);
  Result<Ok> operator()(const change::SetState& c);
  Result<Ok> operator()(const change::SetResult& c);
  Result<Ok> operator()(const change::Emit& c);
  Result<Ok> operator()(const change::Touch& c);
  Result<Ok> operator()(const change::ReleaseName& c);

  // Writes the head. The last step.
  Result<Ok> finish();

 private:
  void touch() { head_.touched_at = std::max(head_.touched_at, mutation_.now); }
  Result<Ok> may_write(ByteRange range, const wire::Checksum& checksum) const;
  bool has_parts();
  Result<Ok> check_neighbours(const PartRow& part);
  Result<Ok> check_total();

  Connection& connection_;
  const std::int64_t n_;
  Head head_;
  const std::vector<ClaimRow> claims_;  // of the mutation's token, ascending
  const Mutation& mutation_;
  std::optional<core::UploadResult> result_;
  bool head_changed_ = false;  // more than time and event counter
  bool total_changed_ = false;
};

Result<Ok> Applier::operator()(const change::SetPlan& c) {
  if (head_.plan && *head_.plan != c.shape) return fail(Errc::kConflict, "the plan is fixed");
  SLUICE_TRY_OK(check_plan(c.shape));
  head_.plan = c.shape;
  head_changed_ = true;
  return Ok{};
}

Result<Ok> Applier::operator()(const change::SetMultipart& c) {
  if (head_.multipart && *head_.multipart != c.multipart.str() && has_parts()) {
    return fail(Errc::kConflict, "parts belong to another multipart upload");
  }
  head_.multipart = c.multipart.str();
  head_changed_ = true;
  return Ok{};
}

Result<Ok> Applier::operator()(const change::SetTotal& c) {
  if (head_.total && *head_.total != c.total) return fail(Errc::kConflict, "the total is fixed");
  if (end_of(c.total) > kFarEnd) return fail(Errc::kInvalidArgument, "total beyond 2^63 bytes");
  head_.total = c.total;
  head_changed_ = true;
  total_changed_ = true;
  return Ok{};
}

Result<Ok> Applier::operator()(const change::SetStraysPossible&) {
  head_changed_ = head_changed_ || !head_.strays_possible;
  head_.strays_possible = true;
  return Ok{};
}

Result<Ok> Applier::operator()(const change::AddPart& c) {
  SLUICE_TRY_OK(may_write(c.part.range, c.part.checksum));
  SLUICE_TRY_OK(check_neighbours(c.part));
  insert_part(connection_, n_, c.part);
  touch();
  return Ok{};
}

Result<Ok> Applier::operator()(const change::AddParked& c) {
  SLUICE_TRY_OK(may_write(c.parked.range, c.parked.checksum));
  insert_parked(connection_, n_, c.parked);
  touch();
  return Ok{};
}

Result<Ok> Applier::operator()(const change::DropParked& c) {
  Query query(connection_, "DELETE FROM parked WHERE upload = ? AND object_key = ?", n_,
              c.key.str());
  query.run();
  return Ok{};
}

Result<Ok> Applier::operator()(const change::SetState& c) {
  if (!may_move(head_.state, c.state, head_.multipart.has_value())) {
    return fail(Errc::kInvalidArgument, "no way from this state to that one");
  }
  head_.state = c.state;
  head_.reason = c.reason;
  head_changed_ = true;
  touch();
  return Ok{};
}

Result<Ok> Applier::operator()(const change::SetResult& c) {
  result_ = c.result;
  head_changed_ = true;
  return Ok{};
}

Result<Ok> Applier::operator()(const change::Emit& c) {
  const std::uint64_t sequence = ++head_.last_event;
  Query query(connection_,
              "INSERT INTO outbox(id, upload, sequence, type, body, created_at)"
              " VALUES(?, ?, ?, ?, ?, ?)",
              event_id(mutation_.id, sequence), mutation_.id.str(), stored(sequence), c.event.type,
              c.event.body, stored(mutation_.now));
  query.run();
  return Ok{};
}

Result<Ok> Applier::operator()(const change::Touch&) {
  touch();
  return Ok{};
}

Result<Ok> Applier::operator()(const change::ReleaseName&) {
  if (!is_finished(head_.state)) return fail(Errc::kInvalidArgument, "it is not finished");
  release_name(connection_, n_);
  return Ok{};
}

Result<Ok> Applier::may_write(ByteRange range, const wire::Checksum& checksum) const {
  SLUICE_TRY_OK(check_range(range, head_.total));
  if (checksum.kind() != head_.checksum_kind) {
    return fail(Errc::kInvalidArgument, "checksum of another kind than the upload's");
  }
  ByteOffset at = range.begin();
  for (const ClaimRow& claim : claims_) {
    if (claim.range.begin() <= at) at = std::max(at, claim.range.end());
  }
  if (at < range.end()) return fail(Errc::kFenced, "bytes outside the claim");
  return Ok{};
}

bool Applier::has_parts() {
  Query query(connection_, "SELECT 1 FROM parts WHERE upload = ? LIMIT 1", n_);
  return query.step();
}

Result<Ok> Applier::check_neighbours(const PartRow& part) {
  const std::int64_t number = part.number.value();
  Query before(connection_,
               "SELECT range_end FROM parts WHERE upload = ? AND number < ?"
               " ORDER BY number DESC LIMIT 1",
               n_, number);
  if (before.step() && before.number(0) > stored(part.range.begin())) {
    return fail(Errc::kInvalidArgument, "a part overlaps the one before it");
  }
  Query behind(connection_,
               "SELECT range_begin FROM parts WHERE upload = ? AND number > ?"
               " ORDER BY number LIMIT 1",
               n_, number);
  if (behind.step() && behind.number(0) < stored(part.range.end())) {
    return fail(Errc::kInvalidArgument, "a part overlaps the one behind it");
  }
  return Ok{};
}

Result<Ok> Applier::check_total() {
  Query query(connection_,
              "SELECT max(coalesce((SELECT max(range_end) FROM parts WHERE upload = ?1), 0),"
              " coalesce((SELECT max(range_end) FROM parked WHERE upload = ?1), 0))",
              n_);
  if (query.step() && query.number(0) > stored(*head_.total)) {
    return fail(Errc::kInvalidArgument, "the total is less than what is stored");
  }
  return Ok{};
}

Result<Ok> Applier::finish() {
  if (total_changed_) {
    SLUICE_TRY_OK(check_total());
  }
  if (head_.state == UploadState::kComplete && !head_.has_result && !result_) {
    return fail(Errc::kInvalidArgument, "complete without a result");
  }
  if (head_changed_) {
    const PlanColumns plan(head_.plan);
    Query query(connection_,
                "UPDATE uploads SET state = ?, reason = ?, total = ?, plan_first_bytes = ?,"
                " plan_parts_per_size = ?, plan_part_bytes_max = ?, plan_parts_max = ?,"
                " multipart = ?, strays_possible = ?, result = coalesce(?, result) WHERE n = ?",
                std::string(to_string(head_.state)), head_.reason, maybe(head_.total), plan.first,
                plan.step, plan.max, plan.parts, head_.multipart,
                std::int64_t{head_.strays_possible ? 1 : 0}, maybe(result_), n_);
    query.run();
  }
  // Apart from the head, so that the common case leaves most indexes alone.
  Query query(connection_, "UPDATE uploads SET touched_at = ?, last_event = ? WHERE n = ?",
              stored(head_.touched_at), stored(head_.last_event), n_);
  query.run();
  if (is_finished(head_.state)) {
    // Nobody else will write any more.
    Query others(connection_, "DELETE FROM claims WHERE upload = ? AND token <> ?", n_,
                 stored(mutation_.token));
    others.run();
  }
  return Ok{};
}

// Frees the name for a new upload, as create() of the port says.
Result<Ok> give_up_name(Connection& connection, const UploadRow& row,
                        const std::optional<UploadId>& replaces) {
  const MaybeNumber current = find_current(connection, row.subject, row.name);
  if (!current) {
    if (replaces) return fail(Errc::kConflict, "another upload has the name");
    return Ok{};
  }
  std::string id;
  std::string state_name;
  {
    Query query(connection, "SELECT id, state FROM uploads WHERE n = ?", *current);
    if (!query.step()) return fail(Errc::kCorrupt, "a name belongs to no upload");
    id = query.text(0);
    state_name = query.text(1);
  }
  const auto state = state_from(state_name);
  if (!state) return fail(Errc::kCorrupt, "row: unknown state");
  if (!replaces) {
    if (!frees_name(*state)) return fail(Errc::kConflict, "an unfinished upload has the name");
    return Ok{};
  }
  if (id != replaces->str()) return fail(Errc::kConflict, "another upload has the name");
  if (*state == UploadState::kOpen) {
    Query query(connection,
                "UPDATE uploads SET state = 'aborting', reason = 'replaced',"
                " touched_at = max(touched_at, ?) WHERE n = ?",
                stored(row.created_at), *current);
    query.run();
  }
  return Ok{};
}

}  // namespace

Result<FenceToken> create_upload(Connection& connection, const UploadRow& row,
                                 const std::optional<UploadId>& replaces) {
  if (row.state != UploadState::kOpen) return fail(Errc::kInvalidArgument, "a new upload is open");
  SLUICE_TRY_OK(check_row(row));
  if (find_upload(connection, row.id)) return fail(Errc::kConflict, "upload id exists");
  SLUICE_TRY_OK(give_up_name(connection, row, replaces));
  constexpr FenceToken kFirst = 1;
  const PlanColumns plan(row.plan);
  Query query(connection,
              "INSERT INTO uploads(id, subject, name, object_key, token, attributes, checksum_kind,"
              " size_max, parallel, created_at, state, reason, total, plan_first_bytes,"
              " plan_parts_per_size, plan_part_bytes_max, plan_parts_max, multipart,"
              " strays_possible, touched_at, result, last_token, last_event)"
              " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, 0)",
              row.id.str(), row.subject, row.name, row.key.str(), row.token.str(),
              to_json(row.attributes), std::string(wire::to_string(row.checksum_kind)),
              maybe(row.size_max), std::int64_t{row.parallel ? 1 : 0}, stored(row.created_at),
              std::string(to_string(row.state)), row.reason, maybe(row.total), plan.first,
              plan.step, plan.max, plan.parts, maybe(row.multipart),
              std::int64_t{row.strays_possible ? 1 : 0}, stored(row.touched_at), stored(kFirst));
  query.run();
  const std::int64_t n = connection.database().getLastInsertRowid();
  Query alias(connection, "INSERT OR REPLACE INTO aliases(subject, name, upload) VALUES(?, ?, ?)",
              row.subject, row.name, n);
  alias.run();
  for (const PartRow& part : row.parts) insert_part(connection, n, part);
  for (const ParkedRow& parked : row.parked) insert_parked(connection, n, parked);
  insert_claim(connection, n, {kFirst, kWhole});
  return kFirst;
}

Result<FenceToken> claim_range(Connection& connection, const UploadId& id, ByteRange range) {
  SLUICE_TRY(const ByteRange wanted, storable_claim(range));
  const MaybeNumber n = find_upload(connection, id);
  if (!n) return fail(Errc::kNotFound, "no such upload");
  FenceToken token = 0;
  {
    Query query(connection,
                "UPDATE uploads SET last_token = last_token + 1 WHERE n = ? RETURNING last_token",
                *n);
    query.step();
    token = static_cast<FenceToken>(query.number(0));
    query.step();  // to its end, which makes the update
  }
  std::vector<ClaimRow> older;
  {
    Query query(connection,
                "SELECT range_begin, range_end, token FROM claims"
                " WHERE upload = ? AND range_begin < ? AND range_end > ?",
                *n, stored(wanted.end()), stored(wanted.begin()));
    older = read_claims(query);
  }
  {
    Query query(connection,
                "DELETE FROM claims WHERE upload = ? AND range_begin < ? AND range_end > ?", *n,
                stored(wanted.end()), stored(wanted.begin()));
    query.run();
  }
  for (const ClaimRow& claim : older) {
    for (const ClaimRow& piece : left_over(claim, wanted)) insert_claim(connection, *n, piece);
  }
  insert_claim(connection, *n, {token, wanted});
  return token;
}

Result<Ok> commit_mutation(Connection& connection, const Mutation& mutation) {
  const MaybeNumber n = find_upload(connection, mutation.id);
  if (!n) return fail(Errc::kNotFound, "no such upload");
  std::vector<ClaimRow> claims = claims_of(connection, *n, mutation.token);
  if (claims.empty()) return fail(Errc::kFenced, "a newer claim took over");
  SLUICE_TRY(Head head, read_head(connection, *n));
  if (head.state != mutation.expected) {
    return fail(Errc::kConflict, "state is " + std::string(to_string(head.state)));
  }
  Applier applier(connection, *n, std::move(head), std::move(claims), mutation);
  for (const Change& change : mutation.changes) {
    SLUICE_TRY_OK(std::visit(applier, change));
  }
  return applier.finish();
}

Result<std::uint64_t> forget_some(Connection& connection, WallTime before, std::uint64_t limit) {
  std::vector<std::pair<std::int64_t, std::string>> old;
  for (const UploadState state : {UploadState::kComplete, UploadState::kAborted}) {
    Query query(connection,
                "SELECT n, id FROM uploads INDEXED BY uploads_by_age"
                " WHERE state = ? AND touched_at < ? ORDER BY touched_at LIMIT ?",
                std::string(to_string(state)), stored(before), stored(limit - old.size()));
    while (query.step()) old.emplace_back(query.number(0), query.text(1));
  }
  for (const auto& [n, id] : old) {
    release_name(connection, n);
    Query(connection, "DELETE FROM parts WHERE upload = ?", n).run();
    Query(connection, "DELETE FROM parked WHERE upload = ?", n).run();
    Query(connection, "DELETE FROM claims WHERE upload = ?", n).run();
    Query(connection, "DELETE FROM outbox WHERE upload = ? AND delivered_at IS NOT NULL", id).run();
    Query(connection, "DELETE FROM uploads WHERE n = ?", n).run();
  }
  return std::uint64_t{old.size()};
}

Result<Ok> mark_event_delivered(Connection& connection, const std::string& event_id, WallTime now) {
  Query update(connection,
               "UPDATE outbox SET delivered_at = ? WHERE id = ? AND delivered_at IS NULL",
               stored(now), event_id);
  update.run();
  // Its upload was forgotten before: nobody will come to sweep the event up.
  Query remove(connection,
               "DELETE FROM outbox WHERE id = ?"
               " AND NOT EXISTS(SELECT 1 FROM uploads WHERE uploads.id = outbox.upload)",
               event_id);
  remove.run();
  return Ok{};
}

}  // namespace sluice::statedb
