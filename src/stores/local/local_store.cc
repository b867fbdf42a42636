#include "stores/local/local_store.h"

#include <functional>
#include <utility>

#include "base/text.h"
#include "stores/local/local_files.h"
#include "stores/local/worker_pool.h"

namespace sluice::stores {

namespace {

using literals::operator""_GiB;
using literals::operator""_TiB;

constexpr std::size_t kThreads = 2;

core::StoreLimits directory_limits() {
  core::StoreLimits limits;
  limits.part_min = ByteCount(1);
  limits.part_max = 5_GiB;
  limits.part_multiple = ByteCount(1);
  limits.parts_max = 10'000;
  limits.object_max = 5_TiB;
  limits.single_put_max = 5_GiB;
  return limits;
}

class LocalStore final : public ObjectStore {
 public:
  LocalStore(LocalFiles files, LocalServices services)
      : services_(services), files_(std::move(files)), pool_(kThreads) {}

  const core::StoreLimits& limits() const noexcept override { return limits_; }
  wire::ChecksumKind checksum_kind() const noexcept override { return wire::ChecksumKind::kCrc32c; }

  Task<Result<ObjectInfo>> put_object(ObjectSpec spec, Payload payload, Deadline) override {
    std::function<Result<ObjectInfo>()> work = [this, spec = std::move(spec),
                                                payload = std::move(payload), name = scratch()] {
      return files_.put_object(spec, payload, name);
    };
    return timed("PutObject", std::move(work));
  }
  Task<Result<ObjectInfo>> stat(ObjectKey key, Deadline) override {
    std::function<Result<ObjectInfo>()> work = [this, key = std::move(key)] {
      return files_.stat(key);
    };
    return timed("HeadObject", std::move(work));
  }
  Task<Result<Bytes>> get(ObjectKey key, ByteRange range, Deadline) override {
    std::function<Result<Bytes>()> work = [this, key = std::move(key), range] {
      return files_.get(key, range);
    };
    return timed("GetObject", std::move(work));
  }
  Task<Result<Ok>> remove(ObjectKey key, Deadline) override {
    std::function<Result<Ok>()> work = [this, key = std::move(key)] { return files_.remove(key); };
    return timed("DeleteObject", std::move(work));
  }
  Task<Result<MultipartId>> create_multipart(ObjectSpec spec, Deadline) override {
    std::function<Result<MultipartId>()> work = [this, spec = std::move(spec), id = scratch()] {
      return files_.create_multipart(spec, id);
    };
    return timed("CreateMultipartUpload", std::move(work));
  }
  Task<Result<PartReceipt>> put_part(PartTarget target, Payload payload, Deadline) override {
    std::function<Result<PartReceipt>()> work = [this, target = std::move(target),
                                                 payload = std::move(payload)] {
      return files_.put_part(target, payload);
    };
    return timed("UploadPart", std::move(work));
  }
  Task<Result<ObjectInfo>> complete(Completion completion, Deadline) override {
    std::function<Result<ObjectInfo>()> work = [this, completion = std::move(completion)] {
      return files_.complete(completion);
    };
    return timed("CompleteMultipartUpload", std::move(work));
  }
  Task<Result<Ok>> abort(ObjectKey, MultipartId multipart, Deadline) override {
    std::function<Result<Ok>()> work = [this, multipart = std::move(multipart)] {
      return files_.abort(multipart);
    };
    return timed("AbortMultipartUpload", std::move(work));
  }
  Task<Result<std::vector<ListedPart>>> list_parts(ObjectKey key, MultipartId multipart,
                                                   Deadline) override {
    std::function<Result<std::vector<ListedPart>>()> work =
        [this, key = std::move(key), multipart = std::move(multipart)] {
          return files_.list_parts(key, multipart);
        };
    return timed("ListParts", std::move(work));
  }
  Task<Result<std::vector<ListedMultipart>>> list_multiparts(std::string prefix,
                                                             Deadline) override {
    std::function<Result<std::vector<ListedMultipart>>()> work =
        [this, prefix = std::move(prefix)]() -> Result<std::vector<ListedMultipart>> {
      return files_.list_multiparts(prefix);
    };
    return timed("ListMultipartUploads", std::move(work));
  }
  Task<Result<std::vector<ListedObject>>> list_objects(std::string prefix, Deadline) override {
    std::function<Result<std::vector<ListedObject>>()> work =
        [this, prefix = std::move(prefix)]() -> Result<std::vector<ListedObject>> {
      return files_.list_objects(prefix);
    };
    return timed("ListObjects", std::move(work));
  }
  Task<Result<Ok>> settle(ObjectSpec spec, Deadline) override {
    std::function<Result<Ok>()> work = [this, spec = std::move(spec)] {
      return files_.settle(spec);
    };
    return timed("Settle", std::move(work));
  }
  Task<Result<Ok>> probe(Deadline) override {
    std::function<Result<Ok>()> work = [this, name = scratch()] { return files_.probe(name); };
    return timed("Probe", std::move(work));
  }

 private:
  // A name nobody else uses: 128 random bits.
  std::string scratch() {
    std::byte raw[16];
    services_.random->fill(raw);
    return hex(raw);
  }

  template <class T>
  Task<Result<T>> timed(const char* operation, std::function<Result<T>()> work) {
    const Instant began = services_.clock->now();
    Result<T> result = co_await pool_.run(std::move(work));
    if (services_.metrics != nullptr) {
      const std::string_view word = result ? "ok" : to_string(result.error().code());
      services_.metrics->store_request(operation, word, services_.clock->now() - began);
    }
    co_return result;
  }

  const LocalServices services_;
  const core::StoreLimits limits_ = directory_limits();
  const LocalFiles files_;
  WorkerPool pool_;
};

}  // namespace

Result<std::unique_ptr<ObjectStore>> open_local(LocalOptions options, LocalServices services) {
  SLUICE_TRY(LocalFiles files, LocalFiles::open(options.directory));
  return std::make_unique<LocalStore>(std::move(files), services);
}

}  // namespace sluice::stores
