// The contract of ports/state_db.h as one test suite that every implementation must pass. Include
// it in one test file and instantiate it with a factory per implementation.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "ports/run_task.h"
#include "statedb/test_rows.h"

namespace sluice::statedb {

using Factory = std::function<std::unique_ptr<StateDb>()>;

class StateDbContract : public testing::TestWithParam<std::pair<std::string, Factory>> {
 protected:
  void SetUp() override { db = GetParam().second(); }

  FenceToken create(UploadRow upload, std::optional<UploadId> replaces = std::nullopt) {
    auto token = run_task(db->create(std::move(upload), std::move(replaces)));
    EXPECT_TRUE(token) << token.error().detail();
    return token ? *token : 0;
  }
  FenceToken claim(const std::string& id, ByteRange r) {
    auto token = run_task(db->claim(UploadId(id), r));
    EXPECT_TRUE(token) << token.error().detail();
    return token ? *token : 0;
  }
  UploadRow load(const std::string& id) {
    auto upload = run_task(db->load(UploadId(id)));
    EXPECT_TRUE(upload) << upload.error().detail();
    return upload ? *upload : UploadRow();
  }
  // "" when it worked, the error's code otherwise.
  std::string commit(const std::string& id, FenceToken token, std::vector<Change> changes,
                     UploadState expected = UploadState::kOpen, WallTime now = at(2000)) {
    Mutation mutation(UploadId(id), token, expected, now);
    mutation.changes = std::move(changes);
    auto done = run_task(db->commit(std::move(mutation)));
    return done ? std::string() : std::string(to_string(done.error().code()));
  }
  static Change state(UploadState to, std::string reason = {}) {
    return change::SetState{to, std::move(reason)};
  }
  // Brings an upload of ten bytes to its end, with one event.
  void finish(const UploadRow& upload, FenceToken token, WallTime now = at(3000)) {
    const std::string id = upload.id.str();
    ASSERT_EQ(commit(id, token, {state(UploadState::kCompleting)}, UploadState::kOpen, now), "");
    const Change result = change::SetResult{result_of(upload, ByteCount(10))};
    const Change event = change::Emit{Event("upload.completed", "{\"id\":\"" + id + "\"}")};
    ASSERT_EQ(commit(id, token, {state(UploadState::kComplete), result, event},
                     UploadState::kCompleting, now),
              "");
  }
  std::vector<std::string> listed(UploadFilter filter) {
    auto rows = run_task(db->list(std::move(filter)));
    EXPECT_TRUE(rows);
    std::vector<std::string> ids;
    if (rows) {
      for (const UploadRow& upload : *rows) ids.push_back(upload.id.str());
    }
    return ids;
  }
  std::vector<OutboxRow> outbox(std::size_t limit = 100) {
    auto rows = run_task(db->outbox(limit));
    EXPECT_TRUE(rows);
    return rows ? *rows : std::vector<OutboxRow>();
  }

  std::unique_ptr<StateDb> db;
};

using Ids = std::vector<std::string>;

TEST_P(StateDbContract, ARowComesBackAsItWasCreated) {
  UploadRow upload = row("id-1", "dir/n\xc3\xa4me \x01 \"quoted\"");
  upload.attributes.content_type = "text/plain; charset=\"x\"";
  upload.attributes.content_disposition = "attachment; filename=\xe4.txt";  // not UTF-8
  upload.attributes.cache_control = "no-store";
  upload.attributes.raw_metadata = "b ,a MQ==,c\xff";
  upload.attributes.metadata = {{"b", "2"}, {"a", "1\xff"}, {"b", ""}};
  upload.checksum_kind = wire::ChecksumKind::kCrc32c;
  upload.size_max = ByteCount(1ULL << 60);
  upload.parallel = true;
  upload.total = ByteCount(0);
  upload.plan = core::PartPlan::Shape{8U << 20, 1000, 5ULL << 30, 10'000};
  upload.multipart = MultipartId("multi");
  upload.strays_possible = true;
  create(upload);
  const UploadRow back = load("id-1");
  EXPECT_EQ(back.id, upload.id);
  EXPECT_EQ(back.subject, upload.subject);
  EXPECT_EQ(back.name, upload.name);
  EXPECT_EQ(back.key, upload.key);
  EXPECT_EQ(back.token, upload.token);
  EXPECT_EQ(back.attributes.content_type, upload.attributes.content_type);
  EXPECT_EQ(back.attributes.content_disposition, upload.attributes.content_disposition);
  EXPECT_EQ(back.attributes.cache_control, upload.attributes.cache_control);
  EXPECT_EQ(back.attributes.raw_metadata, upload.attributes.raw_metadata);
  EXPECT_EQ(back.attributes.metadata, upload.attributes.metadata);
  EXPECT_EQ(back.checksum_kind, upload.checksum_kind);
  EXPECT_EQ(back.size_max, upload.size_max);
  EXPECT_TRUE(back.parallel);
  EXPECT_EQ(back.created_at, upload.created_at);
  EXPECT_EQ(back.state, UploadState::kOpen);
  EXPECT_EQ(back.total, ByteCount(0));
  EXPECT_EQ(back.plan, upload.plan);
  EXPECT_EQ(back.multipart, upload.multipart);
  EXPECT_TRUE(back.strays_possible);
  EXPECT_EQ(back.touched_at, upload.touched_at);
  EXPECT_FALSE(back.result);
}

TEST_P(StateDbContract, UnknownUploadsAreNotFound) {
  EXPECT_EQ(run_task(db->load(UploadId("x"))).error().code(), Errc::kNotFound);
  EXPECT_EQ(run_task(db->find("subject", "name")).error().code(), Errc::kNotFound);
  EXPECT_EQ(run_task(db->find_multipart(MultipartId("x"))).error().code(), Errc::kNotFound);
  EXPECT_EQ(run_task(db->claim(UploadId("x"), range(0, 1))).error().code(), Errc::kNotFound);
  EXPECT_EQ(commit("x", 1, {}), "not found");
  EXPECT_TRUE(run_task(db->probe()));
}

TEST_P(StateDbContract, NamesBelongToOneUnfinishedUpload) {
  const FenceToken first = create(row("id-1"));
  EXPECT_EQ(run_task(db->create(row("id-2"), std::nullopt)).error().code(), Errc::kConflict);
  EXPECT_EQ(run_task(db->create(row("id-2"), UploadId("id-0"))).error().code(), Errc::kConflict);
  EXPECT_EQ(run_task(db->find("subject", "name"))->id, UploadId("id-1"));
  EXPECT_EQ(run_task(db->load(UploadId("id-2"))).error().code(),
            Errc::kNotFound);  // no trace of it
  // Other subjects and names are other uploads.
  UploadRow other = row("id-3");
  other.subject = "other";
  create(other);
  create(row("id-4", "name2"));
  // A finished one frees the name.
  finish(row("id-1"), first);
  create(row("id-5"));
  EXPECT_EQ(run_task(db->find("subject", "name"))->id, UploadId("id-5"));
  EXPECT_EQ(load("id-1").state, UploadState::kComplete);
  EXPECT_EQ(run_task(db->create(row("id-5", "free"), std::nullopt)).error().code(),
            Errc::kConflict);
}

// R-31 and ruling 1: a new attempt replaces the unfinished one in one transaction.
TEST_P(StateDbContract, ReplacingAbortsTheOpenUpload) {
  const FenceToken old = create(row("id-1"));
  UploadRow next = row("id-2");
  next.created_at = at(1500);
  const FenceToken token = create(next, UploadId("id-1"));
  EXPECT_EQ(load("id-1").state, UploadState::kAborting);
  EXPECT_EQ(load("id-1").reason, "replaced");
  EXPECT_EQ(load("id-1").touched_at, at(1500));
  EXPECT_EQ(commit("id-1", old, {change::AddPart{part(1, range(0, 5))}}), "conflict");
  EXPECT_EQ(commit("id-2", token, {change::AddPart{part(1, range(0, 5))}}), "");
  EXPECT_EQ(run_task(db->find("subject", "name"))->id, UploadId("id-2"));
  // The name was taken from id-1: whoever still believes in it must read again.
  EXPECT_EQ(run_task(db->create(row("id-3"), UploadId("id-1"))).error().code(), Errc::kConflict);
}

TEST_P(StateDbContract, ReplacingLeavesCompletingUploadsAlone) {
  const FenceToken old = create(row("id-1"));
  ASSERT_EQ(commit("id-1", old, {state(UploadState::kCompleting)}), "");
  EXPECT_EQ(run_task(db->create(row("id-2"), std::nullopt)).error().code(), Errc::kConflict);
  create(row("id-2"), UploadId("id-1"));
  EXPECT_EQ(load("id-1").state, UploadState::kCompleting);
  EXPECT_EQ(run_task(db->find("subject", "name"))->id, UploadId("id-2"));
}

TEST_P(StateDbContract, AbortingUploadsFreeTheirName) {
  const FenceToken old = create(row("id-1"));
  ASSERT_EQ(commit("id-1", old, {state(UploadState::kAborting, "cancelled")}), "");
  create(row("id-2"));
  EXPECT_EQ(run_task(db->find("subject", "name"))->id, UploadId("id-2"));
  EXPECT_EQ(load("id-1").reason, "cancelled");
}

TEST_P(StateDbContract, ChangesAreApplied) {
  const FenceToken token = create(row("id-1"));
  const core::PartPlan::Shape shape{100, 0, 100, 50};
  ASSERT_EQ(
      commit("id-1", token,
             {change::SetPlan{shape}, change::SetMultipart{MultipartId("m")},
              change::SetTotal{ByteCount(250)}, change::SetStraysPossible{},
              change::AddPart{part(2, range(100, 200))}, change::AddPart{part(1, range(0, 100))},
              change::AddParked{parked(range(220, 230), "k2")},
              change::AddParked{parked(range(200, 220), "k1")}}),
      "");
  UploadRow now = load("id-1");
  EXPECT_EQ(now.plan, shape);
  EXPECT_EQ(now.multipart, MultipartId("m"));
  EXPECT_EQ(now.total, ByteCount(250));
  EXPECT_TRUE(now.strays_possible);
  ASSERT_EQ(now.parts.size(), 2U);
  EXPECT_EQ(now.parts[0].number, PartNumber(1));
  EXPECT_EQ(now.parts[1].range, range(100, 200));
  EXPECT_EQ(now.parts[1].checksum, sum(2));
  ASSERT_EQ(now.parked.size(), 2U);
  EXPECT_EQ(now.parked[0].key, ObjectKey("k1"));
  EXPECT_EQ(now.parked[1].checksum, sum(0xffffffffffffffffULL));
  EXPECT_EQ(now.touched_at, at(2000));

  // Same number, same key: replaced. Unknown keys drop without an error.
  ASSERT_EQ(commit("id-1", token,
                   {change::AddPart{part(2, range(100, 200), "\"other\"")},
                    change::AddParked{parked(range(200, 250), "k1")},
                    change::DropParked{ObjectKey("k2")}, change::DropParked{ObjectKey("nope")}}),
            "");
  now = load("id-1");
  ASSERT_EQ(now.parts.size(), 2U);
  EXPECT_EQ(now.parts[1].etag, ETag("\"other\""));
  ASSERT_EQ(now.parked.size(), 1U);
  EXPECT_EQ(now.parked[0].range, range(200, 250));
  EXPECT_EQ(run_task(db->find_multipart(MultipartId("m"))).value(), UploadId("id-1"));
}

TEST_P(StateDbContract, AMutationIsAllOrNothing) {
  const FenceToken token = create(row("id-1"));
  EXPECT_EQ(commit("id-1", token,
                   {change::AddPart{part(1, range(0, 5))}, change::SetTotal{ByteCount(5)},
                    change::Emit{Event("e", "{}")}, state(UploadState::kAborted)}),
            "invalid argument");  // open → aborted is no way
  const UploadRow now = load("id-1");
  EXPECT_TRUE(now.parts.empty());
  EXPECT_FALSE(now.total);
  EXPECT_EQ(now.touched_at, at(1000));
  EXPECT_TRUE(outbox().empty());
}

TEST_P(StateDbContract, WhatIsFixedStaysFixed) {
  const FenceToken token = create(row("id-1"));
  const core::PartPlan::Shape shape{100, 0, 100, 50};
  const core::PartPlan::Shape other{200, 0, 200, 50};
  ASSERT_EQ(commit("id-1", token, {change::SetPlan{shape}, change::SetTotal{ByteCount(300)}}), "");
  EXPECT_EQ(commit("id-1", token, {change::SetPlan{shape}, change::SetTotal{ByteCount(300)}}), "");
  EXPECT_EQ(commit("id-1", token, {change::SetPlan{other}}), "conflict");
  EXPECT_EQ(commit("id-1", token, {change::SetTotal{ByteCount(301)}}), "conflict");
  // A multipart upload may be exchanged until a part is in it (its creation may have been lost).
  ASSERT_EQ(commit("id-1", token, {change::SetMultipart{MultipartId("a")}}), "");
  ASSERT_EQ(
      commit("id-1", token,
             {change::SetMultipart{MultipartId("b")}, change::AddPart{part(1, range(0, 100))}}),
      "");
  EXPECT_EQ(commit("id-1", token, {change::SetMultipart{MultipartId("c")}}), "conflict");
  EXPECT_EQ(run_task(db->find_multipart(MultipartId("a"))).error().code(), Errc::kNotFound);
}

TEST_P(StateDbContract, NonsenseIsRefused) {
  const FenceToken token = create(row("id-1"));
  ASSERT_EQ(commit("id-1", token, {change::AddPart{part(2, range(10, 20))}}), "");
  const Ids wrong = {
      commit("id-1", token, {change::AddPart{part(3, range(30, 30))}}),
      commit("id-1", token, {change::AddPart{part(3, range(15, 25))}}),
      commit("id-1", token, {change::AddPart{part(1, range(5, 11))}}),
      commit("id-1", token, {change::AddPart{part(3, range(0, 5))}}),
      commit("id-1", token, {change::SetTotal{ByteCount(19)}}),
      commit("id-1", token, {change::SetTotal{ByteCount(1ULL << 63)}}),
      commit("id-1", token, {change::AddParked{parked(range(20, 20), "k")}}),
      commit("id-1", token, {change::AddPart{part(3, range(20, 1ULL << 63))}}),
      commit("id-1", token, {state(UploadState::kComplete)}),
      commit("id-1", token, {state(UploadState::kOpen)}),
      commit("id-1", token, {state(UploadState::kCompleting), state(UploadState::kComplete)}),
  };
  EXPECT_EQ(wrong, Ids(wrong.size(), "invalid argument"));
  PartRow foreign(PartNumber(3), range(20, 30), ETag("e"),
                  wire::Checksum(wire::ChecksumKind::kCrc32c, 1));
  EXPECT_EQ(commit("id-1", token, {change::AddPart{foreign}}), "invalid argument");
  ASSERT_EQ(commit("id-1", token, {change::SetTotal{ByteCount(25)}}), "");
  EXPECT_EQ(commit("id-1", token, {change::AddParked{parked(range(20, 26), "k")}}),
            "invalid argument");
  EXPECT_EQ(load("id-1").parts.size(), 1U);
}

TEST_P(StateDbContract, StatesMoveOnlyForward) {
  const FenceToken token = create(row("id-1"));
  EXPECT_EQ(commit("id-1", token, {}, UploadState::kCompleting), "conflict");
  finish(row("id-1"), token);
  EXPECT_EQ(load("id-1").state, UploadState::kComplete);
  const UploadRow done = load("id-1");
  ASSERT_TRUE(done.result);
  EXPECT_EQ(done.result->name, "name");
  EXPECT_EQ(done.result->size, ByteCount(10));
  EXPECT_EQ(done.result->etag, ETag("\"final\""));
  EXPECT_EQ(done.result->checksum, sum(77));
  EXPECT_EQ(done.result->completed_at, at(5000));
  EXPECT_EQ(commit("id-1", token, {state(UploadState::kAborting)}, UploadState::kComplete),
            "invalid argument");

  // One way back, and only where nothing is in a multipart upload.
  const FenceToken small = create(row("id-3", "three"));
  ASSERT_EQ(commit("id-3", small, {state(UploadState::kCompleting)}), "");
  ASSERT_EQ(commit("id-3", small, {state(UploadState::kOpen)}, UploadState::kCompleting), "");
  EXPECT_EQ(load("id-3").state, UploadState::kOpen);
  ASSERT_EQ(commit("id-3", small,
                   {change::SetMultipart{MultipartId("m-3")}, state(UploadState::kCompleting)}),
            "");
  EXPECT_EQ(commit("id-3", small, {state(UploadState::kOpen)}, UploadState::kCompleting),
            "invalid argument");

  const FenceToken second = create(row("id-2", "two"));
  ASSERT_EQ(commit("id-2", second, {state(UploadState::kCompleting)}), "");
  ASSERT_EQ(
      commit("id-2", second, {state(UploadState::kAborting, "lost")}, UploadState::kCompleting),
      "");
  ASSERT_EQ(commit("id-2", second, {state(UploadState::kAborted, "lost")}, UploadState::kAborting),
            "");
  EXPECT_EQ(load("id-2").state, UploadState::kAborted);
  EXPECT_EQ(load("id-2").reason, "lost");
}

// G7, R-22: a newer writer wins at once; the older one can do no harm.
TEST_P(StateDbContract, ANewerClaimFencesTheOlder) {
  const FenceToken old = create(row("id-1"));
  EXPECT_NE(old, 0U);
  ASSERT_EQ(commit("id-1", old, {change::AddParked{parked(range(0, 5), "k")}}), "");
  const FenceToken newer = claim("id-1", range(0, 1ULL << 63));
  EXPECT_GT(newer, old);
  EXPECT_EQ(commit("id-1", old, {change::AddParked{parked(range(5, 9), "k2")}}), "fenced");
  EXPECT_EQ(commit("id-1", old, {change::Touch{}}), "fenced");
  EXPECT_EQ(commit("id-1", old, {}), "fenced");
  EXPECT_EQ(commit("id-1", 0, {}), "fenced");
  EXPECT_EQ(commit("id-1", newer + 1, {}), "fenced");
  EXPECT_EQ(commit("id-1", newer, {change::AddParked{parked(range(5, 9), "k2")}}), "");
  EXPECT_EQ(load("id-1").parked.size(), 2U);
}

TEST_P(StateDbContract, ClaimsAreTrimmedToWhatDoesNotOverlap) {
  const FenceToken whole = create(row("id-1"));
  const FenceToken middle = claim("id-1", range(100, 200));
  // Two pieces of one token are left: [0, 100) and [200, …).
  EXPECT_EQ(commit("id-1", whole, {change::AddParked{parked(range(0, 100), "a")}}), "");
  EXPECT_EQ(commit("id-1", whole, {change::AddParked{parked(range(200, 300), "b")}}), "");
  EXPECT_EQ(commit("id-1", whole, {change::AddParked{parked(range(99, 101), "c")}}), "fenced");
  EXPECT_EQ(commit("id-1", whole, {change::AddParked{parked(range(199, 201), "c")}}), "fenced");
  EXPECT_EQ(commit("id-1", whole, {change::AddParked{parked(range(50, 250), "c")}}), "fenced");
  EXPECT_EQ(commit("id-1", middle, {change::AddParked{parked(range(100, 200), "d")}}), "");
  EXPECT_EQ(commit("id-1", middle, {change::AddParked{parked(range(100, 201), "e")}}), "fenced");
  // The left piece goes, then the right one: only then is the token fenced altogether.
  claim("id-1", range(0, 150));
  EXPECT_EQ(commit("id-1", middle, {change::AddParked{parked(range(150, 200), "f")}}), "");
  EXPECT_EQ(commit("id-1", middle, {change::AddParked{parked(range(149, 200), "g")}}), "fenced");
  EXPECT_EQ(commit("id-1", whole, {change::Touch{}}), "");
  claim("id-1", range(200, ~0ULL));
  EXPECT_EQ(commit("id-1", whole, {change::Touch{}}), "fenced");
  EXPECT_EQ(run_task(db->claim(UploadId("id-1"), range(7, 7))).error().code(),
            Errc::kInvalidArgument);
}

// Swarm writers on disjoint ranges do not fence each other, in any order (DESIGN 3, ruling 3).
TEST_P(StateDbContract, DisjointClaimsLiveTogether) {
  create(row("id-1"));
  const FenceToken a = claim("id-1", range(0, 100));
  const FenceToken c = claim("id-1", range(200, 300));
  const FenceToken b = claim("id-1", range(100, 200));
  EXPECT_EQ(commit("id-1", c, {change::AddPart{part(3, range(200, 300))}}), "");
  EXPECT_EQ(commit("id-1", a, {change::AddPart{part(1, range(0, 100))}}), "");
  EXPECT_EQ(commit("id-1", b, {change::AddPart{part(2, range(100, 200))}}), "");
  EXPECT_EQ(commit("id-1", a, {change::AddPart{part(2, range(100, 200))}}), "fenced");
  EXPECT_EQ(load("id-1").parts.size(), 3U);
}

TEST_P(StateDbContract, ClaimsOfDifferentUploadsAreApart) {
  const FenceToken one = create(row("id-1", "one"));
  create(row("id-2", "two"));
  claim("id-2", range(0, 100));
  EXPECT_EQ(commit("id-1", one, {change::AddPart{part(1, range(0, 100))}}), "");
}

// S-22 and recovery: a new process claims an upload in any state.
TEST_P(StateDbContract, UploadsInEveryStateCanBeClaimed) {
  const FenceToken token = create(row("id-1"));
  ASSERT_EQ(commit("id-1", token, {state(UploadState::kCompleting)}), "");
  const FenceToken recovered = claim("id-1", range(0, ~0ULL));
  EXPECT_EQ(commit("id-1", token, {}, UploadState::kCompleting), "fenced");
  EXPECT_EQ(
      commit("id-1", recovered, {state(UploadState::kAborting, "lost")}, UploadState::kCompleting),
      "");
}

TEST_P(StateDbContract, TouchedAtNeverGoesBack) {
  const FenceToken token = create(row("id-1"));
  ASSERT_EQ(commit("id-1", token, {change::Touch{}}, UploadState::kOpen, at(500)), "");
  EXPECT_EQ(load("id-1").touched_at, at(1000));
  ASSERT_EQ(commit("id-1", token, {change::Touch{}}, UploadState::kOpen, at(1500)), "");
  EXPECT_EQ(load("id-1").touched_at, at(1500));
  ASSERT_EQ(commit("id-1", token, {change::SetTotal{ByteCount(9)}}, UploadState::kOpen, at(1600)),
            "");
  EXPECT_EQ(load("id-1").touched_at, at(1500));  // no progress
}

TEST_P(StateDbContract, ListsByStateAndAge) {
  std::vector<FenceToken> tokens;
  for (const char* id : {"c", "a", "e", "b", "d"}) {
    UploadRow upload = row(id, id);
    upload.touched_at = at(1000 + id[0]);
    tokens.push_back(create(upload));
  }
  ASSERT_EQ(commit("e", tokens[2], {state(UploadState::kAborting)}), "");
  ASSERT_EQ(commit("b", tokens[3], {state(UploadState::kCompleting)}), "");
  UploadFilter filter;
  EXPECT_EQ(listed(filter), (Ids{"a", "b", "c", "d", "e"}));
  filter.states = {UploadState::kOpen};
  EXPECT_EQ(listed(filter), (Ids{"a", "c", "d"}));
  filter.states = {UploadState::kAborting, UploadState::kCompleting};
  EXPECT_EQ(listed(filter), (Ids{"b", "e"}));
  filter.states = {UploadState::kOpen, UploadState::kAborting};
  filter.limit = 2;
  EXPECT_EQ(listed(filter), (Ids{"a", "c"}));
  filter.after = UploadId("c");
  EXPECT_EQ(listed(filter), (Ids{"d", "e"}));
  filter = UploadFilter();
  filter.states = {UploadState::kOpen};
  filter.touched_before = at(1000 + 'd');
  EXPECT_EQ(listed(filter), (Ids{"a", "c"}));
  filter.limit = 1;
  filter.after = UploadId("a");
  EXPECT_EQ(listed(filter), (Ids{"c"}));
}

TEST_P(StateDbContract, ListedRowsAreWhole) {
  const FenceToken token = create(row("id-1"));
  ASSERT_EQ(
      commit("id-1", token,
             {change::AddPart{part(1, range(0, 5))}, change::AddParked{parked(range(5, 7), "k")}}),
      "");
  const auto rows = run_task(db->list(UploadFilter()));
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(rows->front().parts.size(), 1U);
  EXPECT_EQ(rows->front().parked.size(), 1U);
}

// G6: the event is part of the state change, has an id of its own, and an order per upload.
TEST_P(StateDbContract, EventsAreInTheTransaction) {
  const FenceToken one = create(row("id-1", "one"));
  const FenceToken two = create(row("id-2", "two"));
  ASSERT_EQ(commit("id-1", one, {change::Emit{Event("upload.created", "{\"n\":1}")}}), "");
  ASSERT_EQ(commit("id-2", two, {change::Emit{Event("upload.created", "{\"n\":2}")}}), "");
  // A refused mutation emits nothing and uses up no number.
  ASSERT_EQ(commit("id-1", one,
                   {change::Emit{Event("no", "{}")}, change::SetTotal{ByteCount(3)},
                    change::SetTotal{ByteCount(4)}}),
            "conflict");
  finish(row("id-1", "one"), one);
  const std::vector<OutboxRow> events = outbox();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].upload, UploadId("id-1"));
  EXPECT_EQ(events[0].sequence, 1U);
  EXPECT_EQ(events[0].event.body, "{\"n\":1}");
  EXPECT_EQ(events[0].created_at, at(2000));
  EXPECT_EQ(events[1].upload, UploadId("id-2"));
  EXPECT_EQ(events[2].event.type, "upload.completed");
  EXPECT_EQ(events[2].sequence, 2U);
  EXPECT_NE(events[0].id, events[1].id);
  EXPECT_NE(events[0].id, events[2].id);
  EXPECT_EQ(outbox(2).size(), 2U);

  ASSERT_TRUE(run_task(db->mark_delivered(events[0].id, at(4000))));
  ASSERT_TRUE(run_task(db->mark_delivered(events[0].id, at(4000))));  // at least once
  ASSERT_TRUE(run_task(db->mark_delivered("unknown", at(4000))));
  ASSERT_EQ(outbox().size(), 2U);
  EXPECT_EQ(outbox()[0].id, events[1].id);
}

TEST_P(StateDbContract, ForgetsFinishedUploadsAndKeepsUndeliveredEvents) {
  const UploadRow first = row("id-1", "one");
  finish(first, create(first), at(3000));
  const UploadRow second = row("id-2", "two");
  finish(second, create(second), at(4000));
  const FenceToken third = create(row("id-3", "three"));
  ASSERT_EQ(commit("id-3", third, {state(UploadState::kAborting, "cancelled")}), "");
  ASSERT_EQ(commit("id-3", third, {state(UploadState::kAborted, "cancelled")},
                   UploadState::kAborting, at(2500)),
            "");
  create(row("id-4", "four"));                                     // open, old
  EXPECT_EQ(run_task(db->forget_finished(at(3000))).value(), 1U);  // strictly before
  EXPECT_EQ(run_task(db->load(UploadId("id-3"))).error().code(), Errc::kNotFound);
  EXPECT_EQ(run_task(db->find("subject", "three")).error().code(), Errc::kNotFound);
  EXPECT_EQ(run_task(db->forget_finished(at(3001))).value(), 1U);
  EXPECT_EQ(run_task(db->find("subject", "one")).error().code(), Errc::kNotFound);
  // Its event was not delivered yet: it must still be (G6).
  std::vector<OutboxRow> events = outbox();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].upload, UploadId("id-1"));
  ASSERT_TRUE(run_task(db->mark_delivered(events[0].id, at(5000))));
  ASSERT_TRUE(run_task(db->mark_delivered(events[1].id, at(5000))));
  EXPECT_EQ(run_task(db->forget_finished(at(9000))).value(), 1U);
  EXPECT_TRUE(outbox().empty());
  EXPECT_EQ(listed(UploadFilter()), (Ids{"id-4"}));
}

TEST_P(StateDbContract, ForgettingAnOldAttemptKeepsTheNewOne) {
  const UploadRow first = row("id-1");
  finish(first, create(first), at(3000));
  create(row("id-2"));
  EXPECT_EQ(run_task(db->forget_finished(at(9000))).value(), 1U);
  EXPECT_EQ(run_task(db->find("subject", "name"))->id, UploadId("id-2"));
}

TEST_P(StateDbContract, AReleasedNameIsFree) {
  const UploadRow first = row("id-1");
  const FenceToken token = create(first);
  EXPECT_EQ(commit("id-1", token, {change::ReleaseName{}}), "invalid argument");
  EXPECT_EQ(run_task(db->find("subject", "name"))->id, UploadId("id-1"));
  finish(first, token, at(3000));
  const FenceToken later = claim("id-1", range(0, 10));
  ASSERT_EQ(commit("id-1", later, {change::ReleaseName{}}, UploadState::kComplete), "");
  EXPECT_EQ(run_task(db->find("subject", "name")).error().code(), Errc::kNotFound);
  EXPECT_EQ(load("id-1").state, UploadState::kComplete);  // its row and its event stay
  EXPECT_EQ(outbox().size(), 1U);
  create(row("id-2"));
  // Again, when another one has the name.
  ASSERT_EQ(commit("id-1", later, {change::ReleaseName{}}, UploadState::kComplete), "");
  EXPECT_EQ(run_task(db->find("subject", "name"))->id, UploadId("id-2"));
}

TEST_P(StateDbContract, ManyPartsInAnyOrder) {
  const FenceToken token = create(row("id-1"));
  const std::uint64_t count = 500;
  for (std::uint64_t i = 0; i < count; i += 10) {
    std::vector<Change> changes;
    for (std::uint64_t j = i; j < i + 10; ++j) {
      const std::uint64_t n = (j * 257) % count;  // a permutation
      changes.emplace_back(
          change::AddPart{part(static_cast<std::uint32_t>(n + 1), range(n * 8, n * 8 + 8))});
    }
    ASSERT_EQ(commit("id-1", token, std::move(changes)), "");
  }
  const UploadRow now = load("id-1");
  ASSERT_EQ(now.parts.size(), count);
  for (std::uint64_t n = 0; n < count; ++n) {
    EXPECT_EQ(now.parts[n].number.value(), n + 1);
    EXPECT_EQ(now.parts[n].range.begin().value(), n * 8);
  }
}

}  // namespace sluice::statedb
