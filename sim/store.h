// SimStore: the bucket as one thread of one process sees it. Calls travel on the process's line;
// the checker sees every effect.
#pragma once

#include <string>
#include <vector>

#include "ports/object_store.h"
#include "sim/line.h"
#include "sim/outside.h"

namespace sluice::sim {

class SimStore final : public ObjectStore {
 public:
  SimStore(Outside* outside, Line* line) : outside_(outside), line_(line) {}

  const core::StoreLimits& limits() const noexcept override { return outside_->store.limits(); }
  wire::ChecksumKind checksum_kind() const noexcept override {
    return outside_->store.checksum_kind();
  }
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
  Outside* const outside_;
  Line* const line_;
};

}  // namespace sluice::sim
