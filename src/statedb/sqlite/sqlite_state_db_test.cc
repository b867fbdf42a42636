#include "statedb/sqlite/sqlite_state_db.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/task_scope.h"
#include "ports/run_task.h"
#include "ports/temp_dir.h"
#include "statedb/test_rows.h"

namespace sluice::statedb {
namespace {

namespace asio = boost::asio;

std::unique_ptr<StateDb> open(const std::string& path) {
  auto db = open_sqlite(SqliteOptions(path));
  EXPECT_TRUE(db) << db.error().detail();
  return db ? std::move(*db) : nullptr;
}

Error failure(const std::string& path) {
  auto db = open_sqlite(SqliteOptions(path));
  EXPECT_FALSE(db);
  return db ? Error(Errc::kCancelled, "it opened") : db.error();
}

bool contains(const Error& error, const std::string& text) {
  return error.detail().find(text) != std::string::npos;
}

Mutation add_part(const std::string& id, FenceToken token, std::uint32_t number) {
  Mutation mutation(UploadId(id), token, UploadState::kOpen, at(2000));
  const std::uint64_t begin = (number - 1) * 10ULL;
  mutation.changes.emplace_back(change::AddPart{part(number, range(begin, begin + 10))});
  return mutation;
}

TEST(SqliteStateDb, RowsSurviveReopening) {
  const TempDir directory;
  const std::string path = directory.file("state.db");
  FenceToken token = 0;
  {
    auto db = open(path);
    token = run_task(db->create(row("id-1"), std::nullopt)).value();
    ASSERT_TRUE(run_task(db->commit(add_part("id-1", token, 1))));
  }
  auto db = open(path);
  EXPECT_EQ(run_task(db->load(UploadId("id-1")))->parts.size(), 1U);
  // A claim outlives the process: its holder may be the same upload's next attempt.
  ASSERT_TRUE(run_task(db->commit(add_part("id-1", token, 2))));
}

TEST(SqliteStateDb, OneProcessAtATime) {
  const TempDir directory;
  const std::string path = directory.file("state.db");
  auto db = open(path);
  const Error error = failure(path);
  EXPECT_EQ(error.code(), Errc::kConflict);
  EXPECT_TRUE(contains(error, "in use by process " + std::to_string(::getpid()))) << error.detail();
  // Another name of the same file is the same file.
  ASSERT_EQ(::symlink(path.c_str(), directory.file("alias.db").c_str()), 0);
  EXPECT_EQ(failure(directory.file("alias.db")).code(), Errc::kConflict);
  db.reset();
  EXPECT_TRUE(open(path));
}

// Beside the process that works with it: everything is seen, nothing can be changed.
TEST(SqliteStateDb, MayBeLookedAtWhileInUse) {
  const TempDir directory;
  const std::string path = directory.file("state.db");
  EXPECT_EQ(open_sqlite_to_look(SqliteOptions(path)).error().code(), Errc::kUnavailable);
  EXPECT_NE(::access(path.c_str(), F_OK), 0) << "a look makes no file";
  auto db = open(path);
  run_task(db->create(row("id-1"), std::nullopt)).value();
  auto look = open_sqlite_to_look(SqliteOptions(path));
  ASSERT_TRUE(look) << look.error().detail();
  run_task(db->create(row("id-2", "two"), std::nullopt)).value();
  EXPECT_EQ(run_task((*look)->list(UploadFilter()))->size(), 2U);
  EXPECT_TRUE(run_task((*look)->load(UploadId("id-2"))));
  EXPECT_EQ(run_task((*look)->create(row("id-3", "three"), std::nullopt)).error().code(),
            Errc::kUnavailable);
  look->reset();
  EXPECT_EQ(run_task(db->list(UploadFilter()))->size(), 2U);
  SQLite::Database(path, SQLite::OPEN_READWRITE).exec("PRAGMA user_version=99");
  EXPECT_EQ(open_sqlite_to_look(SqliteOptions(path)).error().code(), Errc::kRejected);
}

TEST(SqliteStateDb, OnlyPlainPaths) {
  EXPECT_EQ(failure("").code(), Errc::kInvalidArgument);
  EXPECT_EQ(failure(":memory:").code(), Errc::kInvalidArgument);
  EXPECT_EQ(failure("file:x?mode=memory").code(), Errc::kInvalidArgument);
  EXPECT_EQ(failure("/no/such/directory/state.db").code(), Errc::kUnavailable);
}

TEST(SqliteStateDb, TheFileIsPrivate) {
  const TempDir directory;
  auto db = open(directory.file("state.db"));
  run_task(db->create(row("id-1"), std::nullopt)).value();
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat info {};
    ASSERT_EQ(::stat((directory.file("state.db") + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600U) << suffix;
  }
}

TEST(SqliteStateDb, RefusesWhatANewerVersionWrote) {
  const TempDir directory;
  const std::string path = directory.file("state.db");
  open(path);
  SQLite::Database(path, SQLite::OPEN_READWRITE).exec("PRAGMA user_version=99");
  const Error error = failure(path);
  EXPECT_EQ(error.code(), Errc::kRejected);
  EXPECT_TRUE(contains(error, "schema 99")) << error.detail();
}

TEST(SqliteStateDb, LeavesForeignFilesAlone) {
  const TempDir directory;
  const std::string path = directory.file("other.db");
  SQLite::Database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
      .exec("CREATE TABLE contacts(x)");
  EXPECT_EQ(failure(path).code(), Errc::kInvalidArgument);
  SQLite::Database other(path);
  EXPECT_EQ(other.execAndGet("PRAGMA journal_mode").getString(), "delete");
  EXPECT_EQ(other.execAndGet("SELECT count(*) FROM sqlite_schema").getInt(), 1);

  const std::string text = directory.file("notes.txt");
  std::ofstream(text) << std::string(5000, 'x');
  EXPECT_EQ(failure(text).code(), Errc::kCorrupt);
}

// Rows that were damaged after they were written are refused, not believed.
TEST(SqliteStateDb, DamagedRowsAreCorrupt) {
  const TempDir directory;
  const std::string path = directory.file("state.db");
  const std::array<const char*, 9> damage = {
      "UPDATE parts SET range_end = 5 WHERE number = 1",
      "UPDATE parts SET range_begin = -1 WHERE number = 1",
      "UPDATE parts SET range_begin = 5 WHERE number = 2",
      "UPDATE parts SET number = 0 WHERE number = 1",
      "UPDATE uploads SET state = 'opened'",
      "UPDATE uploads SET state = 'complete'",
      "UPDATE uploads SET attributes = '[1]'",
      "UPDATE uploads SET checksum_kind = 'md5'",
      "UPDATE uploads SET total = 15",
  };
  int number = 0;
  for (const char* sql : damage) {
    const std::string id = "id-" + std::to_string(number++);
    {
      auto db = open(path);
      const FenceToken token = run_task(db->create(row(id, id), std::nullopt)).value();
      ASSERT_TRUE(run_task(db->commit(add_part(id, token, 1))));
      ASSERT_TRUE(run_task(db->commit(add_part(id, token, 2))));
    }
    {
      SQLite::Database raw(path, SQLite::OPEN_READWRITE);
      ASSERT_GT(raw.exec(sql), 0) << sql;
    }
    auto db = open(path);
    auto loaded = run_task(db->load(UploadId(id)));
    if (std::string(sql).find("range_end = 5") != std::string::npos) {
      EXPECT_TRUE(loaded);  // a smaller part is still a range: the engine compares it to the plan
    } else {
      ASSERT_FALSE(loaded) << sql;
      EXPECT_EQ(loaded.error().code(), Errc::kCorrupt) << sql;
    }
    db.reset();
    SQLite::Database(path, SQLite::OPEN_READWRITE)
        .exec("DELETE FROM uploads; DELETE FROM parts; DELETE FROM claims; DELETE FROM aliases");
  }
}

Task<void> commit_one(StateDb* db, Mutation mutation, int* done, int* refused) {
  const auto answer = co_await db->commit(std::move(mutation));
  ++(answer ? *done : *refused);
}

// Many mutations of one moment share a transaction; the refused ones among them harm no other.
TEST(SqliteStateDb, GroupCommitKeepsMutationsApart) {
  const TempDir directory;
  auto db = open(directory.file("state.db"));
  const FenceToken token = run_task(db->create(row("id-1"), std::nullopt)).value();
  asio::io_context context(1);
  TaskScope scope(context.get_executor());
  int done = 0;
  int refused = 0;
  for (std::uint32_t i = 1; i <= 400; ++i) {
    const bool stale = i % 4 == 0;
    scope.spawn(
        commit_one(db.get(), add_part("id-1", stale ? token + 7 : token, i), &done, &refused));
  }
  context.run();
  EXPECT_EQ(done, 300);
  EXPECT_EQ(refused, 100);
  EXPECT_EQ(run_task(db->load(UploadId("id-1")))->parts.size(), 300U);
}

Task<void> many_commits(StateDb* db, std::string id, std::uint32_t count, int* done) {
  UploadRow upload = row(id, id);
  const auto token = co_await db->create(std::move(upload), std::nullopt);
  if (!token) co_return;
  for (std::uint32_t i = 1; i <= count; ++i) {
    Mutation mutation = add_part(id, *token, i);
    const auto answer = co_await db->commit(std::move(mutation));
    if (!answer) co_return;
    auto read = co_await db->load(UploadId(id));
    // What was answered is there for the next reader.
    if (!read || read->parts.size() != i) co_return;
    ++*done;
  }
}

TEST(SqliteStateDb, SeveralThreadsAtOnce) {
  const TempDir directory;
  auto db = open(directory.file("state.db"));
  std::array<int, 3> done{};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < done.size(); ++t) {
    threads.emplace_back([&db, &done, t] {
      asio::io_context context(1);
      TaskScope scope(context.get_executor());
      scope.spawn(many_commits(db.get(), "id-" + std::to_string(t), 40, &done[t]));
      context.run();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, (std::array<int, 3>{40, 40, 40}));
}

TEST(SqliteStateDb, DestructionFinishesWhatWasQueued) {
  const TempDir directory;
  const std::string path = directory.file("state.db");
  int done = 0;
  int refused = 0;
  {
    asio::io_context context(1);
    TaskScope scope(context.get_executor());
    auto db = open(path);
    const FenceToken token = run_task(db->create(row("id-1"), std::nullopt)).value();
    for (std::uint32_t i = 1; i <= 50; ++i) {
      scope.spawn(commit_one(db.get(), add_part("id-1", token, i), &done, &refused));
    }
    context.poll();  // all are queued
    db.reset();
    context.run();
  }
  EXPECT_EQ(done, 50);
  EXPECT_EQ(run_task(open(path)->load(UploadId("id-1")))->parts.size(), 50U);
}

// The child answers each commit by writing its number to the pipe, until it is killed.
[[noreturn]] void commit_until_killed(const std::string& path, int pipe) {
  auto db = open_sqlite(SqliteOptions(path));
  if (!db) ::_exit(1);
  const auto token = run_task((*db)->claim(UploadId("id-1"), range(0, ~0ULL)));
  if (!token) ::_exit(2);
  const auto known = run_task((*db)->load(UploadId("id-1")));
  if (!known) ::_exit(3);
  for (auto i = static_cast<std::uint32_t>(known->parts.size() + 1);; ++i) {
    if (!run_task((*db)->commit(add_part("id-1", *token, i)))) ::_exit(4);
    if (::write(pipe, &i, sizeof i) != sizeof i) ::_exit(5);
  }
}

// G1, S-22: goal: no answered commit is lost by kill -9. Method: kill a committing process again
// and again at arbitrary moments; everything it answered must be there.
TEST(SqliteStateDb, AnsweredCommitsSurviveKill) {
  const TempDir directory;
  const std::string path = directory.file("state.db");
  run_task(open(path)->create(row("id-1"), std::nullopt)).value();
  std::uint32_t answered = 0;
  for (int round = 0; round < 8; ++round) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) commit_until_killed(path, pipe[1]);
    ::close(pipe[1]);
    // The first answer shows that it runs; then it gets some arbitrary milliseconds.
    std::uint32_t number = 0;
    ASSERT_EQ(::read(pipe[0], &number, sizeof number), static_cast<ssize_t>(sizeof number));
    answered = number;
    std::this_thread::sleep_for(std::chrono::milliseconds(5 + 7 * round));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    while (::read(pipe[0], &number, sizeof number) == sizeof number) answered = number;
    ::close(pipe[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "exit code " << WEXITSTATUS(status);

    auto db = open(path);
    const UploadRow now = run_task(db->load(UploadId("id-1"))).value();
    ASSERT_GE(now.parts.size(), answered);
    // At most one commit was under way without an answer.
    ASSERT_LE(now.parts.size(), answered + 1);
  }
  EXPECT_GT(answered, 8U);
}

// The program's own claim: nothing is loaded at start. Slow, so only on demand.
TEST(SqliteStateDb, AMillionOpenUploadsCostNothingAtStart) {
  if (std::getenv("SLUICE_TEST_LARGE") == nullptr) GTEST_SKIP() << "set SLUICE_TEST_LARGE";
  const TempDir directory;
  const std::string path = directory.file("state.db");
  run_task(open(path)->create(row("id-0"), std::nullopt)).value();
  SQLite::Database(path, SQLite::OPEN_READWRITE)
      .exec(
          "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000000)"
          " INSERT INTO uploads(id, subject, name, object_key, token, attributes, checksum_kind,"
          " parallel, created_at, state, reason, strays_possible, touched_at, last_token,"
          " last_event) SELECT printf('%016x', i * 7919 % 1000003), 's', printf('name-%d', i),"
          " printf('key/%d', i), 'token', '{}', 'crc64nvme', 0, i, 'open', '', 0, 2000000 + i,"
          " 1, 0 FROM c");
  using Clock = std::chrono::steady_clock;
  const auto milliseconds = [](Clock::time_point since) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since).count();
  };
  const auto resident_kib = [] {
    std::ifstream status("/proc/self/status");
    std::string line;
    while (std::getline(status, line)) {
      if (line.rfind("VmRSS:", 0) == 0) return std::atol(line.c_str() + 6);
    }
    return 0L;
  };
  const long before_kib = resident_kib();
  const auto start = Clock::now();
  auto db = open(path);
  const auto opened_ms = milliseconds(start);
  const auto load_start = Clock::now();
  EXPECT_TRUE(run_task(db->load(UploadId("id-0"))));
  const auto load_ms = milliseconds(load_start);
  UploadFilter filter;
  filter.states = {UploadState::kOpen};
  filter.touched_before = WallTime(std::chrono::milliseconds(2'000'000 + 51));
  filter.limit = 100;
  const auto list_start = Clock::now();
  EXPECT_EQ(run_task(db->list(filter))->size(), 51U);  // 50 of the many, and id-0
  const auto list_ms = milliseconds(list_start);
  filter.touched_before.reset();
  const auto page_start = Clock::now();
  EXPECT_EQ(run_task(db->list(filter))->size(), 100U);
  const auto page_ms = milliseconds(page_start);
  const long used_kib = resident_kib() - before_kib;
  RecordProperty("open_ms", static_cast<int>(opened_ms));
  std::printf("open %ld ms, load %ld ms, expired page %ld ms, first page %ld ms, memory %ld KiB\n",
              static_cast<long>(opened_ms), static_cast<long>(load_ms), static_cast<long>(list_ms),
              static_cast<long>(page_ms), used_kib);
  EXPECT_LT(opened_ms, 1000);
  EXPECT_LT(list_ms, 1000);
  EXPECT_LT(used_kib, 64 * 1024);
}

}  // namespace
}  // namespace sluice::statedb
