#include "stores/local/local_store.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/task_scope.h"
#include "base/text.h"
#include "ports/run_task.h"
#include "stores/local/fd.h"
#include "stores/local/local_world.h"
#include "stores/local/part_index.h"

namespace sluice::stores::local {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

wire::Checksum sum(std::string_view bytes) {
  return wire::Checksum::of(wire::ChecksumKind::kCrc32c, as_bytes(bytes));
}
Payload payload(const std::string& bytes) {
  return Payload(Bytes::copy_of(bytes), sum(bytes));
}
ObjectSpec spec(const std::string& key, const std::string& token = "token-1",
                const std::string& owner = "") {
  return ObjectSpec(ObjectKey(key), core::ObjectAttributes(), UploadToken(token), UploadId(owner));
}

class LocalStore : public testing::Test {
 protected:
  void SetUp() override {
    store = world.open();
    ASSERT_NE(store, nullptr);
  }
  // A process that starts again.
  void reopen() {
    store.reset();
    store = world.open();
    ASSERT_NE(store, nullptr);
  }
  template <class T>
  static Errc code(const Result<T>& result) {
    return result ? Errc::kCancelled : result.error().code();  // kCancelled: it worked
  }
  Result<ObjectInfo> put(const std::string& key, const std::string& bytes,
                         const std::string& token = "token-1") {
    return run_task(store->put_object(spec(key, token), payload(bytes), Deadline::never()));
  }
  Result<ObjectInfo> stat(const std::string& key) {
    return run_task(store->stat(ObjectKey(key), Deadline::never()));
  }
  Result<Ok> remove(const std::string& key) {
    return run_task(store->remove(ObjectKey(key), Deadline::never()));
  }
  Result<MultipartId> create(const std::string& key, const std::string& token = "token-1") {
    return run_task(store->create_multipart(spec(key, token), Deadline::never()));
  }
  Result<PartReceipt> put_part(const std::string& key, const MultipartId& id, std::uint32_t number,
                               std::uint64_t begin, const std::string& bytes) {
    const ByteRange range(ByteOffset(begin), ByteOffset(begin + bytes.size()));
    PartTarget target(ObjectKey(key), id, PartNumber(number), range);
    return run_task(store->put_part(std::move(target), payload(bytes), Deadline::never()));
  }
  Result<ObjectInfo> complete(const std::string& key, const MultipartId& id,
                              std::vector<PartReceipt> parts, const std::string& whole) {
    Completion completion(spec(key), id, std::move(parts), ByteCount(whole.size()), sum(whole));
    return run_task(store->complete(std::move(completion), Deadline::never()));
  }
  Result<std::vector<ListedPart>> parts(const std::string& key, const MultipartId& id) {
    return run_task(store->list_parts(ObjectKey(key), id, Deadline::never()));
  }
  std::string upload_path(const MultipartId& id, const std::string& file = {}) const {
    return world.path(".sluice/local/uploads/" + id.str() + (file.empty() ? "" : "/" + file));
  }
  std::size_t proofs() const {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(world.path(".sluice/local/done"))) {
      if (entry.is_regular_file()) ++count;
    }
    return count;
  }

  LocalWorld world;
  std::unique_ptr<ObjectStore> store;
};

TEST(LocalStoreOpen, WantsADirectoryThatIsThere) {
  LocalWorld world;
  const LocalServices services{&world.clock, &world.random};
  EXPECT_EQ(open_local(LocalOptions{"relative"}, services).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(open_local(LocalOptions{""}, services).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(open_local(LocalOptions{world.path("missing")}, services).error().code(),
            Errc::kInvalidArgument);
  write_file(world.path("file"), "x");
  EXPECT_EQ(open_local(LocalOptions{world.path("file")}, services).error().code(), Errc::kRejected);
  EXPECT_FALSE(fs::exists(world.path("missing")));
}

TEST_F(LocalStore, ObjectsAreFilesAndOursAreHidden) {
  ASSERT_TRUE(put("dir/sub/name.txt", "bytes"));
  EXPECT_EQ(read_file(world.path("dir/sub/name.txt")), "bytes");
  struct stat info {};
  ASSERT_EQ(::stat(world.path(".sluice").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
  const auto list = run_task(store->list_objects("", Deadline::never()));
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front().key, ObjectKey("dir/sub/name.txt"));
}

TEST_F(LocalStore, NothingIsWrittenIntoItsOwnPlace) {
  for (const char* key :
       {".sluice/local/done/x", ".sluice/local", ".sluice/local/uploads/a/data"}) {
    EXPECT_EQ(code(put(key, "x")), Errc::kRejected) << key;
    EXPECT_EQ(code(create(key)), Errc::kRejected) << key;
    EXPECT_EQ(code(stat(key)), Errc::kNotFound) << key;
  }
  EXPECT_EQ(code(put(".sluice", "x")), Errc::kRejected);
  EXPECT_TRUE(put(".sluice/check/x", "x"));
  EXPECT_EQ(stat(".sluice/check/x")->token, UploadToken("token-1"));
  EXPECT_TRUE(remove(".sluice/check/x"));
  EXPECT_FALSE(fs::exists(world.path(".sluice/check")));
}

TEST_F(LocalStore, NoWayOutOfTheDirectory) {
  TempDir outside;
  write_file(outside.file("secret"), "secret");
  ASSERT_EQ(::symlink(outside.path().c_str(), world.path("link").c_str()), 0);
  ASSERT_EQ(::symlink(outside.file("secret").c_str(), world.path("file").c_str()), 0);
  // Through a symbolic link in the middle.
  EXPECT_EQ(code(put("link/new", "x")), Errc::kRejected);
  EXPECT_EQ(code(create("link/new")), Errc::kRejected);
  EXPECT_EQ(code(stat("link/secret")), Errc::kNotFound);
  EXPECT_EQ(code(run_task(store->get(ObjectKey("link/secret"),
                                     ByteRange(ByteOffset(0), ByteOffset(3)), Deadline::never()))),
            Errc::kNotFound);
  EXPECT_TRUE(remove("link/secret"));
  EXPECT_TRUE(fs::exists(outside.file("secret")));
  // At the end: never read, replaced as the name it is.
  EXPECT_EQ(code(stat("file")), Errc::kNotFound);
  EXPECT_EQ(code(run_task(store->get(ObjectKey("file"), ByteRange(ByteOffset(0), ByteOffset(3)),
                                     Deadline::never()))),
            Errc::kNotFound);
  ASSERT_TRUE(put("file", "ours"));
  EXPECT_EQ(read_file(outside.file("secret")), "secret");
  EXPECT_EQ(read_file(world.path("file")), "ours");
  EXPECT_FALSE(fs::is_symlink(world.path("file")));
  for (const char* key : {"../up", "a/../../up", "..", "/etc/x", "a/./b", "a//b", "a/"}) {
    EXPECT_EQ(code(put(key, "x")), Errc::kRejected) << key;
  }
  EXPECT_EQ(code(put(std::string("nul\0byte", 8), "x")), Errc::kRejected);
  EXPECT_EQ(code(put("not-utf8-\xff", "x")), Errc::kRejected);
}

TEST_F(LocalStore, LongNamesAreRejected) {
  EXPECT_TRUE(put(std::string(255, 'n'), "x"));
  EXPECT_EQ(code(put(std::string(256, 'n'), "x")), Errc::kRejected);
  EXPECT_EQ(code(create("dir/" + std::string(256, 'n'))), Errc::kRejected);
  EXPECT_FALSE(fs::exists(world.path("dir")));
}

TEST_F(LocalStore, FilesAndDirectoriesCannotShareAName) {
  ASSERT_TRUE(put("a", "file"));
  auto below = put("a/b", "x");
  EXPECT_EQ(code(below), Errc::kRejected);
  EXPECT_NE(below.error().detail().find("\"a\" is not a directory"), std::string::npos);
  EXPECT_EQ(code(create("a/b/c")), Errc::kRejected);
  EXPECT_EQ(code(stat("a/b")), Errc::kNotFound);
  EXPECT_TRUE(remove("a/b"));
  ASSERT_TRUE(put("d/e", "file"));
  EXPECT_EQ(code(put("d", "x")), Errc::kRejected);
  EXPECT_EQ(code(create("d")), Errc::kRejected);
  EXPECT_EQ(code(stat("d")), Errc::kNotFound);
  EXPECT_TRUE(remove("d"));  // a directory is no object
  EXPECT_TRUE(fs::exists(world.path("d/e")));

  // The collision may come while the upload runs.
  const MultipartId id = create("late").value();
  const PartReceipt part = put_part("late", id, 1, 0, "bytes").value();
  fs::create_directory(world.path("late"));
  EXPECT_EQ(code(complete("late", id, {part}, "bytes")), Errc::kRejected);
  fs::remove(world.path("late"));
  EXPECT_TRUE(complete("late", id, {part}, "bytes"));  // nothing was lost
}

TEST_F(LocalStore, SpecialFilesAreNoObjects) {
  ASSERT_EQ(::mkfifo(world.path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(code(stat("pipe")), Errc::kNotFound);
  EXPECT_EQ(code(run_task(store->get(ObjectKey("pipe"), ByteRange(ByteOffset(0), ByteOffset(1)),
                                     Deadline::never()))),
            Errc::kNotFound);
}

TEST_F(LocalStore, PartsSurviveARestart) {
  const MultipartId id = create("dir/object").value();
  const PartReceipt second = put_part("dir/object", id, 2, 5, "world").value();
  reopen();
  const auto listed = parts("dir/object", id);
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ(listed->front().number, PartNumber(2));
  EXPECT_EQ(listed->front().etag, second.etag);
  const PartReceipt first = put_part("dir/object", id, 1, 0, "hello").value();
  reopen();
  const auto info = complete("dir/object", id, {first, second}, "helloworld");
  ASSERT_TRUE(info) << info.error().detail();
  EXPECT_EQ(info->checksum, sum("helloworld"));
  EXPECT_EQ(read_file(world.path("dir/object")), "helloworld");
  EXPECT_FALSE(fs::exists(upload_path(id)));
}

TEST_F(LocalStore, CompletionChecksSizesRangesAndChecksums) {
  const MultipartId id = create("object").value();
  const PartReceipt first = put_part("object", id, 1, 0, "hello").value();
  const PartReceipt gap = put_part("object", id, 2, 6, "world").value();
  EXPECT_EQ(code(complete("object", id, {first, gap}, "helloworld")), Errc::kConflict);
  const PartReceipt second = put_part("object", id, 2, 5, "world").value();
  EXPECT_EQ(code(complete("object", id, {first, second}, "hello")), Errc::kCorrupt);
  EXPECT_EQ(code(complete("object", id, {first, second}, "hellowoRld")), Errc::kCorrupt);
  EXPECT_EQ(code(complete("object", id, {}, "")), Errc::kRejected);
  EXPECT_FALSE(fs::exists(world.path("object")));
  // Another kind of checksum: the file is read once more.
  const auto crc64 = wire::Checksum::of(wire::ChecksumKind::kCrc64Nvme, as_bytes("helloworld"));
  const auto wrong = wire::Checksum::of(wire::ChecksumKind::kCrc64Nvme, as_bytes("helloworlt"));
  Completion bad(spec("object"), id, {first, second}, ByteCount(10), wrong);
  EXPECT_EQ(code(run_task(store->complete(bad, Deadline::never()))), Errc::kCorrupt);
  Completion good(spec("object"), id, {first, second}, ByteCount(10), crc64);
  EXPECT_TRUE(run_task(store->complete(good, Deadline::never())));
}

// Bytes behind the end (of a part that is not in the list) are cut off.
TEST_F(LocalStore, UnlistedPartsAreCutOff) {
  const MultipartId id = create("object").value();
  const PartReceipt first = put_part("object", id, 1, 0, "hello").value();
  ASSERT_TRUE(put_part("object", id, 2, 5, "surplus"));
  ASSERT_TRUE(complete("object", id, {first}, "hello"));
  EXPECT_EQ(read_file(world.path("object")), "hello");
}

// G5, S-22: goal: whatever moment a crash takes complete() at, stat() and a repeated complete()
// tell the truth. Method: each state that complete() goes through is made by hand.
TEST_F(LocalStore, CompletionCutShortBeforeTheRename) {
  const MultipartId id = create("object").value();
  const PartReceipt part = put_part("object", id, 1, 0, "bytes").value();
  // The proof is linked, the rename has not happened: make it so by a completed twin.
  const MultipartId twin = create("object").value();
  const PartReceipt twin_part = put_part("object", twin, 1, 0, "bytes").value();
  ASSERT_TRUE(complete("object", twin, {twin_part}, "bytes"));
  std::string proof;
  for (const auto& entry : fs::recursive_directory_iterator(world.path(".sluice/local/done"))) {
    if (entry.is_regular_file()) proof = entry.path().string();
  }
  ASSERT_FALSE(proof.empty());
  const std::string cut = proof.substr(0, proof.find('@') + 1) + id.str();
  fs::remove(world.path("object"));
  fs::create_hard_link(upload_path(id, "data"), cut);
  reopen();
  EXPECT_EQ(code(stat("object")), Errc::kNotFound);  // no object, whatever the proof says
  EXPECT_EQ(parts("object", id)->size(), 1U);
  // Somebody else's file under the name is not taken for ours.
  write_file(world.path("object"), "bytes");
  EXPECT_EQ(stat("object")->token, UploadToken());
  ASSERT_TRUE(complete("object", id, {part}, "bytes"));
  EXPECT_EQ(stat("object")->token, UploadToken("token-1"));
}

TEST_F(LocalStore, CompletionCutShortAfterTheRename) {
  const MultipartId id = create("object").value();
  const PartReceipt part = put_part("object", id, 1, 0, "bytes").value();
  // Keep a copy of the upload's directory without its data: what is left after the rename.
  fs::copy(upload_path(id), world.path("copy"), fs::copy_options::recursive);
  fs::remove(world.path("copy/data"));
  ASSERT_TRUE(complete("object", id, {part}, "bytes"));
  fs::rename(world.path("copy"), upload_path(id));
  reopen();
  EXPECT_EQ(code(put_part("object", id, 1, 0, "bytes")), Errc::kNotFound);
  EXPECT_EQ(code(parts("object", id)), Errc::kNotFound);
  EXPECT_EQ(stat("object")->token, UploadToken("token-1"));  // the engine finds it (G5)
  EXPECT_EQ(code(complete("object", id, {part}, "bytes")), Errc::kNotFound);
  EXPECT_FALSE(fs::exists(upload_path(id)));  // and the remains are gone
  EXPECT_EQ(read_file(world.path("object")), "bytes");
}

TEST_F(LocalStore, RemainsOfCompletionsAreSweptByListing) {
  const MultipartId id = create("object").value();
  fs::remove(upload_path(id, "data"));
  EXPECT_TRUE(run_task(store->list_multiparts("", Deadline::never()))->empty());
  EXPECT_FALSE(fs::exists(upload_path(id)));
}

TEST_F(LocalStore, TheProofGoesWithTheCompletionsRecord) {
  ASSERT_TRUE(put("one", "1"));
  ASSERT_TRUE(put("two", "2"));
  EXPECT_EQ(proofs(), 2U);
  ASSERT_TRUE(run_task(store->settle(spec("one"), Deadline::never())));
  EXPECT_EQ(proofs(), 1U);
  EXPECT_EQ(stat("one")->token, UploadToken());
  EXPECT_EQ(stat("two")->token, UploadToken("token-1"));
  // Replaced or removed objects leave no proof that would keep their bytes.
  ASSERT_TRUE(put("two", "22", "token-2"));
  EXPECT_EQ(proofs(), 1U);
  // Settling an upload whose object was replaced meanwhile does not touch the other's proof.
  ASSERT_TRUE(run_task(store->settle(spec("two", "token-1"), Deadline::never())));
  EXPECT_EQ(stat("two")->token, UploadToken("token-2"));
  ASSERT_TRUE(remove("two"));
  EXPECT_EQ(proofs(), 0U);
  EXPECT_TRUE(fs::is_empty(world.path(".sluice/local/done")));
}

// What a process did not settle before it died can be found: by its owner, in one part or many.
TEST_F(LocalStore, UnsettledObjectsAreListedByTheirOwners) {
  const auto unsettled = [this] { return *run_task(store->list_unsettled(Deadline::never())); };
  using Owners = std::vector<UploadId>;
  EXPECT_EQ(unsettled(), Owners());
  ASSERT_TRUE(run_task(
      store->put_object(spec("small", "token-1", "A_1"), payload("x"), Deadline::never())));
  const MultipartId id =
      *run_task(store->create_multipart(spec("large", "token-2", "B-2"), Deadline::never()));
  const auto part = put_part("large", id, 1, 0, "bytes");
  ASSERT_TRUE(part);
  EXPECT_EQ(unsettled(), Owners{UploadId("A_1")});
  reopen();
  ASSERT_TRUE(complete("large", id, {*part}, "bytes"));
  ASSERT_TRUE(put("nobody's", "x"));
  reopen();
  EXPECT_EQ(unsettled(), (Owners{UploadId("A_1"), UploadId("B-2")}));
  EXPECT_EQ(stat("large")->token, UploadToken("token-2"));
  ASSERT_TRUE(run_task(store->settle(spec("large", "token-2"), Deadline::never())));
  EXPECT_EQ(unsettled(), Owners{UploadId("A_1")});
  ASSERT_TRUE(remove("small"));
  EXPECT_EQ(unsettled(), Owners());
}

// An upload that an older program began goes on.
TEST_F(LocalStore, UploadsWithoutAnOwnerAreWhole) {
  const MultipartId id = create("object").value();
  write_file(upload_path(id, "meta"), R"({"version":1,"key":"object","token":"token-1"})");
  reopen();
  const auto part = put_part("object", id, 1, 0, "bytes");
  ASSERT_TRUE(part) << part.error().detail();
  ASSERT_TRUE(complete("object", id, {*part}, "bytes"));
  EXPECT_EQ(stat("object")->token, UploadToken("token-1"));
  EXPECT_TRUE(run_task(store->list_unsettled(Deadline::never()))->empty());
}

TEST_F(LocalStore, TokensOfAllKinds) {
  const std::string token = "a/b@c..\xc3\xa9 %41";
  ASSERT_TRUE(put("object", "x", token));
  EXPECT_EQ(stat("object")->token, UploadToken(token));
  EXPECT_EQ(code(put("object", "x", std::string(300, 't'))), Errc::kRejected);
  ASSERT_TRUE(put("free", "x", ""));
  EXPECT_EQ(stat("free")->token, UploadToken());
}

TEST_F(LocalStore, ParkedSegmentsLeaveNothingBehind) {
  ASSERT_TRUE(put(".sluice/parked/up-1/00-05", "hello"));
  EXPECT_EQ(proofs(), 0U);
  EXPECT_TRUE(fs::exists(world.path(".sluice/parked/up-1/00-05")));
  ASSERT_TRUE(remove(".sluice/parked/up-1/00-05"));
  EXPECT_FALSE(fs::exists(world.path(".sluice/parked")));
  ASSERT_TRUE(put(".sluice/parked/up-1/00-05", "again"));
}

Task<void> park_and_drop(ObjectStore* store, std::string key, int count, int* done) {
  for (int i = 0; i < count; ++i) {
    ObjectSpec what = spec(key);
    Payload body = payload("bytes");
    const auto put =
        co_await store->put_object(std::move(what), std::move(body), Deadline::never());
    if (!put) co_return;
    const auto gone = co_await store->remove(ObjectKey(key), Deadline::never());
    if (!gone) co_return;
    const auto settled = co_await store->settle(spec(key), Deadline::never());
    if (!settled) co_return;
    ++*done;
  }
}

// Empty directories of ours go while others are made: nobody may notice.
TEST_F(LocalStore, HiddenDirectoriesComeAndGoUnnoticed) {
  asio::io_context context(1);
  TaskScope scope(context.get_executor());
  int done = 0;
  for (const char* key : {".sluice/parked/up-1/a", ".sluice/parked/up-2/a", ".sluice/check/a",
                          ".sluice/check/b", ".sluice/check/a"}) {
    scope.spawn(park_and_drop(store.get(), key, 60, &done));
  }
  context.run();
  EXPECT_EQ(done, 300);
  EXPECT_EQ(proofs(), 0U);
}

TEST_F(LocalStore, ARepeatedPartIsNotWrittenAgain) {
  const MultipartId id = create("object").value();
  const PartReceipt first = put_part("object", id, 1, 0, "hello").value();
  struct stat before {};
  ASSERT_EQ(::stat(upload_path(id, "data").c_str(), &before), 0);
  const PartReceipt again = put_part("object", id, 1, 0, "hello").value();
  EXPECT_EQ(again.etag, first.etag);
  struct stat after {};
  ASSERT_EQ(::stat(upload_path(id, "data").c_str(), &after), 0);
  EXPECT_EQ(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
  // Damaged bytes for a part that is there change nothing.
  PartTarget target(ObjectKey("object"), id, PartNumber(1),
                    ByteRange(ByteOffset(0), ByteOffset(5)));
  Payload damaged(Bytes::copy_of("hellO"), sum("hello"));
  EXPECT_EQ(code(run_task(store->put_part(target, damaged, Deadline::never()))), Errc::kCorrupt);
  EXPECT_EQ(parts("object", id)->size(), 1U);
}

// A record that a crash tore in two, or that rotted, is no part.
TEST_F(LocalStore, TornPartRecordsDoNotCount) {
  const MultipartId id = create("object").value();
  ASSERT_TRUE(put_part("object", id, 1, 0, "hello"));
  ASSERT_TRUE(put_part("object", id, 2, 5, "world"));
  const std::string index = upload_path(id, "parts");
  const std::string good = read_file(index);
  ASSERT_EQ(good.size(), 128U);
  for (const std::size_t size : {0U, 1U, 63U, 64U, 100U, 127U}) {
    write_file(index, good.substr(0, size));
    EXPECT_EQ(parts("object", id)->size(), size / 64) << size;
  }
  for (std::size_t at = 0; at < 48; ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    write_file(index, bad);
    const auto listed = parts("object", id);
    ASSERT_EQ(listed->size(), 1U) << at;
    EXPECT_EQ(listed->front().number, PartNumber(2));
  }
}

TEST_F(LocalStore, ForeignAndMalformedIdsAreNotFound) {
  const MultipartId id = create("object").value();
  for (const char* bad : {"", "..", "../../x", "ABCDEF", "0123456789abcdef0123456789abcdeg",
                          "0123456789abcdef0123456789abcdef"}) {
    EXPECT_EQ(code(parts("object", MultipartId(bad))), Errc::kNotFound) << bad;
    EXPECT_EQ(code(put_part("object", MultipartId(bad), 1, 0, "x")), Errc::kNotFound) << bad;
    EXPECT_TRUE(run_task(store->abort(ObjectKey("object"), MultipartId(bad), Deadline::never())));
  }
  // The right id under the wrong key is not that upload.
  EXPECT_EQ(code(parts("other", id)), Errc::kNotFound);
  EXPECT_TRUE(run_task(store->abort(ObjectKey("other"), id, Deadline::never())));
  EXPECT_TRUE(parts("object", id));
}

TEST_F(LocalStore, OldHalfWrittenFilesGoAtStart) {
  const std::string old = world.path(".sluice/local/tmp/old");
  const std::string young = world.path(".sluice/local/tmp/young");
  write_file(old, "x");
  write_file(young, "x");
  fs::create_directory(world.path(".sluice/local/tmp/old-dir"));
  write_file(world.path(".sluice/local/tmp/old-dir/meta"), "x");
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(48);
  fs::last_write_time(old, long_ago);
  fs::last_write_time(world.path(".sluice/local/tmp/old-dir"), long_ago);
  reopen();
  EXPECT_FALSE(fs::exists(old));
  EXPECT_FALSE(fs::exists(world.path(".sluice/local/tmp/old-dir")));
  EXPECT_TRUE(fs::exists(young));
}

TEST_F(LocalStore, FailuresLeaveNoTemporaryFiles) {
  Payload damaged(Bytes::copy_of("bytes"), sum("other"));
  EXPECT_EQ(code(run_task(store->put_object(spec("object"), damaged, Deadline::never()))),
            Errc::kCorrupt);
  EXPECT_TRUE(fs::is_empty(world.path(".sluice/local/tmp")));
  EXPECT_TRUE(fs::is_empty(world.path(".sluice/local/done")));
}

TEST_F(LocalStore, APassedDeadlineBeginsNothing) {
  world.clock.at = Instant(std::chrono::seconds(10));
  const Deadline past(Instant(std::chrono::seconds(9)));
  EXPECT_EQ(code(run_task(store->put_object(spec("late"), payload("x"), past))),
            Errc::kUnavailable);
  EXPECT_FALSE(fs::exists(world.path("late")));
}

Task<void> put_some(ObjectStore* store, MultipartId id, std::uint32_t first, int* done) {
  for (std::uint32_t number = first; number <= 40; number += 4) {
    const std::string bytes(1000, static_cast<char>('a' + number % 26));
    const ByteOffset begin((number - 1) * 1000ULL);
    PartTarget target(ObjectKey("object"), id, PartNumber(number),
                      ByteRange(begin, begin + ByteCount(1000)));
    Payload body = payload(bytes);
    const auto part =
        co_await store->put_part(std::move(target), std::move(body), Deadline::never());
    if (part) ++*done;
  }
}

TEST_F(LocalStore, InstancesShareADirectoryAndPartsArriveTogether) {
  const auto other = world.open();  // as another event loop would
  const MultipartId id = create("object").value();
  std::array<int, 4> done{};
  std::vector<std::thread> loops;
  for (std::uint32_t i = 0; i < 2; ++i) {
    loops.emplace_back([this, &other, &id, &done, i] {
      asio::io_context context(1);
      TaskScope scope(context.get_executor());
      ObjectStore* mine = i == 0 ? store.get() : other.get();
      scope.spawn(put_some(mine, id, i * 2 + 1, &done[i * 2]));
      scope.spawn(put_some(mine, id, i * 2 + 2, &done[i * 2 + 1]));
      context.run();
    });
  }
  for (std::thread& loop : loops) loop.join();
  EXPECT_EQ(done, (std::array<int, 4>{10, 10, 10, 10}));
  std::vector<PartReceipt> receipts;
  std::string whole;
  const auto listed = parts("object", id);
  for (const ListedPart& part : *listed) {
    receipts.emplace_back(part.number, part.etag, part.size, std::nullopt);
    whole += std::string(1000, static_cast<char>('a' + part.number.value() % 26));
  }
  ASSERT_EQ(receipts.size(), 40U);
  ASSERT_TRUE(complete("object", id, receipts, whole));
  EXPECT_EQ(read_file(world.path("object")), whole);
}

[[noreturn]] void store_until_killed(const std::string& directory, int pipe) {
  TestRandom random;
  StillClock clock;
  auto store = open_local(LocalOptions{directory}, LocalServices{&clock, &random});
  if (!store) ::_exit(1);
  const auto id = run_task((*store)->create_multipart(spec("object"), Deadline::never()));
  if (!id || ::write(pipe, id->str().data(), 32) != 32) ::_exit(2);
  for (std::uint32_t number = 1;; ++number) {
    const std::string bytes(5000, static_cast<char>('a' + number % 26));
    const ByteOffset begin((number - 1) * 5000ULL);
    PartTarget target(ObjectKey("object"), *id, PartNumber(number),
                      ByteRange(begin, begin + ByteCount(5000)));
    if (!run_task((*store)->put_part(std::move(target), payload(bytes), Deadline::never()))) {
      ::_exit(3);
    }
    if (::write(pipe, &number, sizeof number) != sizeof number) ::_exit(4);
  }
}

// G1: goal: a part that was answered is there after kill -9, with its bytes. Method: kill a storing
// process at arbitrary moments; complete what it left behind.
TEST_F(LocalStore, AnsweredPartsSurviveKill) {
  store.reset();  // no threads of ours in the child
  for (int round = 0; round < 5; ++round) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) store_until_killed(world.directory.path(), pipe[1]);
    ::close(pipe[1]);
    std::string id(32, '\0');
    ASSERT_EQ(::read(pipe[0], id.data(), id.size()), 32);
    std::uint32_t answered = 0;
    ASSERT_EQ(::read(pipe[0], &answered, sizeof answered), static_cast<ssize_t>(sizeof answered));
    std::this_thread::sleep_for(std::chrono::milliseconds(3 + 5 * round));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    std::uint32_t number = 0;
    while (::read(pipe[0], &number, sizeof number) == sizeof number) answered = number;
    ::close(pipe[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "exit code " << WEXITSTATUS(status);

    store = world.open();
    const auto listed = parts("object", MultipartId(id));
    ASSERT_TRUE(listed);
    ASSERT_GE(listed->size(), answered);
    ASSERT_LE(listed->size(), answered + 1);
    std::vector<PartReceipt> receipts;
    std::string whole;
    for (const ListedPart& part : *listed) {
      receipts.emplace_back(part.number, part.etag, part.size, std::nullopt);
      whole += std::string(5000, static_cast<char>('a' + part.number.value() % 26));
    }
    ASSERT_TRUE(complete("object", MultipartId(id), receipts, whole));
    EXPECT_TRUE(read_file(world.path("object")) == whole);
    store.reset();
  }
}

TEST(LocalErrors, TellTheCallerWhatToDo) {
  EXPECT_EQ(error_of(ENOSPC, "write").code(), Errc::kThrottled);
  EXPECT_EQ(error_of(EDQUOT, "write").code(), Errc::kThrottled);
  EXPECT_EQ(error_of(EIO, "write").code(), Errc::kUnavailable);
  EXPECT_EQ(error_of(EROFS, "write").code(), Errc::kRejected);
  EXPECT_EQ(error_of(ENAMETOOLONG, "open").code(), Errc::kRejected);
  EXPECT_EQ(error_of(EFBIG, "write").code(), Errc::kTooLarge);
  EXPECT_EQ(error_of(ENOENT, "open").code(), Errc::kNotFound);
  EXPECT_EQ(error_of(ENOSPC, "write").detail(), "write: No space left on device");
}

}  // namespace
}  // namespace sluice::stores::local
