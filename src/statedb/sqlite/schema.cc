#include "statedb/sqlite/schema.h"

#include <SQLiteCpp/SQLiteCpp.h>

namespace sluice::statedb {

namespace {

constexpr int kApplicationId = 0x536c7563;  // "Sluc"

// uploads.n is the short key of the other tables. Times are milliseconds since 1970. Checksums are
// 64 bits as a signed number; their kind is the upload's. Claims of one upload never overlap.
constexpr const char* kSchema = R"sql(
CREATE TABLE uploads(
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  subject TEXT NOT NULL,
  name TEXT NOT NULL,
  object_key TEXT NOT NULL,
  token TEXT NOT NULL,
  attributes TEXT NOT NULL,
  checksum_kind TEXT NOT NULL,
  size_max INTEGER,
  parallel INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  total INTEGER,
  plan_first_bytes INTEGER,
  plan_parts_per_size INTEGER,
  plan_part_bytes_max INTEGER,
  plan_parts_max INTEGER,
  multipart TEXT,
  strays_possible INTEGER NOT NULL,
  touched_at INTEGER NOT NULL,
  result TEXT,
  last_token INTEGER NOT NULL,
  last_event INTEGER NOT NULL
) STRICT;
CREATE INDEX uploads_by_state ON uploads(state, id);
CREATE INDEX uploads_by_age ON uploads(state, touched_at);
CREATE INDEX uploads_by_multipart ON uploads(multipart) WHERE multipart IS NOT NULL;

CREATE TABLE parts(
  upload INTEGER NOT NULL,
  number INTEGER NOT NULL,
  range_begin INTEGER NOT NULL,
  range_end INTEGER NOT NULL,
  etag TEXT NOT NULL,
  checksum INTEGER NOT NULL,
  PRIMARY KEY(upload, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE parked(
  upload INTEGER NOT NULL,
  object_key TEXT NOT NULL,
  range_begin INTEGER NOT NULL,
  range_end INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  PRIMARY KEY(upload, object_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE claims(
  upload INTEGER NOT NULL,
  range_begin INTEGER NOT NULL,
  range_end INTEGER NOT NULL,
  token INTEGER NOT NULL,
  PRIMARY KEY(upload, range_begin)
) STRICT, WITHOUT ROWID;

CREATE TABLE aliases(
  subject TEXT NOT NULL,
  name TEXT NOT NULL,
  upload INTEGER NOT NULL,
  PRIMARY KEY(subject, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox(
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  upload TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  type TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  delivered_at INTEGER
) STRICT;
CREATE INDEX outbox_undelivered ON outbox(n) WHERE delivered_at IS NULL;
CREATE INDEX outbox_by_upload ON outbox(upload);
)sql";

void pragma(SQLite::Database& database, const std::string& name, int value) {
  database.exec("PRAGMA " + name + "=" + std::to_string(value));
}

}  // namespace

Result<Ok> prepare_schema(const std::string& path, std::chrono::milliseconds busy_timeout) {
  SQLite::Database database(path, SQLite::OPEN_READWRITE, static_cast<int>(busy_timeout.count()));
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  const int version = database.execAndGet("PRAGMA user_version").getInt();
  const int application = database.execAndGet("PRAGMA application_id").getInt();
  const int tables = database.execAndGet("SELECT count(*) FROM sqlite_schema").getInt();
  if (application != kApplicationId && (application != 0 || version != 0 || tables != 0)) {
    return fail(Errc::kInvalidArgument, "the file is not a Sluice state database");
  }
  if (version > kSchemaVersion) {
    return fail(Errc::kRejected, "written by a newer Sluice (schema " + std::to_string(version) +
                                     ", this program knows " + std::to_string(kSchemaVersion) +
                                     "): use that version or a copy from before the upgrade");
  }
  if (version == 0) {
    database.exec(kSchema);
    pragma(database, "application_id", kApplicationId);
    pragma(database, "user_version", kSchemaVersion);
  }
  transaction.commit();
  return Ok{};
}

Result<Ok> check_schema(const std::string& path, std::chrono::milliseconds busy_timeout) {
  SQLite::Database database(path, SQLite::OPEN_READONLY, static_cast<int>(busy_timeout.count()));
  const int version = database.execAndGet("PRAGMA user_version").getInt();
  if (database.execAndGet("PRAGMA application_id").getInt() != kApplicationId) {
    return fail(Errc::kInvalidArgument, "the file is not a Sluice state database");
  }
  if (version != kSchemaVersion) {
    return fail(Errc::kRejected, "written by another version of Sluice (schema " +
                                     std::to_string(version) + ", this program knows " +
                                     std::to_string(kSchemaVersion) + ")");
  }
  return Ok{};
}

}  // namespace sluice::statedb
