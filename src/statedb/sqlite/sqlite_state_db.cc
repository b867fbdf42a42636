#include "statedb/sqlite/sqlite_state_db.h"

#include <cerrno>
#include <filesystem>
#include <functional>
#include <optional>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "statedb/sqlite/connection.h"
#include "statedb/sqlite/db_thread.h"
#include "statedb/sqlite/file_lock.h"
#include "statedb/sqlite/rows.h"
#include "statedb/sqlite/schema.h"
#include "statedb/sqlite/writes.h"

namespace sluice::statedb {

namespace {

// Uploads that one transaction forgets, so that a big sweep does not hold up commits.
constexpr std::uint64_t kForgetBatch = 200;

class SqliteStateDb final : public StateDb {
 public:
  SqliteStateDb(std::optional<FileLock> lock, std::unique_ptr<Connection> writer,
                std::unique_ptr<Connection> reader)
      : lock_(std::move(lock)),
        writer_(DbThread::Kind::kWriter, std::move(writer)),
        reader_(DbThread::Kind::kReader, std::move(reader)) {}

  Task<Result<FenceToken>> create(UploadRow row, std::optional<UploadId> replaces) override {
    return writer_.ask<FenceToken>(
        [row = std::move(row), replaces = std::move(replaces)](Connection& connection) {
          return create_upload(connection, row, replaces);
        });
  }

  Task<Result<FenceToken>> claim(UploadId id, ByteRange range) override {
    return writer_.ask<FenceToken>([id = std::move(id), range](Connection& connection) {
      return claim_range(connection, id, range);
    });
  }

  Task<Result<Ok>> commit(Mutation mutation) override {
    return writer_.ask<Ok>([mutation = std::move(mutation)](Connection& connection) {
      return commit_mutation(connection, mutation);
    });
  }

  Task<Result<UploadRow>> load(UploadId id) override {
    return reader_.ask<UploadRow>(
        [id = std::move(id)](Connection& connection) -> Result<UploadRow> {
          const auto n = find_upload(connection, id);
          if (!n) return fail(Errc::kNotFound, "no such upload");
          return read_upload(connection, *n);
        });
  }

  Task<Result<UploadRow>> find(std::string subject, std::string name) override {
    return reader_.ask<UploadRow>([subject = std::move(subject), name = std::move(name)](
                                      Connection& connection) -> Result<UploadRow> {
      const auto n = find_current(connection, subject, name);
      if (!n) return fail(Errc::kNotFound, "no upload of that name");
      return read_upload(connection, *n);
    });
  }

  Task<Result<UploadId>> find_multipart(MultipartId multipart) override {
    return reader_.ask<UploadId>(
        [multipart = std::move(multipart)](Connection& connection) -> Result<UploadId> {
          Query query(connection, "SELECT id FROM uploads WHERE multipart = ? ORDER BY id LIMIT 1",
                      multipart.str());
          if (!query.step()) return fail(Errc::kNotFound, "no upload has this multipart upload");
          return UploadId(query.text(0));
        });
  }

  Task<Result<std::vector<UploadRow>>> list(UploadFilter filter) override {
    return reader_.ask<std::vector<UploadRow>>(
        [filter = std::move(filter)](Connection& connection) {
          return list_uploads(connection, filter);
        });
  }

  Task<Result<std::uint64_t>> forget_finished(WallTime before) override {
    const std::function<Result<std::uint64_t>(Connection&)> some =
        [before](Connection& connection) { return forget_some(connection, before, kForgetBatch); };
    std::uint64_t total = 0;
    while (true) {
      auto batch = co_await writer_.ask<std::uint64_t>(some);
      if (!batch) co_return batch;
      total += *batch;
      if (*batch < kForgetBatch) co_return total;
    }
  }

  Task<Result<std::vector<OutboxRow>>> outbox(std::size_t limit) override {
    return reader_.ask<std::vector<OutboxRow>>(
        [limit](Connection& connection) { return read_outbox(connection, limit); });
  }

  Task<Result<Ok>> mark_delivered(std::string event_id, WallTime now) override {
    return writer_.ask<Ok>([event_id = std::move(event_id), now](Connection& connection) {
      return mark_event_delivered(connection, event_id, now);
    });
  }

  Task<Result<Ok>> probe() override {
    return reader_.ask<Ok>([](Connection& connection) -> Result<Ok> {
      Query query(connection, "SELECT n FROM uploads LIMIT 1");
      query.step();
      return Ok{};
    });
  }

 private:
  // In this order: the lock goes last.
  const std::optional<FileLock> lock_;
  DbThread writer_;
  DbThread reader_;
};

// An empty file of ours, readable by nobody else; SQLite gives -wal and -shm the same mode.
Result<Ok> ensure_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return fail(Errc::kUnavailable, "state database " + path + " cannot be opened: " +
                                        std::generic_category().message(errno));
  }
  ::close(fd);
  return Ok{};
}

}  // namespace

Result<std::unique_ptr<StateDb>> open_sqlite(SqliteOptions options) {
  if (options.path.empty() || options.path.front() == ':' || options.path.rfind("file:", 0) == 0) {
    return fail(Errc::kInvalidArgument, "the state database needs a plain file path");
  }
  // Through symbolic links, so that two names of one file share one lock.
  std::error_code error;
  std::string path = std::filesystem::weakly_canonical(options.path, error).string();
  if (error) path = options.path;

  Result<FileLock> lock = FileLock::take(path + ".lock");
  if (!lock) {
    return fail(lock.error().code(),
                "state database " + options.path + ": " + lock.error().detail());
  }
  SLUICE_TRY_OK(ensure_file(path));
  try {
    // Before anything is changed: the file may be another program's.
    const Result<Ok> schema = prepare_schema(path, options.busy_timeout);
    if (!schema) {
      return fail(schema.error().code(),
                  "state database " + options.path + ": " + schema.error().detail());
    }
    auto writer = std::make_unique<Connection>(path, options.busy_timeout);
    auto reader = std::make_unique<Connection>(path, options.busy_timeout);
    reader->database().exec("PRAGMA query_only=ON");
    return std::make_unique<SqliteStateDb>(std::move(*lock), std::move(writer), std::move(reader));
  } catch (const SQLite::Exception& e) {
    const Error failure = error_of(e);
    return fail(failure.code(), failure.detail() + " (" + options.path + ")");
  }
}

Result<std::unique_ptr<StateDb>> open_sqlite_to_look(SqliteOptions options) {
  try {
    const Result<Ok> schema = check_schema(options.path, options.busy_timeout);
    if (!schema) {
      return fail(schema.error().code(),
                  "state database " + options.path + ": " + schema.error().detail());
    }
    const auto connect = [&options] {
      auto connection = std::make_unique<Connection>(options.path, options.busy_timeout);
      connection->database().exec("PRAGMA query_only=ON");
      return connection;
    };
    auto writer = connect();
    auto reader = connect();
    return std::make_unique<SqliteStateDb>(std::nullopt, std::move(writer), std::move(reader));
  } catch (const SQLite::Exception& e) {
    const Error failure = error_of(e);
    return fail(failure.code(), failure.detail() + " (" + options.path + ")");
  }
}

}  // namespace sluice::statedb
