#include "statedb/sqlite/rows.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <utility>

#include "statedb/rules.h"
#include "statedb/sqlite/json.h"

namespace sluice::statedb {

namespace {

constexpr std::array kStates = {UploadState::kOpen, UploadState::kCompleting,
                                UploadState::kComplete, UploadState::kAborting,
                                UploadState::kAborted};

tl::unexpected<Error> corrupt(const std::string& what) {
  return fail(Errc::kCorrupt, "row: " + what);
}

Result<ByteRange> range_from(std::int64_t begin, std::int64_t end) {
  if (begin < 0 || end < begin) return corrupt("a range that is none");
  return ByteRange(ByteOffset(static_cast<std::uint64_t>(begin)),
                   ByteOffset(static_cast<std::uint64_t>(end)));
}

Result<std::optional<ByteCount>> count_from(std::optional<std::int64_t> number) {
  if (!number) return std::optional<ByteCount>();
  if (*number < 0) return corrupt("a negative size");
  return std::optional<ByteCount>(static_cast<std::uint64_t>(*number));
}

// Columns `column` … `column` + 3 of the query.
Result<std::optional<core::PartPlan::Shape>> plan_from(Query& query, int column) {
  constexpr std::int64_t kMax32 = std::numeric_limits<std::uint32_t>::max();
  if (query.is_null(column)) return std::optional<core::PartPlan::Shape>();
  const std::int64_t first = query.number(column);
  const std::int64_t step = query.number(column + 1);
  const std::int64_t max = query.number(column + 2);
  const std::int64_t parts = query.number(column + 3);
  if (first <= 0 || step < 0 || step > kMax32 || max < 0 || parts <= 0 || parts > kMax32) {
    return corrupt("a part plan that is none");
  }
  core::PartPlan::Shape shape;
  shape.first_bytes = static_cast<std::uint64_t>(first);
  shape.parts_per_size = static_cast<std::uint32_t>(step);
  shape.part_bytes_max = static_cast<std::uint64_t>(max);
  shape.parts_max = static_cast<std::uint32_t>(parts);
  return std::optional<core::PartPlan::Shape>(shape);
}

Result<UploadRow> read_head(Connection& connection, std::int64_t n) {
  Query query(connection,
              "SELECT id, subject, name, object_key, token, attributes, checksum_kind, size_max,"
              " parallel, created_at, state, reason, total, plan_first_bytes, plan_parts_per_size,"
              " plan_part_bytes_max, plan_parts_max, multipart, strays_possible, touched_at, result"
              " FROM uploads WHERE n = ?",
              n);
  if (!query.step()) return fail(Errc::kNotFound, "no such upload");
  UploadRow row;
  row.id = UploadId(query.text(0));
  row.subject = query.text(1);
  row.name = query.text(2);
  row.key = ObjectKey(query.text(3));
  row.token = UploadToken(query.text(4));
  SLUICE_TRY(row.attributes, attributes_from_json(query.text(5)));
  const auto kind = wire::checksum_kind(query.text(6));
  if (!kind) return corrupt("unknown kind of checksum");
  row.checksum_kind = *kind;
  SLUICE_TRY(row.size_max, count_from(query.maybe_number(7)));
  row.parallel = query.number(8) != 0;
  row.created_at = wall_time(query.number(9));
  const auto state = state_from(query.text(10));
  if (!state) return corrupt("unknown state");
  row.state = *state;
  row.reason = query.text(11);
  SLUICE_TRY(row.total, count_from(query.maybe_number(12)));
  SLUICE_TRY(row.plan, plan_from(query, 13));
  if (!query.is_null(17)) row.multipart = MultipartId(query.text(17));
  row.strays_possible = query.number(18) != 0;
  row.touched_at = wall_time(query.number(19));
  if (!query.is_null(20)) {
    SLUICE_TRY(row.result, result_from_json(query.text(20)));
  }
  return row;
}

Result<Ok> read_parts(Connection& connection, std::int64_t n, UploadRow& row) {
  Query query(connection,
              "SELECT number, range_begin, range_end, etag, checksum FROM parts"
              " WHERE upload = ? ORDER BY number",
              n);
  while (query.step()) {
    const std::int64_t number = query.number(0);
    if (number < 1 || number > std::numeric_limits<std::int32_t>::max()) {
      return corrupt("a part number that is none");
    }
    SLUICE_TRY(const ByteRange range, range_from(query.number(1), query.number(2)));
    const wire::Checksum checksum(row.checksum_kind, static_cast<std::uint64_t>(query.number(4)));
    row.parts.emplace_back(PartNumber(static_cast<std::uint32_t>(number)), range,
                           ETag(query.text(3)), checksum);
  }
  return Ok{};
}

Result<Ok> read_parked(Connection& connection, std::int64_t n, UploadRow& row) {
  Query query(connection,
              "SELECT range_begin, range_end, object_key, checksum FROM parked"
              " WHERE upload = ? ORDER BY range_begin, object_key",
              n);
  while (query.step()) {
    SLUICE_TRY(const ByteRange range, range_from(query.number(0), query.number(1)));
    const wire::Checksum checksum(row.checksum_kind, static_cast<std::uint64_t>(query.number(3)));
    row.parked.emplace_back(range, ObjectKey(query.text(2)), checksum);
  }
  return Ok{};
}

using IdAndNumber = std::pair<std::string, std::int64_t>;

// The next uploads of one state, ascending by id. Both forms stay within one index.
std::vector<IdAndNumber> ids_of_state(Connection& connection, UploadState state,
                                      const UploadFilter& filter) {
  const std::string name(to_string(state));
  const std::int64_t limit = stored(std::uint64_t{filter.limit});
  std::vector<IdAndNumber> ids;
  const auto take = [&ids](Query& query) {
    while (query.step()) ids.emplace_back(query.text(0), query.number(1));
  };
  if (filter.touched_before) {
    Query query(connection,
                "SELECT id, n FROM uploads INDEXED BY uploads_by_age"
                " WHERE state = ? AND touched_at < ? AND id > ? ORDER BY id LIMIT ?",
                name, stored(*filter.touched_before), filter.after.str(), limit);
    take(query);
  } else {
    Query query(connection,
                "SELECT id, n FROM uploads INDEXED BY uploads_by_state"
                " WHERE state = ? AND id > ? ORDER BY id LIMIT ?",
                name, filter.after.str(), limit);
    take(query);
  }
  return ids;
}

}  // namespace

WallTime wall_time(std::int64_t milliseconds) {
  return WallTime(std::chrono::milliseconds(milliseconds));
}

std::optional<UploadState> state_from(const std::string& text) {
  for (const UploadState state : kStates) {
    if (to_string(state) == text) return state;
  }
  return std::nullopt;
}

Result<UploadRow> read_upload(Connection& connection, std::int64_t n) {
  SLUICE_TRY(UploadRow row, read_head(connection, n));
  SLUICE_TRY_OK(read_parts(connection, n, row));
  SLUICE_TRY_OK(read_parked(connection, n, row));
  // The same facts that were checked when the row was written.
  const Result<Ok> sane = check_row(row);
  if (!sane) return fail(Errc::kCorrupt, sane.error().detail() + " (upload " + row.id.str() + ")");
  return row;
}

std::optional<std::int64_t> find_upload(Connection& connection, const UploadId& id) {
  Query query(connection, "SELECT n FROM uploads WHERE id = ?", id.str());
  if (!query.step()) return std::nullopt;
  return query.number(0);
}

std::optional<std::int64_t> find_current(Connection& connection, const std::string& subject,
                                         const std::string& name) {
  Query query(connection, "SELECT upload FROM aliases WHERE subject = ? AND name = ?", subject,
              name);
  if (!query.step()) return std::nullopt;
  return query.number(0);
}

Result<std::vector<UploadRow>> list_uploads(Connection& connection, const UploadFilter& filter) {
  std::vector<UploadState> states = filter.states;
  if (states.empty()) states.assign(kStates.begin(), kStates.end());
  std::vector<IdAndNumber> ids;
  for (const UploadState state : states) {
    const std::vector<IdAndNumber> more = ids_of_state(connection, state, filter);
    ids.insert(ids.end(), more.begin(), more.end());
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  if (ids.size() > filter.limit) ids.resize(filter.limit);
  std::vector<UploadRow> rows;
  rows.reserve(ids.size());
  for (const IdAndNumber& found : ids) {
    SLUICE_TRY(UploadRow row, read_upload(connection, found.second));
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<std::vector<OutboxRow>> read_outbox(Connection& connection, std::size_t limit) {
  // Insertion order: it is the order of commits, and the wall clock may jump.
  Query query(connection,
              "SELECT id, upload, sequence, type, body, created_at FROM outbox"
              " WHERE delivered_at IS NULL ORDER BY n LIMIT ?",
              stored(std::uint64_t{limit}));
  std::vector<OutboxRow> rows;
  while (query.step()) {
    const std::int64_t sequence = query.number(2);
    if (sequence < 1) return corrupt("an event's sequence number");
    Event event(query.text(3), query.text(4));
    rows.emplace_back(query.text(0), UploadId(query.text(1)), static_cast<std::uint64_t>(sequence),
                      std::move(event), wall_time(query.number(5)));
  }
  return rows;
}

}  // namespace sluice::statedb
