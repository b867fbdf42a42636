// ObjectStore: where the bytes go. Implementations: stores/s3, stores/local; wrappers in stores/.
//
// Contract, checked for every implementation by tests of the stores module:
//   - Errors: kUnavailable and kThrottled mean the call had no effect; kOutcomeUnknown means it may
//     have had one (a reply was lost). An implementation that cannot tell must say kOutcomeUnknown.
//     kRejected is final (access denied, no such bucket, bad request). kCorrupt: the store computed
//     another checksum than we sent.
//   - Retries: none inside, except what only the implementation can know (clock skew, region,
//     expired credentials, one broken pooled connection). Retrying is stores/retrying_store.h.
//   - Keys are relative to the store's root: an implementation adds its own prefix
//   (s3://BUCKET/PREFIX)
//     on the way in and takes it off in listings.
//   - Deadlines: every call ends by its deadline, with kOutcomeUnknown at worst.
//   - Ownership: arguments are owned by the callee until the task ends. A Payload is immutable and
//     shared: a retry sends the same bytes.
//   - Executor: one instance per thread; calls and resumptions on that thread's executor.
//   - Cancellation: destroying or cancelling the task is allowed; the effect is then unknown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "base/units.h"
#include "core/command.h"
#include "core/limits.h"
#include "wire/checksum.h"

namespace sluice {

// Bytes that are already in the store as an object (a parked segment), or a range of them.
struct StoredPiece {
  StoredPiece(ObjectKey k, ByteOffset b, ByteCount l) : key(std::move(k)), begin(b), length(l) {}
  ObjectKey key;
  ByteOffset begin;  // inside that object
  ByteCount length;
};

// What one request sends: pieces in order, resident or parked, with length and checksum known
// beforehand. Parked pieces are streamed store → gateway → store through a small window.
class Payload {
 public:
  using Piece = std::variant<Bytes, StoredPiece>;

  Payload() = default;
  Payload(Bytes bytes, std::optional<wire::Checksum> checksum) : checksum_(checksum) {
    add(std::move(bytes));
  }
  void add(Bytes bytes) {
    if (bytes.empty()) return;
    size_ += bytes.size();
    pieces_.emplace_back(std::move(bytes));
  }
  void add(StoredPiece piece) {
    size_ += piece.length;
    pieces_.emplace_back(std::move(piece));
  }
  void set_checksum(wire::Checksum checksum) { checksum_ = checksum; }

  const std::vector<Piece>& pieces() const noexcept { return pieces_; }
  ByteCount size() const noexcept { return size_; }
  const std::optional<wire::Checksum>& checksum() const noexcept { return checksum_; }

 private:
  std::vector<Piece> pieces_;
  ByteCount size_;
  std::optional<wire::Checksum> checksum_;
};

// What a new object is to be. The token goes into the object's metadata and proves later that an
// object under this key is this upload's (G5). The owner does not: whoever may read the object need
// not know the id. It only comes back from list_unsettled().
struct ObjectSpec {
  ObjectSpec(ObjectKey k, core::ObjectAttributes a, UploadToken t, UploadId o = UploadId())
      : key(std::move(k)), attributes(std::move(a)), token(std::move(t)), owner(std::move(o)) {}
  ObjectKey key;
  core::ObjectAttributes attributes;
  UploadToken token;
  UploadId owner;  // empty: nobody will ask
};

struct PartTarget {
  PartTarget(ObjectKey k, MultipartId m, PartNumber n, ByteRange r)
      : key(std::move(k)), multipart(std::move(m)), number(n), range(r) {}
  ObjectKey key;
  MultipartId multipart;
  PartNumber number;
  ByteRange range;  // where the part lies in the object; bound to the number for ever (G2)
};

struct PartReceipt {
  PartReceipt(PartNumber n, ETag e, ByteCount s, std::optional<wire::Checksum> c)
      : number(n), etag(std::move(e)), size(s), checksum(c) {}
  PartNumber number;
  ETag etag;
  ByteCount size;
  std::optional<wire::Checksum> checksum;  // of the part's bytes
};

struct Completion {
  Completion(ObjectSpec s, MultipartId m, std::vector<PartReceipt> p, ByteCount z,
             std::optional<wire::Checksum> c)
      : spec(std::move(s)), multipart(std::move(m)), parts(std::move(p)), size(z), checksum(c) {}
  ObjectSpec spec;
  MultipartId multipart;
  std::vector<PartReceipt> parts;          // ascending, consecutive from 1
  ByteCount size;                          // of the whole object
  std::optional<wire::Checksum> checksum;  // of the whole object
};

struct ObjectInfo {
  ObjectInfo() = default;
  ByteCount size;
  ETag etag;
  UploadToken token;                       // empty: the object carries none, so it is not ours
  std::optional<wire::Checksum> checksum;  // whole-object, if the store gives one
};

struct ListedPart {
  ListedPart(PartNumber n, ETag e, ByteCount s) : number(n), etag(std::move(e)), size(s) {}
  PartNumber number;
  ETag etag;
  ByteCount size;
};

struct ListedMultipart {
  ListedMultipart(ObjectKey k, MultipartId m, WallTime i)
      : key(std::move(k)), multipart(std::move(m)), initiated(i) {}
  ObjectKey key;
  MultipartId multipart;
  WallTime initiated;
};

struct ListedObject {
  ListedObject(ObjectKey k, ByteCount s, WallTime m) : key(std::move(k)), size(s), modified(m) {}
  ObjectKey key;
  ByteCount size;
  WallTime modified;
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  virtual const core::StoreLimits& limits() const noexcept = 0;  // constant for life
  // The checksum the store is sent and verifies; engines compute this kind.
  virtual wire::ChecksumKind checksum_kind() const noexcept = 0;

  // --- whole objects

  // Stores an object in one request. 200 from the store is the verification. Repeating is safe.
  virtual Task<Result<ObjectInfo>> put_object(ObjectSpec spec, Payload payload,
                                              Deadline deadline) = 0;
  // kNotFound if there is none.
  virtual Task<Result<ObjectInfo>> stat(ObjectKey key, Deadline deadline) = 0;
  // The bytes [range) of an object, at most a few MiB. kCorrupt if it is shorter.
  virtual Task<Result<Bytes>> get(ObjectKey key, ByteRange range, Deadline deadline) = 0;
  // Idempotent: removing what is not there succeeds.
  virtual Task<Result<Ok>> remove(ObjectKey key, Deadline deadline) = 0;

  // --- multipart

  virtual Task<Result<MultipartId>> create_multipart(ObjectSpec spec, Deadline deadline) = 0;
  // Stores one part. Same number again: the later call wins. kNotFound: the multipart upload was
  // completed or aborted meanwhile.
  virtual Task<Result<PartReceipt>> put_part(PartTarget target, Payload payload,
                                             Deadline deadline) = 0;
  // Makes the object visible. kNotFound: no such multipart upload (completed or aborted: stat()
  // tells). kConflict: the store does not accept the part list (InvalidPart, InvalidPartOrder,
  // EntityTooSmall): list_parts() tells. kCorrupt: size or checksum do not fit.
  virtual Task<Result<ObjectInfo>> complete(Completion completion, Deadline deadline) = 0;
  // Idempotent: aborting an unknown upload succeeds. Repeats until no part is listed any more.
  virtual Task<Result<Ok>> abort(ObjectKey key, MultipartId multipart, Deadline deadline) = 0;
  // All pages. kNotFound: no such multipart upload.
  virtual Task<Result<std::vector<ListedPart>>> list_parts(ObjectKey key, MultipartId multipart,
                                                           Deadline deadline) = 0;

  // --- listings, all pages; a prefix of "" means everything under the root

  virtual Task<Result<std::vector<ListedMultipart>>> list_multiparts(std::string prefix,
                                                                     Deadline deadline) = 0;
  virtual Task<Result<std::vector<ListedObject>>> list_objects(std::string prefix,
                                                               Deadline deadline) = 0;

  // The state database has recorded this upload's completion: what a store kept only to prove it
  // (the directory store's hidden link) may go. Nothing to do for most stores. Idempotent.
  virtual Task<Result<Ok>> settle(ObjectSpec spec, Deadline deadline) = 0;
  // The owners of objects that were not settled yet: of uploads that are just completing, and of
  // those whose process died between the record and settle().
  virtual Task<Result<std::vector<UploadId>>> list_unsettled(Deadline deadline) = 0;

  // A cheap call that shows the store can be reached and lets us in: for start-up checks.
  virtual Task<Result<Ok>> probe(Deadline deadline) = 0;
};

}  // namespace sluice
