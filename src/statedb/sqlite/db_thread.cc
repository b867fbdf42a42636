#include "statedb/sqlite/db_thread.h"

#include <algorithm>

#include <sqlite3.h>

namespace sluice::statedb {

namespace {

// More would only delay the first answer; fsync is already shared by then.
constexpr std::size_t kBatchMax = 512;

// COMMIT failed. Full and busy are certain; after an I/O error the log may or may not hold the
// transaction when it is read again.
Error error_of_commit(const SQLite::Exception& exception) {
  Error error = error_of(exception);
  const int code = exception.getErrorCode();
  if (code == SQLITE_BUSY || code == SQLITE_FULL) return error;
  return Error(Errc::kOutcomeUnknown, error.detail());
}

}  // namespace

DbThread::DbThread(Kind kind, std::unique_ptr<Connection> connection)
    : kind_(kind), connection_(std::move(connection)), thread_([this] { loop(); }) {}

DbThread::~DbThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void DbThread::enqueue(std::shared_ptr<Job> job) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
}

DbThread::Batch DbThread::wait_for_batch() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  const std::size_t count = kind_ == Kind::kWriter ? std::min(queue_.size(), kBatchMax)
                                                   : std::min<std::size_t>(queue_.size(), 1);
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
  Batch batch(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
  return batch;
}

void DbThread::loop() {
  while (true) {
    const Batch batch = wait_for_batch();
    if (batch.empty()) return;  // stopping, and nothing is left
    if (kind_ == Kind::kWriter) {
      write(batch);
    } else {
      read(*batch.front());
    }
    for (const auto& job : batch) job->answered.notify_all();
  }
}

// Every job has a result afterwards, whatever happened.
void DbThread::write(const Batch& batch) {
  const auto fail_all = [&batch](const Error& error) {
    for (const auto& job : batch) job->fail_with(error);
  };
  try {
    connection_->exec("BEGIN IMMEDIATE");
    for (const auto& job : batch) write_one(*job);
  } catch (const SQLite::Exception& e) {
    // The transaction as a whole cannot go on (disk full, for example): nobody has been answered
    // yet, so nobody is.
    roll_back();
    fail_all(error_of(e));
    return;
  }
  try {
    connection_->exec("COMMIT");
  } catch (const SQLite::Exception& e) {
    roll_back();
    fail_all(error_of_commit(e));
  }
}

// Throws when the whole transaction is lost, and only then.
void DbThread::write_one(Job& job) {
  connection_->exec("SAVEPOINT job");
  bool done = false;
  try {
    done = job.run(*connection_);
  } catch (const SQLite::Exception& e) {
    if (!connection_->in_transaction()) throw;  // SQLite rolled everything back by itself
    job.fail_with(error_of(e));
  }
  if (!done) connection_->exec("ROLLBACK TO job");
  connection_->exec("RELEASE job");
}

void DbThread::read(Job& job) {
  try {
    connection_->exec("BEGIN");
    static_cast<void>(job.run(*connection_));
    connection_->exec("COMMIT");
  } catch (const SQLite::Exception& e) {
    roll_back();
    job.fail_with(error_of(e));
  }
}

void DbThread::roll_back() noexcept {
  try {
    if (connection_->in_transaction()) connection_->exec("ROLLBACK");
  } catch (const SQLite::Exception&) {
    // The next BEGIN fails and says so.
  }
}

}  // namespace sluice::statedb
