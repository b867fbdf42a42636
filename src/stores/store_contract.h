// The contract of ports/object_store.h as one test suite that every store must pass. Include it in
// one test file of a program and instantiate it with a factory per store.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "base/text.h"
#include "ports/object_store.h"
#include "ports/run_task.h"

namespace sluice::stores {

// A store under test and what it lives in.
class StoreSubject {
 public:
  virtual ~StoreSubject() = default;
  virtual ObjectStore* store() = 0;
  // Goes before every key of the suite, so that a shared bucket is no trouble. Empty, or ends with
  // '/'.
  virtual std::string prefix() const { return {}; }
  // False: keys that are no sensible file names ("a//b", "..") may be refused with kRejected.
  virtual bool takes_any_key() const { return true; }
  // False: settle() takes back the proof, and with it the token.
  virtual bool keeps_token() const { return true; }
};

using StoreFactory = std::function<std::unique_ptr<StoreSubject>(boost::asio::io_context&)>;

class StoreContract : public testing::TestWithParam<std::pair<std::string, StoreFactory>> {
 protected:
  void SetUp() override {
    subject_ = GetParam().second(context_);
    if (!subject_) GTEST_SKIP() << "no such store here";
    store = subject_->store();
    // Parts as small as the store allows, and not absurdly small.
    part_bytes = std::max<std::size_t>(store->limits().part_min.value(), 1000);
  }

  template <class T>
  T run(Task<T> task) {
    return run_task(context_, std::move(task));
  }

  // "" for success, the error's code otherwise.
  template <class T>
  static std::string code(const Result<T>& result) {
    return result ? std::string() : std::string(to_string(result.error().code()));
  }

  static std::string text(std::size_t size, unsigned seed = 1) {
    std::string bytes(size, '\0');
    unsigned x = seed * 2654435761U + 12345U;
    for (char& c : bytes) {
      x = x * 1664525U + 1013904223U;
      c = static_cast<char>(x >> 24);
    }
    return bytes;
  }
  ObjectKey key(const std::string& name) const { return ObjectKey(subject_->prefix() + name); }
  ObjectSpec spec(const std::string& name, const std::string& token = "token-1") const {
    core::ObjectAttributes attributes;
    attributes.content_type = "text/x-test";
    attributes.metadata = {{"colour", "blue"}};
    return ObjectSpec(key(name), attributes, UploadToken(token));
  }
  wire::Checksum sum(std::string_view bytes) const {
    return wire::Checksum::of(store->checksum_kind(), as_bytes(bytes));
  }
  Payload payload(const std::string& bytes) const {
    return Payload(Bytes::copy_of(bytes), sum(bytes));
  }

  Result<ObjectInfo> put(const std::string& name, const std::string& bytes,
                         const std::string& token = "token-1") {
    return run(store->put_object(spec(name, token), payload(bytes), Deadline::never()));
  }
  Result<ObjectInfo> stat(const std::string& name) {
    return run(store->stat(key(name), Deadline::never()));
  }
  // The object's bytes as a reader sees them; "(none)" if there is no such object.
  std::string content(const std::string& name) {
    const auto info = stat(name);
    if (!info) return "(none)";
    if (info->size == ByteCount()) return {};
    std::string all;
    const std::uint64_t size = info->size.value();
    for (std::uint64_t at = 0; at < size; at += 1U << 20) {
      const std::uint64_t end = std::min<std::uint64_t>(size, at + (1U << 20));
      auto bytes =
          run(store->get(key(name), ByteRange(ByteOffset(at), ByteOffset(end)), Deadline::never()));
      if (!bytes) return "(" + bytes.error().detail() + ")";
      all += bytes->to_string();
    }
    return all;
  }
  Result<Ok> remove(const std::string& name) {
    return run(store->remove(key(name), Deadline::never()));
  }
  MultipartId create(const std::string& name, const std::string& token = "token-1") {
    auto id = run(store->create_multipart(spec(name, token), Deadline::never()));
    EXPECT_TRUE(id) << id.error().detail();
    return id ? *id : MultipartId();
  }
  PartTarget target(const std::string& name, const MultipartId& id, std::uint32_t number,
                    std::size_t size) const {
    const ByteOffset begin((number - 1) * std::uint64_t{part_bytes});
    return PartTarget(key(name), id, PartNumber(number), ByteRange(begin, begin + ByteCount(size)));
  }
  Result<PartReceipt> put_part(const std::string& name, const MultipartId& id, std::uint32_t number,
                               const std::string& bytes) {
    return run(
        store->put_part(target(name, id, number, bytes.size()), payload(bytes), Deadline::never()));
  }
  Result<ObjectInfo> complete(const std::string& name, const MultipartId& id,
                              std::vector<PartReceipt> parts, const std::string& whole,
                              const std::string& token = "token-1") {
    Completion completion(spec(name, token), id, std::move(parts), ByteCount(whole.size()),
                          sum(whole));
    return run(store->complete(std::move(completion), Deadline::never()));
  }
  Result<Ok> abort(const std::string& name, const MultipartId& id) {
    return run(store->abort(key(name), id, Deadline::never()));
  }
  Result<std::vector<ListedPart>> parts(const std::string& name, const MultipartId& id) {
    return run(store->list_parts(key(name), id, Deadline::never()));
  }
  // Names of objects under the suite's prefix, without it, in the store's order.
  std::vector<std::string> objects(const std::string& under = {}) {
    auto list = run(store->list_objects(subject_->prefix() + under, Deadline::never()));
    EXPECT_TRUE(list) << list.error().detail();
    std::vector<std::string> names;
    if (!list) return names;
    for (const ListedObject& object : *list) {
      names.push_back(object.key.str().substr(subject_->prefix().size()));
    }
    return names;
  }
  std::vector<MultipartId> multiparts(const std::string& under) {
    auto list = run(store->list_multiparts(subject_->prefix() + under, Deadline::never()));
    EXPECT_TRUE(list) << list.error().detail();
    std::vector<MultipartId> ids;
    if (list) {
      for (const ListedMultipart& multipart : *list) ids.push_back(multipart.multipart);
    }
    return ids;
  }

  boost::asio::io_context context_{1};
  std::unique_ptr<StoreSubject> subject_;
  ObjectStore* store = nullptr;
  std::size_t part_bytes = 0;
};

using Names = std::vector<std::string>;

TEST_P(StoreContract, LimitsMakeSense) {
  const core::StoreLimits& limits = store->limits();
  EXPECT_GE(limits.part_min, ByteCount(1));
  EXPECT_LE(limits.part_min, limits.part_max);
  EXPECT_GE(limits.part_multiple, ByteCount(1));
  EXPECT_GE(limits.parts_max, 1U);
  EXPECT_GE(limits.key_bytes_max, 64U);
  EXPECT_GT(limits.single_put_max, ByteCount());
  EXPECT_TRUE(run(store->probe(Deadline::never())));
}

TEST_P(StoreContract, WholeObjectsComeBack) {
  const std::string bytes = text(3000);
  const auto info = put("dir/object", bytes);
  ASSERT_TRUE(info) << info.error().detail();
  EXPECT_EQ(info->size, ByteCount(3000));
  EXPECT_FALSE(info->etag.empty());
  EXPECT_EQ(content("dir/object"), bytes);
  const auto seen = stat("dir/object");
  ASSERT_TRUE(seen) << seen.error().detail();
  EXPECT_EQ(seen->etag, info->etag);
  EXPECT_EQ(seen->size, ByteCount(3000));
  EXPECT_EQ(seen->token, UploadToken("token-1"));
  if (seen->checksum) {
    EXPECT_EQ(*seen->checksum, sum(bytes));
  }
  const auto middle = run(
      store->get(key("dir/object"), ByteRange(ByteOffset(10), ByteOffset(20)), Deadline::never()));
  ASSERT_TRUE(middle) << middle.error().detail();
  EXPECT_EQ(middle->to_string(), bytes.substr(10, 10));
  remove("dir/object").value();
}

TEST_P(StoreContract, PuttingAgainReplaces) {
  ASSERT_TRUE(put("object", text(2000, 1), "token-1"));
  ASSERT_TRUE(put("object", text(500, 2), "token-2"));
  EXPECT_EQ(content("object"), text(500, 2));
  EXPECT_EQ(stat("object")->token, UploadToken("token-2"));
  // Repeating is safe.
  ASSERT_TRUE(put("object", text(500, 2), "token-2"));
  EXPECT_EQ(content("object"), text(500, 2));
  EXPECT_EQ(stat("object")->token, UploadToken("token-2"));
  remove("object").value();
}

TEST_P(StoreContract, EmptyObjects) {
  const auto info = put("empty", "");
  ASSERT_TRUE(info) << info.error().detail();
  EXPECT_EQ(info->size, ByteCount());
  EXPECT_EQ(stat("empty")->size, ByteCount());
  EXPECT_EQ(stat("empty")->token, UploadToken("token-1"));
  remove("empty").value();
}

TEST_P(StoreContract, MissingObjects) {
  EXPECT_EQ(code(stat("nothing")), "not found");
  EXPECT_EQ(code(stat("no/such/directory/nothing")), "not found");
  EXPECT_EQ(code(run(store->get(key("nothing"), ByteRange(ByteOffset(0), ByteOffset(1)),
                                Deadline::never()))),
            "not found");
  // Idempotent.
  EXPECT_EQ(code(remove("nothing")), "");
  EXPECT_EQ(code(remove("no/such/directory/nothing")), "");
}

TEST_P(StoreContract, RemovedIsGone) {
  ASSERT_TRUE(put("dir/gone", "bytes"));
  EXPECT_EQ(code(remove("dir/gone")), "");
  EXPECT_EQ(code(stat("dir/gone")), "not found");
  EXPECT_EQ(code(remove("dir/gone")), "");
  EXPECT_EQ(objects("dir/"), Names{});
}

TEST_P(StoreContract, ReadingBehindTheEndIsCorrupt) {
  ASSERT_TRUE(put("short", "0123456789"));
  EXPECT_EQ(code(run(store->get(key("short"), ByteRange(ByteOffset(5), ByteOffset(11)),
                                Deadline::never()))),
            "corrupt");
  remove("short").value();
}

// S-26: what arrives damaged is refused and changes nothing.
TEST_P(StoreContract, WrongChecksumsAreRefused) {
  ASSERT_TRUE(put("object", "before"));
  Payload damaged(Bytes::copy_of("bytes"), sum("other"));
  EXPECT_EQ(code(run(store->put_object(spec("object"), damaged, Deadline::never()))), "corrupt");
  EXPECT_EQ(content("object"), "before");
  const MultipartId id = create("multi");
  EXPECT_EQ(code(run(store->put_part(target("multi", id, 1, 5), damaged, Deadline::never()))),
            "corrupt");
  EXPECT_TRUE(parts("multi", id)->empty());
  abort("multi", id).value();
  remove("object").value();
}

// S-02: names are bytes, not syntax.
TEST_P(StoreContract, KeysWithDifficultCharacters) {
  const Names names = {"with space",
                       "plus+percent%41",
                       "\xc3\xa9t\xc3\xa9",
                       "\xe6\xbc\xa2/\xe5\xad\x97",
                       "question?hash#",
                       "tilde~and&amp;<x>",
                       "quote\"'`",
                       "semi;colon:comma,",
                       "back\\slash",
                       "star*[x]{y}|z^",
                       "-dash",
                       "dots...",
                       ".hidden",
                       "a=b@c!d$e(f)"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string bytes = "bytes of " + std::to_string(i);
    const auto info = put("keys/" + names[i], bytes);
    ASSERT_TRUE(info) << names[i] << ": " << info.error().detail();
    EXPECT_EQ(content("keys/" + names[i]), bytes) << names[i];
  }
  Names listed = objects("keys/");
  Names wanted;
  for (const std::string& name : names) wanted.push_back("keys/" + name);
  std::sort(wanted.begin(), wanted.end());
  EXPECT_EQ(listed, wanted);  // ascending bytes, like every store
  for (const std::string& name : names) remove("keys/" + name).value();
}

TEST_P(StoreContract, HostileKeysAreTakenLiterallyOrRefused) {
  const Names names = {"../escape", "a/../../escape", "./a", "a/./b",
                       "a//b",      "/absolute",      "a/",  ".."};
  for (const std::string& name : names) {
    const std::string whole = "hostile/" + name;
    const auto info = put(whole, "bytes");
    if (info) {
      EXPECT_EQ(content(whole), "bytes") << name;
      remove(whole).value();
    } else {
      EXPECT_FALSE(subject_->takes_any_key()) << name;
      EXPECT_EQ(code(info), "rejected") << name;
      EXPECT_EQ(code(run(store->create_multipart(spec(whole), Deadline::never()))), "rejected");
      EXPECT_EQ(code(stat(whole)), "not found") << name;
      EXPECT_EQ(code(remove(whole)), "") << name;
    }
  }
  EXPECT_EQ(code(put(std::string(store->limits().key_bytes_max + 1, 'k'), "x")), "rejected");
}

TEST_P(StoreContract, PartsInAnyOrder) {
  const std::string whole = text(part_bytes * 2 + part_bytes / 2);
  const MultipartId id = create("big/object");
  const auto third = put_part("big/object", id, 3, whole.substr(part_bytes * 2));
  const auto first = put_part("big/object", id, 1, whole.substr(0, part_bytes));
  EXPECT_EQ(code(stat("big/object")), "not found");  // nothing is visible before complete
  EXPECT_EQ(objects("big/"), Names{});
  const auto second = put_part("big/object", id, 2, whole.substr(part_bytes, part_bytes));
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ(second->number, PartNumber(2));
  EXPECT_EQ(second->size, ByteCount(part_bytes));
  if (second->checksum) {
    EXPECT_EQ(*second->checksum, sum(whole.substr(part_bytes, part_bytes)));
  }

  const auto listed = parts("big/object", id);
  ASSERT_TRUE(listed) << listed.error().detail();
  ASSERT_EQ(listed->size(), 3U);
  EXPECT_EQ((*listed)[0].number, PartNumber(1));
  EXPECT_EQ((*listed)[0].etag, first->etag);
  EXPECT_EQ((*listed)[2].size, ByteCount(part_bytes / 2));

  const auto info = complete("big/object", id, {*first, *second, *third}, whole);
  ASSERT_TRUE(info) << info.error().detail();
  EXPECT_EQ(info->size, ByteCount(whole.size()));
  EXPECT_FALSE(info->etag.empty());
  EXPECT_TRUE(content("big/object") == whole);
  const auto seen = stat("big/object");
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->token, UploadToken("token-1"));
  EXPECT_EQ(seen->etag, info->etag);
  if (seen->checksum) {
    EXPECT_EQ(*seen->checksum, sum(whole));
  }
  remove("big/object").value();
}

TEST_P(StoreContract, OnePartIsEnough) {
  const std::string whole = text(100);
  const MultipartId id = create("one");
  const auto part = put_part("one", id, 1, whole);
  ASSERT_TRUE(part) << part.error().detail();
  ASSERT_TRUE(complete("one", id, {*part}, whole));
  EXPECT_EQ(content("one"), whole);
  remove("one").value();
}

// G2: a retried range replaces itself.
TEST_P(StoreContract, LaterPartWithSameNumberWins) {
  const MultipartId id = create("again");
  const auto old = put_part("again", id, 1, text(300, 1));
  const auto same = put_part("again", id, 1, text(300, 1));
  const auto now = put_part("again", id, 1, text(200, 2));
  ASSERT_TRUE(old && same && now);
  const auto listed = parts("again", id);
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ((*listed)[0].size, ByteCount(200));
  EXPECT_EQ((*listed)[0].etag, now->etag);
  // The old receipt is worth nothing any more.
  EXPECT_EQ(code(complete("again", id, {*old}, text(300, 1))), "conflict");
  ASSERT_TRUE(complete("again", id, {*now}, text(200, 2)));
  EXPECT_EQ(content("again"), text(200, 2));
  remove("again").value();
}

// G5, S-18: the second answer is "not found"; stat() tells what became of it.
TEST_P(StoreContract, CompletingTwiceIsVisibleAsNotFound) {
  const MultipartId id = create("twice");
  const auto part = put_part("twice", id, 1, "bytes");
  ASSERT_TRUE(part);
  ASSERT_TRUE(complete("twice", id, {*part}, "bytes"));
  // A second call may still be answered with the first one's success; it must not harm.
  const auto second = complete("twice", id, {*part}, "bytes");
  if (!second) {
    EXPECT_EQ(code(second), "not found");
  }
  EXPECT_EQ(stat("twice")->token, UploadToken("token-1"));
  EXPECT_EQ(content("twice"), "bytes");
  EXPECT_EQ(code(put_part("twice", id, 2, "more")), "not found");
  EXPECT_EQ(code(parts("twice", id)), "not found");
  EXPECT_EQ(code(abort("twice", id)), "");
  EXPECT_EQ(content("twice"), "bytes");
  remove("twice").value();
}

// S-19: an object under our key that is another upload's.
TEST_P(StoreContract, TheTokenIsTheUploads) {
  const MultipartId mine = create("shared", "token-mine");
  const MultipartId other = create("shared", "token-other");
  const auto my_part = put_part("shared", mine, 1, "mine");
  const auto other_part = put_part("shared", other, 1, "other");
  ASSERT_TRUE(my_part && other_part);
  ASSERT_TRUE(complete("shared", mine, {*my_part}, "mine", "token-mine"));
  EXPECT_EQ(stat("shared")->token, UploadToken("token-mine"));
  ASSERT_TRUE(complete("shared", other, {*other_part}, "other", "token-other"));
  EXPECT_EQ(stat("shared")->token, UploadToken("token-other"));
  EXPECT_EQ(content("shared"), "other");
  remove("shared").value();
}

TEST_P(StoreContract, CompletionChecksWhatItGets) {
  const std::string whole = text(part_bytes + 50);
  const MultipartId id = create("checked");
  const auto first = put_part("checked", id, 1, whole.substr(0, part_bytes));
  const auto second = put_part("checked", id, 2, whole.substr(part_bytes));
  ASSERT_TRUE(first && second);
  // Part 3 was never stored.
  const PartReceipt invented(PartNumber(3), second->etag, second->size, second->checksum);
  EXPECT_EQ(code(complete("checked", id, {*first, *second, invented}, whole)), "conflict");
  EXPECT_EQ(code(complete("checked", id, {*second, *first}, whole)), "conflict");
  const PartReceipt foreign(PartNumber(2), ETag("\"00000000000000000000000000000000\""),
                            second->size, second->checksum);
  EXPECT_EQ(code(complete("checked", id, {*first, foreign}, whole)), "conflict");
  EXPECT_EQ(code(stat("checked")), "not found");
  // None of this did any harm.
  ASSERT_TRUE(complete("checked", id, {*first, *second}, whole));
  EXPECT_TRUE(content("checked") == whole);
  remove("checked").value();
}

// S-23.
TEST_P(StoreContract, AbortIsIdempotent) {
  const MultipartId id = create("aborted");
  ASSERT_TRUE(put_part("aborted", id, 1, "bytes"));
  EXPECT_EQ(code(abort("aborted", id)), "");
  EXPECT_EQ(code(abort("aborted", id)), "");
  EXPECT_EQ(code(parts("aborted", id)), "not found");
  EXPECT_EQ(code(put_part("aborted", id, 1, "bytes")), "not found");
  EXPECT_EQ(code(stat("aborted")), "not found");
  EXPECT_EQ(multiparts("aborted"), std::vector<MultipartId>{});
}

TEST_P(StoreContract, UnknownMultipartsAreNotFound) {
  const MultipartId known = create("known");
  ASSERT_TRUE(abort("known", known));
  const auto part = PartReceipt(PartNumber(1), ETag("\"0123456789abcdef0123456789abcdef\""),
                                ByteCount(5), sum("bytes"));
  EXPECT_EQ(code(put_part("known", known, 1, "bytes")), "not found");
  EXPECT_EQ(code(complete("known", known, {part}, "bytes")), "not found");
  EXPECT_EQ(code(parts("known", known)), "not found");
  EXPECT_EQ(code(abort("known", known)), "");
}

// A part whose bytes are partly parked in the store already.
TEST_P(StoreContract, ParkedPiecesBecomePartOfThePayload) {
  const std::string whole = text(part_bytes + 100);
  ASSERT_TRUE(put(".sluice/parked/up-1/a", whole.substr(0, 300), ""));
  ASSERT_TRUE(put(".sluice/parked/up-1/b", "##" + whole.substr(400, 100) + "#", ""));
  const MultipartId id = create("pieces");
  Payload mixed;
  mixed.add(StoredPiece(key(".sluice/parked/up-1/a"), ByteOffset(0), ByteCount(300)));
  mixed.add(Bytes::copy_of(whole.substr(300, 100)));
  mixed.add(StoredPiece(key(".sluice/parked/up-1/b"), ByteOffset(2), ByteCount(100)));
  mixed.add(Bytes::copy_of(whole.substr(500, part_bytes - 500)));
  mixed.set_checksum(sum(std::string_view(whole).substr(0, part_bytes)));
  const auto first =
      run(store->put_part(target("pieces", id, 1, part_bytes), mixed, Deadline::never()));
  ASSERT_TRUE(first) << first.error().detail();
  const auto second = put_part("pieces", id, 2, whole.substr(part_bytes));
  ASSERT_TRUE(second);
  ASSERT_TRUE(complete("pieces", id, {*first, *second}, whole));
  EXPECT_TRUE(content("pieces") == whole);

  // A whole object out of pieces as well.
  Payload small;
  small.add(StoredPiece(key(".sluice/parked/up-1/a"), ByteOffset(100), ByteCount(200)));
  small.add(Bytes::copy_of("end"));
  small.set_checksum(sum(whole.substr(100, 200) + "end"));
  ASSERT_TRUE(run(store->put_object(spec("small"), small, Deadline::never())));
  EXPECT_EQ(content("small"), whole.substr(100, 200) + "end");
  for (const char* name : {"pieces", "small", ".sluice/parked/up-1/a", ".sluice/parked/up-1/b"}) {
    remove(name).value();
  }
  EXPECT_EQ(objects(".sluice/parked/"), Names{});
}

TEST_P(StoreContract, MissingParkedPiecesAreNotTakenForAMissingUpload) {
  const MultipartId id = create("pieces");
  Payload gone;
  gone.add(StoredPiece(key(".sluice/parked/up-1/gone"), ByteOffset(0), ByteCount(5)));
  const auto part = run(store->put_part(target("pieces", id, 1, 5), gone, Deadline::never()));
  EXPECT_EQ(code(part), "corrupt");
  EXPECT_TRUE(parts("pieces", id)->empty());
  abort("pieces", id).value();
}

TEST_P(StoreContract, ListingsArePagedAndSorted) {
  Names wanted;
  for (int i = 0; i < 25; ++i) {
    const std::string name = "list/" + std::to_string(i / 10) + "/" + std::to_string(i);
    ASSERT_TRUE(put(name, std::string(static_cast<std::size_t>(i), 'x')));
    wanted.push_back(name);
  }
  ASSERT_TRUE(put("lists", "not in the directory"));
  std::sort(wanted.begin(), wanted.end());
  EXPECT_EQ(objects("list/"), wanted);
  EXPECT_EQ(objects("list/1/1"), (Names(wanted.begin() + 10, wanted.begin() + 20)));
  EXPECT_EQ(objects("list/nothing"), Names{});
  const auto list = run(store->list_objects(subject_->prefix() + "list/2/24", Deadline::never()));
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front().size, ByteCount(24));
  for (const std::string& name : wanted) remove(name).value();
  remove("lists").value();
}

TEST_P(StoreContract, UnfinishedUploadsAreListed) {
  const MultipartId a = create("multi/a");
  const MultipartId b = create("multi/b");
  const MultipartId again = create("multi/a");
  const MultipartId other = create("elsewhere");
  std::vector<MultipartId> wanted = {a, b, again};
  std::vector<MultipartId> seen = multiparts("multi/");
  std::sort(wanted.begin(), wanted.end());
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, wanted);
  EXPECT_NE(a, again);
  const auto list = run(store->list_multiparts(subject_->prefix() + "multi/b", Deadline::never()));
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front().key, key("multi/b"));
  for (const MultipartId& id : {a, again}) abort("multi/a", id).value();
  abort("multi/b", b).value();
  abort("elsewhere", other).value();
  EXPECT_EQ(multiparts(""), std::vector<MultipartId>{});
}

// S-24.
TEST_P(StoreContract, ManyPartsAreListedToTheEnd) {
  if (store->limits().part_min > ByteCount(1000)) GTEST_SKIP() << "parts of this store are large";
  const MultipartId id = create("many");
  std::vector<PartReceipt> receipts;
  std::string whole;
  for (std::uint32_t number = 1; number <= 60; ++number) {
    const std::string bytes = text(part_bytes, number);
    const auto part = put_part("many", id, number, bytes);
    ASSERT_TRUE(part);
    receipts.push_back(*part);
    whole += bytes;
  }
  EXPECT_EQ(parts("many", id)->size(), 60U);
  ASSERT_TRUE(complete("many", id, receipts, whole));
  EXPECT_TRUE(content("many") == whole);
  remove("many").value();
}

// Ruling 7.
TEST_P(StoreContract, SettlingKeepsTheObject) {
  const MultipartId id = create("settled");
  const auto part = put_part("settled", id, 1, "bytes");
  ASSERT_TRUE(part);
  ASSERT_TRUE(complete("settled", id, {*part}, "bytes"));
  EXPECT_EQ(stat("settled")->token, UploadToken("token-1"));
  ASSERT_TRUE(run(store->settle(spec("settled"), Deadline::never())));
  ASSERT_TRUE(run(store->settle(spec("settled"), Deadline::never())));  // idempotent
  EXPECT_EQ(content("settled"), "bytes");
  if (subject_->keeps_token()) {
    EXPECT_EQ(stat("settled")->token, UploadToken("token-1"));
  }
  remove("settled").value();
}

}  // namespace sluice::stores
