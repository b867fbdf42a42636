// The embedded state database: SQLite, one file, one process, WAL, synchronous=FULL.
//
// One writer thread takes everything that is queued at a moment into one transaction (group
// commit): each mutation in a savepoint of its own, so that a refused one harms no other; answers
// are given after COMMIT. One reader thread with its own connection, so that listings never hold up
// commits. Nothing is loaded at start: opening costs the same with a million open uploads.
//
// What open_sqlite() answers is thread-safe; resumptions on the caller's executor. Destroying it
// finishes what was queued. A cancelled call leaves its effect unknown.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "ports/state_db.h"

namespace sluice::statedb {

struct SqliteOptions {
  explicit SqliteOptions(std::string p) : path(std::move(p)) {}
  std::string path;  // of the database file; its directory exists. PATH.lock, -wal, -shm lie beside
  // How long to wait for an outside program (a backup, the sqlite3 shell) that holds the file, ms.
  std::chrono::milliseconds busy_timeout{5'000};
};

// Opens or creates the file (mode 0600). Blocking: for start-up.
// Errors: kConflict (another process has it), kInvalidArgument (no plain path, or the file is not a
// state database), kRejected (written by a newer version), kUnavailable (cannot be opened),
// kCorrupt.
Result<std::unique_ptr<StateDb>> open_sqlite(SqliteOptions options);

// Opens an existing file for reading, also while another process works with it: what is written
// there becomes visible commit by commit. Every change is refused (kUnavailable). Blocking.
// Errors: as open_sqlite() but never kConflict; kRejected also if the file is older than this
// program, which a look must not bring up to date.
Result<std::unique_ptr<StateDb>> open_sqlite_to_look(SqliteOptions options);

}  // namespace sluice::statedb
