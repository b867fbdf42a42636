// Row S-33 and the rest of what cleaner/sweeper.h promises, on the models of store and state
// database. That a store lists nothing outside its own prefix is the store's own contract.
#include "cleaner/sweeper.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/text.h"
#include "ports/run_task.h"
#include "statedb/memory_state_db.h"
#include "stores/memory_store.h"

namespace sluice::cleaner {
namespace {

using std::chrono::hours;
using Kind = Finding::Kind;

class StillClock final : public Clock {
 public:
  Instant now() const noexcept override { return Instant(wall.time_since_epoch()); }
  WallTime wall_now() const noexcept override { return wall; }
  Task<void> sleep_until(Instant when) override {
    wall = WallTime(std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()));
    co_return;
  }
  WallTime wall{hours(480'000)};
};

class NoLog final : public Log {
 public:
  bool enabled(LogLevel) const noexcept override { return false; }
  void write(LogLevel, std::string_view, std::initializer_list<LogField>) override {}
};

class SweepMetrics final : public Metrics {
 public:
  void http_request(std::string_view, std::string_view, int, Duration) override {}
  void connection_opened() override {}
  void connection_closed() override {}
  void received(ByteCount) override {}
  void stored(ByteCount) override {}
  void discarded(std::string_view, ByteCount) override {}
  void upload_created() override {}
  void upload_finished(std::string_view) override {}
  void upload_resumed() override {}
  void parked(ByteCount) override {}
  void store_request(std::string_view, std::string_view, Duration) override {}
  void store_retry(std::string_view) override {}
  void auth_request(std::string_view, Duration) override {}
  void swept(std::uint64_t uploads, ByteCount bytes) override {
    swept_uploads += uploads;
    swept_bytes += bytes;
    ++calls;
  }
  void orphans(std::uint64_t multiparts, ByteCount bytes) override {
    orphaned = multiparts;
    orphaned_bytes = bytes;
    ++calls;
  }
  std::uint64_t swept_uploads = 0;
  ByteCount swept_bytes;
  std::uint64_t orphaned = 0;
  ByteCount orphaned_bytes;
  int calls = 0;
};

stores::MemoryStoreOptions with_clock(const Clock* clock) {
  stores::MemoryStoreOptions options;
  options.clock = clock;
  options.keeps_proofs = true;
  return options;
}

class SweeperTest : public testing::Test {
 protected:
  SweeperTest() : store(with_clock(&clock)) {
    options.grace = hours(24);
    options.expire_after = hours(48);
    options.keep_finished = hours(72);
  }

  void age(Duration by) { clock.wall += std::chrono::duration_cast<std::chrono::milliseconds>(by); }
  Deadline never() const { return Deadline::never(); }

  Report sweep(bool dry_run = false) {
    SweepServices services;
    services.clock = &clock;
    services.log = &log;
    services.metrics = &metrics;
    services.state = &state;
    services.store = &store;
    services.abort = [this](UploadId id, std::string reason) {
      return abort(std::move(id), std::move(reason));
    };
    return run_task(cleaner::sweep(std::move(services), options, dry_run));
  }

  // As the engine does it: state first, then the store.
  Task<Result<Ok>> abort(UploadId id, std::string reason) {
    aborted.emplace_back(id.str(), reason);
    if (abort_answer != Errc::kCancelled) co_return fail(abort_answer, "scripted");
    const Result<UploadRow> row = co_await state.load(id);
    if (!row) co_return fail(row.error());
    const ByteRange everything(ByteOffset(), ByteOffset(1ULL << 40));
    const Result<FenceToken> token = co_await state.claim(id, everything);
    if (!token) co_return fail(token.error());
    Mutation begin(id, *token, UploadState::kOpen, clock.wall);
    begin.changes.emplace_back(change::SetState{UploadState::kAborting, reason});
    const Result<Ok> begun = co_await state.commit(std::move(begin));
    if (!begun) co_return begun;
    if (row->multipart) {
      const Result<Ok> gone = co_await store.abort(row->key, *row->multipart, Deadline());
      if (!gone) co_return gone;
    }
    for (const ParkedRow& parked : row->parked) {
      const Result<Ok> gone = co_await store.remove(parked.key, Deadline());
      if (!gone) co_return gone;
    }
    Mutation end(id, *token, UploadState::kAborting, clock.wall);
    end.changes.emplace_back(change::SetState{UploadState::kAborted, reason});
    co_return co_await state.commit(std::move(end));
  }

  // Plays a client that makes progress just before the state is asked this.
  Task<void> touch_before(std::string operation, std::string wanted) {
    if (operation != wanted) co_return;
    state.before_call(nullptr);
    const UploadId id("back");
    const ByteRange everything(ByteOffset(), ByteOffset(1ULL << 40));
    const Result<FenceToken> token = co_await state.claim(id, everything);
    Mutation mutation(id, *token, UploadState::kOpen, clock.wall);
    mutation.changes.emplace_back(change::Touch{});
    const Result<Ok> touched = co_await state.commit(std::move(mutation));
    EXPECT_TRUE(touched);
  }

  MultipartId multipart(const std::string& key, const std::string& bytes = {}) {
    ObjectSpec spec(ObjectKey(key), core::ObjectAttributes(), UploadToken("t"));
    const MultipartId id = *run_task(store.create_multipart(spec, never()));
    if (!bytes.empty()) {
      PartTarget target(ObjectKey(key), id, PartNumber(1),
                        ByteRange(ByteOffset(), ByteOffset(bytes.size())));
      EXPECT_TRUE(run_task(store.put_part(target, payload(bytes), never())));
    }
    return id;
  }
  Payload payload(const std::string& bytes) const {
    return Payload(Bytes::copy_of(bytes),
                   wire::Checksum::of(store.checksum_kind(), as_bytes(bytes)));
  }
  static std::string parked_key(const std::string& upload) {
    return ".sluice/parked/" + upload + "/00000000000000000000-00000000000000000005";
  }
  // A parked object of five bytes in the store.
  std::string park(const std::string& upload) {
    store.put_foreign(parked_key(upload), "12345");
    return parked_key(upload);
  }
  // An open upload, with what the state knows of it.
  UploadRow upload(const std::string& id, std::optional<MultipartId> multipart = {},
                   bool with_parked = false) {
    UploadRow row;
    row.id = UploadId(id);
    row.name = "name of " + id;
    row.key = ObjectKey("objects/" + id);
    row.token = UploadToken("token of " + id);
    row.created_at = clock.wall;
    row.touched_at = clock.wall;
    row.multipart = multipart;
    const wire::Checksum sum(row.checksum_kind, 1);
    if (multipart) {
      row.parts.emplace_back(PartNumber(1), ByteRange(ByteOffset(5), ByteOffset(12)), ETag("e"),
                             sum);
    }
    if (with_parked) {
      row.parked.emplace_back(ByteRange(ByteOffset(0), ByteOffset(5)), ObjectKey(parked_key(id)),
                              sum);
    }
    EXPECT_TRUE(run_task(state.create(row, std::nullopt)));
    return row;
  }
  void move(const std::string& id, UploadState from, std::vector<UploadState> through) {
    const FenceToken token =
        *run_task(state.claim(UploadId(id), ByteRange(ByteOffset(), ByteOffset(1ULL << 40))));
    for (const UploadState to : through) {
      Mutation mutation(UploadId(id), token, from, clock.wall);
      if (to == UploadState::kComplete) {
        core::UploadResult result;
        result.name = "name of " + id;
        mutation.changes.emplace_back(change::SetResult{result});
      }
      mutation.changes.emplace_back(change::SetState{to, "cancelled"});
      ASSERT_TRUE(run_task(state.commit(std::move(mutation))));
      from = to;
    }
  }
  UploadState state_of(const std::string& id) { return run_task(state.load(UploadId(id)))->state; }
  bool has_multipart(const MultipartId& id) {
    const auto listed = run_task(store.list_multiparts("", never()));
    return std::any_of(listed->begin(), listed->end(),
                       [&](const ListedMultipart& m) { return m.multipart == id; });
  }
  bool has_object(const std::string& key) const { return store.find_object(key) != nullptr; }

  static std::vector<std::string> keys(const Report& report, Kind kind, bool removed) {
    std::vector<std::string> found;
    for (const Finding& finding : report.findings) {
      if (finding.kind == kind && finding.removed == removed) found.push_back(finding.key);
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  using Keys = std::vector<std::string>;

  StillClock clock;
  NoLog log;
  SweepMetrics metrics;
  stores::MemoryStore store;
  statedb::MemoryStateDb state;
  CleanerOptions options;
  std::vector<std::pair<std::string, std::string>> aborted;  // upload, reason
  Errc abort_answer = Errc::kCancelled;                      // this: do it
};

// S-33: unknown and old, unknown and young, and what is none of our business.
TEST_F(SweeperTest, S33OnlyOldUnknownThingsGoAndOnlyFromAPrefixOfOurOwn) {
  const MultipartId old = multipart("objects/old", std::string(100, 'x'));
  const std::string old_parked = park("unknown-old");
  const std::string foreign = "elsewhere/" + parked_key("unknown-old");
  store.put_foreign(foreign, "theirs");
  store.put_foreign(".sluice/parked/notes.txt", "theirs");
  store.put_foreign("objects/finished", "an object");
  age(hours(25));
  const MultipartId young = multipart("objects/young", "abc");
  const std::string young_parked = park("unknown-young");
  const MultipartId ours = multipart("objects/ours");
  upload("ours", ours);

  for (int i = 0; i < 2; ++i) {
    const Report report = sweep();
    EXPECT_EQ(keys(report, Kind::kOrphanMultipart, false), Keys{"objects/old"});
    EXPECT_EQ(keys(report, Kind::kOrphanParked, false), Keys{old_parked});
    EXPECT_EQ(report.findings.size(), 2U);
    EXPECT_EQ(report.bytes_orphaned, ByteCount(105));
    EXPECT_EQ(report.bytes_removed, ByteCount(0));
    EXPECT_TRUE(report.errors.empty());
    EXPECT_TRUE(has_multipart(old));
    EXPECT_TRUE(has_object(old_parked));
    EXPECT_EQ(metrics.orphaned, 1U);
    EXPECT_EQ(metrics.orphaned_bytes, ByteCount(105));
    EXPECT_EQ(metrics.swept_uploads, 0U);
  }

  options.exclusive = true;
  const Report report = sweep();
  EXPECT_EQ(keys(report, Kind::kOrphanMultipart, true), Keys{"objects/old"});
  EXPECT_EQ(keys(report, Kind::kOrphanParked, true), Keys{old_parked});
  EXPECT_EQ(report.findings.size(), 2U);
  EXPECT_EQ(report.bytes_removed, ByteCount(105));
  EXPECT_EQ(report.bytes_orphaned, ByteCount(0));
  EXPECT_FALSE(has_multipart(old));
  EXPECT_FALSE(has_object(old_parked));
  EXPECT_TRUE(has_multipart(young));
  EXPECT_TRUE(has_multipart(ours));
  for (const std::string& key : {young_parked, foreign, std::string(".sluice/parked/notes.txt"),
                                 std::string("objects/finished")}) {
    EXPECT_TRUE(has_object(key)) << key;
  }
  EXPECT_EQ(metrics.orphaned, 0U);
  EXPECT_EQ(metrics.swept_uploads, 1U);
  EXPECT_EQ(metrics.swept_bytes, ByteCount(105));
}

// A process may die between the record of a completion and the store's settle().
TEST_F(SweeperTest, ProofsOfRecordedCompletionsGo) {
  const auto store_object = [this](const UploadRow& row) {
    ObjectSpec spec(row.key, row.attributes, row.token, row.id);
    EXPECT_TRUE(run_task(store.put_object(std::move(spec), payload("bytes"), never())));
  };
  const auto unsettled = [this] { return *run_task(store.list_unsettled(never())); };
  store_object(upload("done"));
  move("done", UploadState::kOpen, {UploadState::kCompleting, UploadState::kComplete});
  store_object(upload("completing"));
  move("completing", UploadState::kOpen, {UploadState::kCompleting});
  ObjectSpec foreign(ObjectKey("objects/x"), core::ObjectAttributes(), UploadToken("t"),
                     UploadId("another's"));
  EXPECT_TRUE(run_task(store.put_object(std::move(foreign), payload("x"), never())));

  for (const bool dry_run : {true, false}) {
    EXPECT_EQ(unsettled().size(), 3U);
    const Report report = sweep(dry_run);
    EXPECT_EQ(keys(report, Kind::kLeftover, true), Keys{"objects/done"});
    EXPECT_EQ(report.findings.size(), 1U);
    EXPECT_TRUE(report.errors.empty());
  }
  EXPECT_EQ(unsettled(), (std::vector<UploadId>{UploadId("another's"), UploadId("completing")}));
  EXPECT_TRUE(has_object("objects/done"));
  EXPECT_TRUE(sweep().findings.empty());
}

// A wrong or a lost database must not cost what the store still holds.
TEST_F(SweeperTest, OrphansStayWhileTheStateKnowsNoUploadAtAll) {
  const MultipartId lost = multipart("objects/lost", "abc");
  const std::string lost_parked = park("lost");
  age(hours(1000));
  options.exclusive = true;
  const Report report = sweep();
  EXPECT_EQ(report.findings.size(), 2U);
  EXPECT_EQ(report.bytes_orphaned, ByteCount(8));
  EXPECT_EQ(report.errors.size(), 1U);
  EXPECT_TRUE(has_multipart(lost));
  EXPECT_TRUE(has_object(lost_parked));
}

TEST_F(SweeperTest, UploadsWithoutProgressExpire) {
  const MultipartId idle = multipart("objects/idle", "abc");
  upload("idle", idle, true);
  park("idle");
  age(hours(47));
  upload("busy");
  age(hours(2));
  const Report report = sweep();
  ASSERT_EQ(report.findings.size(), 1U);
  const Finding& finding = report.findings.front();
  EXPECT_EQ(finding.kind, Kind::kExpired);
  EXPECT_EQ(finding.upload, "idle");
  EXPECT_EQ(finding.key, "objects/idle");
  EXPECT_EQ(finding.multipart, idle.str());
  EXPECT_EQ(finding.bytes, ByteCount(12));  // seven in a part, five parked
  EXPECT_EQ(finding.since, clock.wall - hours(49));
  EXPECT_TRUE(finding.removed);
  EXPECT_EQ(report.bytes_removed, ByteCount(12));
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(aborted, (Pairs{{"idle", "expired"}}));
  EXPECT_EQ(state_of("idle"), UploadState::kAborted);
  EXPECT_EQ(state_of("busy"), UploadState::kOpen);
  EXPECT_FALSE(has_multipart(idle));
  EXPECT_EQ(metrics.swept_uploads, 1U);
}

TEST_F(SweeperTest, ManyUploadsExpirePageByPage) {
  for (int i = 0; i < 250; ++i) upload("u" + std::to_string(i));
  age(hours(49));
  const Report report = sweep();
  EXPECT_EQ(report.findings.size(), 250U);
  std::set<std::string> ids;
  for (const Finding& finding : report.findings) ids.insert(finding.upload);
  EXPECT_EQ(ids.size(), 250U);
  EXPECT_EQ(aborted.size(), 250U);
}

// The same pages when nothing leaves the list: each upload once, and an end.
TEST_F(SweeperTest, PagesEndWhenNothingCanBeAborted) {
  for (int i = 0; i < 250; ++i) upload("u" + std::to_string(i));
  age(hours(49));
  abort_answer = Errc::kUnavailable;
  const Report report = sweep();
  EXPECT_EQ(report.findings.size(), 250U);
  EXPECT_EQ(report.errors.size(), 250U);
  EXPECT_EQ(report.bytes_removed, ByteCount(0));
}

TEST_F(SweeperTest, AnUploadWhoseClientComesBackMeanwhileLives) {
  upload("back");
  age(hours(49));
  state.before_call(
      [this](std::string operation) { return touch_before(std::move(operation), "load"); });
  const Report report = sweep();
  EXPECT_TRUE(report.findings.empty());
  EXPECT_TRUE(aborted.empty());
  EXPECT_EQ(state_of("back"), UploadState::kOpen);
}

TEST_F(SweeperTest, AnUploadThatCompletesMeanwhileIsNoFinding) {
  upload("done");
  age(hours(49));
  abort_answer = Errc::kConflict;
  const Report report = sweep();
  EXPECT_TRUE(report.findings.empty());
  EXPECT_TRUE(report.errors.empty());
}

TEST_F(SweeperTest, LeftoversOfFinishedUploadsGoWhateverTheirAgeAndPrefix) {
  const MultipartId late = multipart("objects/cancelled", "abc");
  upload("cancelled", late);
  move("cancelled", UploadState::kOpen, {UploadState::kAborting, UploadState::kAborted});
  upload("complete");
  move("complete", UploadState::kOpen, {UploadState::kCompleting, UploadState::kComplete});
  const std::string parked_cancelled = park("cancelled");
  const std::string parked_complete = park("complete");
  const Report report = sweep();
  EXPECT_EQ(keys(report, Kind::kLeftover, true),
            (Keys{parked_cancelled, parked_complete, "objects/cancelled"}));
  EXPECT_EQ(report.bytes_removed, ByteCount(13));
  EXPECT_FALSE(has_object(parked_cancelled));
  EXPECT_FALSE(has_object(parked_complete));
  EXPECT_FALSE(has_multipart(late));
}

TEST_F(SweeperTest, WhatTheStateKnowsIsNotTouchedHoweverOld) {
  options.exclusive = true;
  options.expire_after = hours(10'000);
  options.keep_finished = hours(10'000);
  std::vector<MultipartId> multiparts;
  const std::vector<std::pair<std::string, std::vector<UploadState>>> uploads{
      {"open", {}},
      {"completing", {UploadState::kCompleting}},
      {"aborting", {UploadState::kAborting}},
      {"complete", {UploadState::kCompleting, UploadState::kComplete}}};
  for (const auto& [id, states] : uploads) {
    multiparts.push_back(multipart("objects/" + id, "abc"));
    upload(id, multiparts.back());
    move(id, UploadState::kOpen, states);
    if (id != "complete") park(id);
  }
  age(hours(1000));
  const Report report = sweep();
  EXPECT_TRUE(report.findings.empty());
  EXPECT_TRUE(report.errors.empty());
  for (const MultipartId& id : multiparts) EXPECT_TRUE(has_multipart(id)) << id.str();
  EXPECT_EQ(store.objects().size(), 3U);
}

TEST_F(SweeperTest, OldFinishedUploadsAreForgotten) {
  upload("old");
  move("old", UploadState::kOpen, {UploadState::kAborting, UploadState::kAborted});
  age(hours(71));
  upload("new");
  move("new", UploadState::kOpen, {UploadState::kAborting, UploadState::kAborted});
  age(hours(2));
  EXPECT_EQ(sweep(true).forgotten, 1U);
  EXPECT_EQ(state.snapshot().size(), 2U);
  EXPECT_EQ(sweep().forgotten, 1U);
  ASSERT_EQ(state.snapshot().size(), 1U);
  EXPECT_EQ(state.snapshot().front().id, UploadId("new"));
}

// Who forgets an upload while its leftovers cannot be seen makes orphans of them.
TEST_F(SweeperTest, NothingIsForgottenWhileTheStoreCannotBeListed) {
  upload("old");
  move("old", UploadState::kOpen, {UploadState::kAborting, UploadState::kAborted});
  age(hours(100));
  store.faults().fail_at(0, FaultPlan::Mode::kForever, Fault::before(), "list_objects");
  const Report report = sweep();
  EXPECT_EQ(report.forgotten, 0U);
  EXPECT_EQ(report.errors.size(), 1U);
  EXPECT_EQ(state.snapshot().size(), 1U);
}

TEST_F(SweeperTest, ADryRunTellsTheSameAndChangesNothing) {
  const MultipartId orphan = multipart("objects/orphan", "abc");
  const std::string orphan_parked = park("unknown");
  const MultipartId idle = multipart("objects/idle", "abc");
  upload("idle", idle);
  upload("done");
  move("done", UploadState::kOpen, {UploadState::kAborting, UploadState::kAborted});
  const std::string leftover = park("done");
  age(hours(100));
  options.exclusive = true;

  const Report dry = sweep(true);
  EXPECT_TRUE(aborted.empty());
  EXPECT_TRUE(has_multipart(orphan));
  EXPECT_TRUE(has_multipart(idle));
  EXPECT_TRUE(has_object(orphan_parked));
  EXPECT_TRUE(has_object(leftover));
  EXPECT_EQ(state_of("idle"), UploadState::kOpen);
  EXPECT_EQ(state.snapshot().size(), 2U);
  EXPECT_EQ(metrics.calls, 0);

  const Report real = sweep();
  const auto summary = [](const Report& report) {
    std::multiset<std::string> all;
    for (const Finding& f : report.findings) {
      all.insert(f.key + " " + f.upload + " " + std::to_string(static_cast<int>(f.kind)) + " " +
                 std::to_string(f.bytes.value()) + (f.removed ? " removed" : ""));
    }
    return all;
  };
  EXPECT_EQ(summary(dry), summary(real));
  EXPECT_EQ(dry.findings.size(), 4U);
  EXPECT_EQ(dry.bytes_removed, real.bytes_removed);
  EXPECT_EQ(dry.forgotten, real.forgotten);
  EXPECT_TRUE(real.errors.empty());
  EXPECT_FALSE(has_multipart(orphan));
  EXPECT_FALSE(has_object(leftover));
}

// Any call fails: the sweep goes on, says so, and never removes what it could not look up.
TEST_F(SweeperTest, FailuresAreReportedAndHarmless) {
  options.exclusive = true;
  options.expire_after = hours(10'000);
  multipart("objects/orphan", "abc");
  park("unknown");
  const MultipartId alive = multipart("objects/alive", "abc");
  park("alive");
  age(hours(100));
  upload("alive", alive, true);
  for (const char* operation : {"list", "load", "find_multipart", "forget_finished"}) {
    state.faults().fail_at(0, FaultPlan::Mode::kForever, Fault::before(), operation);
    const Report report = sweep();
    EXPECT_FALSE(report.errors.empty()) << operation;
    EXPECT_TRUE(has_multipart(alive)) << operation;
    EXPECT_TRUE(has_object(parked_key("alive"))) << operation;
  }
  state.faults().stop_failing();
  for (const char* operation :
       {"list_multiparts", "list_objects", "list_parts", "abort", "remove"}) {
    multipart("objects/another", "abc");
    park("another");
    age(hours(25));
    store.faults().fail_at(0, FaultPlan::Mode::kForever, Fault::before(), operation);
    const Report report = sweep();
    store.faults().stop_failing();
    EXPECT_FALSE(report.errors.empty()) << operation;
    EXPECT_TRUE(has_multipart(alive)) << operation;
    EXPECT_TRUE(has_object(parked_key("alive"))) << operation;
  }
  const Report report = sweep();
  EXPECT_TRUE(report.errors.empty());
  EXPECT_EQ(store.multipart_count(), 1U);
  EXPECT_EQ(store.objects().size(), 1U);
}

}  // namespace
}  // namespace sluice::cleaner
