#include "statedb/sqlite/connection.h"

#include <sqlite3.h>

namespace sluice::statedb {

Connection::Connection(const std::string& path, std::chrono::milliseconds busy_timeout)
    : database_(path, SQLite::OPEN_READWRITE, static_cast<int>(busy_timeout.count())) {
  // The answer is the mode that is in force, not an error.
  const std::string mode = database_.execAndGet("PRAGMA journal_mode=WAL").getString();
  if (mode != "wal") throw SQLite::Exception("the file system cannot hold a WAL", SQLITE_CANTOPEN);
  database_.exec("PRAGMA synchronous=FULL");  // an answered commit survives a power cut
  database_.exec("PRAGMA trusted_schema=OFF");
  database_.exec("PRAGMA temp_store=MEMORY");
  database_.exec("PRAGMA cache_size=-8192");             // KiB
  database_.exec("PRAGMA journal_size_limit=67108864");  // bytes the WAL keeps after a peak
}

SQLite::Statement& Connection::prepared(std::string_view sql) {
  auto& slot = statements_[sql];
  if (!slot) slot = std::make_unique<SQLite::Statement>(database_, std::string(sql));
  return *slot;
}

void Connection::exec(std::string_view sql) {
  Query query(*this, sql);
  query.run();
}

bool Connection::in_transaction() noexcept {
  return sqlite3_get_autocommit(database_.getHandle()) == 0;
}

Query::~Query() {
  // reset() of SQLiteCpp throws the step's error a second time; tryReset() does not.
  static_cast<void>(statement_.tryReset());
  statement_.clearBindings();
}

Error error_of(const SQLite::Exception& exception) {
  const std::string detail = std::string("state database: ") + exception.what();
  switch (exception.getErrorCode()) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Error(Errc::kCorrupt, detail);
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT:
      return Error(Errc::kInvalidArgument, detail);
    default:
      return Error(Errc::kUnavailable, detail);
  }
}

}  // namespace sluice::statedb
