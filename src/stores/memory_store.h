// MemoryStore: an object store as a model in memory, for tests and the simulator. Stricter than
// real stores: it refuses a part under part_min that is not the last, unordered or incomplete part
// lists, an ETag that was not sent back byte for byte, sizes and checksums that do not fit, unequal
// parts where the limits demand equal ones, and a second complete().
//
// No threads, no time of its own; usable on any executor; every call answers at once unless
// `before_call` suspends it. Deterministic. What the object holds is "the bucket": keep it while
// the process under test "restarts".
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "ports/clock.h"
#include "ports/fault_plan.h"
#include "ports/object_store.h"

namespace sluice::stores {

struct MemoryStoreOptions {
  MemoryStoreOptions();
  // 5 MiB parts at least, like S3. Tests shrink them.
  core::StoreLimits limits;
  wire::ChecksumKind checksum_kind = wire::ChecksumKind::kCrc64Nvme;
  const Clock* clock = nullptr;  // times of listings; nullptr: always the epoch. Not owned.
  bool keeps_proofs = false;     // until settle(), like the directory store
  // The ETag is a function of the bytes, as S3's is without customer keys; false: a new one each time.
  bool etag_of_content = false;
};

class MemoryStore final : public ObjectStore {
 public:
  explicit MemoryStore(MemoryStoreOptions options = {});

  // Which calls fail. Names are those of the methods: "put_object", "stat", "get", "remove",
  // "create_multipart", "put_part", "complete", "abort", "list_parts", "list_multiparts",
  // "list_objects", "settle", "list_unsettled", "probe".
  FaultPlan& faults() noexcept { return faults_; }
  // Awaited before each call has its effect, for example to hold it back or to make it slow. May
  // be called for several calls at once.
  void before_call(std::function<Task<void>(std::string)> hook) { hook_ = std::move(hook); }

  // For assertions and for playing an operator. No faults, no hooks.
  struct Object {
    std::string bytes;
    ETag etag;
    UploadToken token;
    core::ObjectAttributes attributes;
    wire::Checksum checksum;
    WallTime modified;
  };
  const std::map<std::string, Object>& objects() const noexcept { return objects_; }
  // The object's bytes; nullptr if there is none.
  const Object* find_object(const std::string& key) const;
  std::size_t multipart_count() const noexcept { return multiparts_.size(); }
  std::size_t calls(const std::string& operation) const;  // that began so far
  // Somebody else stores an object under our key, without a token.
  void put_foreign(const std::string& key, std::string bytes);
  // A stored part; nullptr if it is not there.
  struct Part {
    std::string bytes;
    ETag etag;
    wire::Checksum checksum;
  };
  const Part* find_part(const MultipartId& multipart, PartNumber number) const;
  std::vector<MultipartId> multipart_ids() const;
  // A lifecycle rule aborts everything unfinished, or one upload.
  void lose_multiparts() { multiparts_.clear(); }
  void lose_multipart(const MultipartId& multipart) { multiparts_.erase(multipart); }
  // Damages a stored part, so that complete() finds another ETag than we recorded.
  void spoil_part(const MultipartId& multipart, PartNumber number);

  const core::StoreLimits& limits() const noexcept override { return options_.limits; }
  wire::ChecksumKind checksum_kind() const noexcept override { return options_.checksum_kind; }
  Task<Result<ObjectInfo>> put_object(ObjectSpec spec, Payload payload, Deadline deadline) override;
  Task<Result<ObjectInfo>> stat(ObjectKey key, Deadline deadline) override;
  Task<Result<Bytes>> get(ObjectKey key, ByteRange range, Deadline deadline) override;
  Task<Result<Ok>> remove(ObjectKey key, Deadline deadline) override;
  Task<Result<MultipartId>> create_multipart(ObjectSpec spec, Deadline deadline) override;
  Task<Result<PartReceipt>> put_part(PartTarget target, Payload payload,
                                     Deadline deadline) override;
  Task<Result<ObjectInfo>> complete(Completion completion, Deadline deadline) override;
  Task<Result<Ok>> abort(ObjectKey key, MultipartId multipart, Deadline deadline) override;
  Task<Result<std::vector<ListedPart>>> list_parts(ObjectKey key, MultipartId multipart,
                                                   Deadline deadline) override;
  Task<Result<std::vector<ListedMultipart>>> list_multiparts(std::string prefix,
                                                             Deadline deadline) override;
  Task<Result<std::vector<ListedObject>>> list_objects(std::string prefix,
                                                       Deadline deadline) override;
  Task<Result<Ok>> settle(ObjectSpec spec, Deadline deadline) override;
  Task<Result<std::vector<UploadId>>> list_unsettled(Deadline deadline) override;
  Task<Result<Ok>> probe(Deadline deadline) override;

 private:
  struct Multipart {
    ObjectSpec spec;
    WallTime initiated;
    std::map<PartNumber, Part> parts;
  };

  Task<std::optional<Fault>> enter(std::string operation, Deadline deadline);
  WallTime now() const {
    return options_.clock == nullptr ? WallTime{} : options_.clock->wall_now();
  }
  ETag next_etag(const std::string& bytes);
  Result<Ok> check_key(const ObjectKey& key) const;
  // The payload's bytes, its checksum verified.
  Result<std::string> read_payload(const Payload& payload) const;
  wire::Checksum checksum_of(const std::string& bytes) const;
  static ObjectInfo info_of(const Object& object);
  // nullptr: no such multipart upload under this key.
  Multipart* find_multipart(const ObjectKey& key, const MultipartId& id);

  Result<ObjectInfo> put_now(ObjectSpec spec, const Payload& payload);
  Result<Bytes> get_now(const ObjectKey& key, ByteRange range) const;
  Result<PartReceipt> put_part_now(const PartTarget& target, const Payload& payload);
  Result<ObjectInfo> complete_now(const Completion& completion);

  const MemoryStoreOptions options_;
  std::function<Task<void>(std::string)> hook_;
  FaultPlan faults_;
  std::map<std::string, Object> objects_;
  std::map<MultipartId, Multipart> multiparts_;
  std::set<UploadId> unsettled_;
  std::map<std::string, std::size_t> calls_;
  std::uint64_t counter_ = 0;  // of ETags and multipart ids
};

}  // namespace sluice::stores
