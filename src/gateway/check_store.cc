#include "gateway/check_store.h"

#include <array>
#include <cstddef>
#include <span>
#include <utility>

#include "base/text.h"

namespace sluice::gateway {

namespace {

constexpr Duration kCallTime = std::chrono::seconds(15);
constexpr std::string_view kBytes = "sluice was here\n";

std::string mend_for(Errc code) {
  switch (code) {
    case Errc::kUnauthorized:
    case Errc::kRejected:
    case Errc::kNotFound:
      return "check the name of the bucket or directory, the credentials, and that they may write, "
             "read, list and remove there";
    case Errc::kUnavailable:
    case Errc::kTimedOut:
    case Errc::kDisconnected:
    case Errc::kOutcomeUnknown:
      return "check the endpoint, its name and the network in between";
    case Errc::kThrottled:
      return "the store is too busy or full: try again later or make room";
    case Errc::kCorrupt:
      return "look for something on the way that changes bodies, or choose another checksum in the "
             "store's URL";
    case Errc::kInvalidArgument:
    case Errc::kConflict:
    case Errc::kFenced:
    case Errc::kTooLarge:
    case Errc::kCancelled:
      return "choose another preset or other options in the store's URL";
  }
  return "";
}

class StoreCheck {
 public:
  StoreCheck(ObjectStore* store, Clock* clock, Random* random) : store_(store), clock_(clock) {
    std::array<std::byte, 16> raw{};
    random->fill(raw);
    unique_ = hex(raw);
  }

  Task<void> run();
  std::vector<Finding> take_findings() { return std::move(findings_); }

 private:
  Task<void> multipart();
  Task<Result<Ok>> one_part(MultipartId multipart);
  Task<void> object();
  Task<Result<Ok>> stat_object();
  Task<void> listings();

  Deadline soon() const { return Deadline(clock_->now() + kCallTime); }
  ObjectSpec spec() const {
    return ObjectSpec(ObjectKey(".sluice/check/" + unique_), core::ObjectAttributes(),
                      UploadToken(unique_));
  }
  Payload payload() const {
    return Payload(Bytes::copy_of(kBytes),
                   wire::Checksum::of(store_->checksum_kind(), as_bytes(kBytes)));
  }
  void add(Finding::Level level, std::string what, std::string mend) {
    Finding finding;
    finding.level = level;
    finding.subject = "store";
    finding.what = std::move(what);
    finding.mend = std::move(mend);
    findings_.push_back(std::move(finding));
  }
  void good(std::string what) { add(Finding::Level::kGood, std::move(what), ""); }
  void bad(const std::string& what, const Error& error) {
    add(Finding::Level::kError, what + " (" + error.detail() + ")", mend_for(error.code()));
  }

  ObjectStore* const store_;
  Clock* const clock_;
  std::string unique_;
  std::vector<Finding> findings_;
};

Task<void> StoreCheck::run() {
  const Result<Ok> reached = co_await store_->probe(soon());
  if (!reached) {
    bad("it cannot be reached or does not let us in", reached.error());
    co_return;
  }
  good("it can be reached");
  co_await multipart();
  co_await object();
  co_await listings();
}

Task<void> StoreCheck::multipart() {
  const Result<MultipartId> made = co_await store_->create_multipart(spec(), soon());
  if (!made) {
    bad("a multipart upload cannot be begun", made.error());
    co_return;
  }
  const Result<Ok> sent = co_await one_part(*made);
  const ObjectKey key = spec().key;
  const Result<Ok> aborted = co_await store_->abort(key, *made, soon());
  if (!sent) bad("a part cannot be sent", sent.error());
  if (!aborted) {
    bad("a multipart upload cannot be aborted; that of " + key.str() + " is still there",
        aborted.error());
  }
  if (sent && aborted) good("a multipart upload can be begun, given a part, and aborted");
}

Task<Result<Ok>> StoreCheck::one_part(MultipartId multipart) {
  const ByteRange range(ByteOffset(), ByteOffset(kBytes.size()));
  PartTarget target(spec().key, std::move(multipart), PartNumber(1), range);
  const Result<PartReceipt> receipt =
      co_await store_->put_part(std::move(target), payload(), soon());
  if (!receipt) co_return fail(receipt.error());
  co_return Ok{};
}

Task<void> StoreCheck::object() {
  const Result<ObjectInfo> put = co_await store_->put_object(spec(), payload(), soon());
  const ObjectKey key = spec().key;
  if (!put) {
    bad("an object cannot be stored", put.error());
    // It may be there all the same.
    const Result<Ok> removed = co_await store_->remove(key, soon());
    static_cast<void>(removed);
    co_return;
  }
  const Result<Ok> seen = co_await stat_object();
  const Result<Ok> settled = co_await store_->settle(spec(), soon());
  const Result<Ok> removed = co_await store_->remove(key, soon());
  if (!seen) bad("a stored object cannot be recognised", seen.error());
  if (!settled) bad("a stored object cannot be settled", settled.error());
  if (!removed) {
    bad("an object cannot be removed; " + key.str() + " is still there", removed.error());
  }
  if (seen && settled && removed) good("an object can be stored, recognised, and removed");
}

Task<Result<Ok>> StoreCheck::stat_object() {
  const ObjectKey key = spec().key;
  const Result<ObjectInfo> info = co_await store_->stat(key, soon());
  if (!info) co_return fail(info.error());
  if (info->size != ByteCount(kBytes.size())) {
    co_return fail(Errc::kCorrupt, "it has another size");
  }
  if (info->token.str() != unique_) {
    // Without it nobody can tell after a lost answer whether an upload was completed.
    co_return fail(Errc::kConflict, "the store does not keep its metadata");
  }
  co_return Ok{};
}

// Uploads work without these; only the sweeper does not.
Task<void> StoreCheck::listings() {
  const std::string parked = ".sluice/parked/" + unique_;
  const std::string check = spec().key.str();
  const Result<std::vector<ListedObject>> objects = co_await store_->list_objects(parked, soon());
  const Result<std::vector<ListedMultipart>> multiparts =
      co_await store_->list_multiparts(check, soon());
  if (objects && multiparts) {
    good("objects and multipart uploads can be listed");
    co_return;
  }
  const Error& error = objects ? multiparts.error() : objects.error();
  add(Finding::Level::kWarning,
      "objects and multipart uploads cannot both be listed, so that the sweeper finds no orphans "
      "(" +
          error.detail() + ")",
      "allow listing the bucket and its multipart uploads");
}

}  // namespace

Task<std::vector<Finding>> check_store(ObjectStore* store, Clock* clock, Random* random) {
  StoreCheck check(store, clock, random);
  co_await check.run();
  co_return check.take_findings();
}

}  // namespace sluice::gateway
