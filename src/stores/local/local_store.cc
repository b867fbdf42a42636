#include "stores/local/local_store.h"

#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "stores/local/file_threads.h"
#include "stores/local/tree.h"

namespace sluice::stores {

namespace {

// Enough for one disk; a part's time goes into fdatasync, where threads only wait.
constexpr unsigned kThreads = 4;

// What all instances of one directory have in common.
struct Shared {
  explicit Shared(std::unique_ptr<local::Tree> t) : tree(std::move(t)), threads(kThreads) {}
  const std::unique_ptr<local::Tree> tree;
  local::FileThreads threads;  // last: its jobs use the tree
};

// The instance of this directory that is in use, or a new one.
Result<std::shared_ptr<Shared>> share(const std::string& directory) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<Shared>> in_use;
  std::error_code error;
  std::string name = std::filesystem::weakly_canonical(directory, error).string();
  if (error) name = directory;
  const std::lock_guard lock(mutex);
  if (auto shared = in_use[name].lock()) return shared;
  SLUICE_TRY(auto tree, local::Tree::open(directory));
  auto shared = std::make_shared<Shared>(std::move(tree));
  in_use[name] = shared;
  return shared;
}

core::StoreLimits local_limits() {
  core::StoreLimits limits;
  limits.part_min = ByteCount(1);
  limits.part_max = ByteCount(5ULL << 30);
  limits.part_multiple = ByteCount(1);
  limits.parts_max = local::kPartsMax;
  limits.object_max = ByteCount(5ULL << 40);
  limits.single_put_max = ByteCount(5ULL << 30);
  limits.key_bytes_max = local::kKeyBytesMax;
  return limits;
}

class LocalStore final : public ObjectStore {
 public:
  LocalStore(std::shared_ptr<Shared> shared, LocalServices services)
      : shared_(std::move(shared)), services_(services), limits_(local_limits()) {}

  const core::StoreLimits& limits() const noexcept override { return limits_; }
  wire::ChecksumKind checksum_kind() const noexcept override { return wire::ChecksumKind::kCrc32c; }

  Task<Result<ObjectInfo>> put_object(ObjectSpec spec, Payload payload,
                                      Deadline deadline) override {
    if (payload.size() > limits_.single_put_max) return refuse<ObjectInfo>("object too large");
    return run<ObjectInfo>(deadline,
                           [tree = tree(), spec = std::move(spec), payload = std::move(payload),
                            unique = unique()] { return tree->put_object(spec, payload, unique); });
  }
  Task<Result<ObjectInfo>> stat(ObjectKey key, Deadline deadline) override {
    return run<ObjectInfo>(deadline,
                           [tree = tree(), key = std::move(key)] { return tree->stat(key); });
  }
  Task<Result<Bytes>> get(ObjectKey key, ByteRange range, Deadline deadline) override {
    return run<Bytes>(
        deadline, [tree = tree(), key = std::move(key), range] { return tree->get(key, range); });
  }
  Task<Result<Ok>> remove(ObjectKey key, Deadline deadline) override {
    return run<Ok>(deadline, [tree = tree(), key = std::move(key)] { return tree->remove(key); });
  }
  Task<Result<MultipartId>> create_multipart(ObjectSpec spec, Deadline deadline) override {
    return run<MultipartId>(deadline, [tree = tree(), spec = std::move(spec), unique = unique()] {
      return tree->create_multipart(spec, unique);
    });
  }
  Task<Result<PartReceipt>> put_part(PartTarget target, Payload payload,
                                     Deadline deadline) override {
    if (payload.size() > limits_.part_max) return refuse<PartReceipt>("part too large");
    return run<PartReceipt>(
        deadline, [tree = tree(), target = std::move(target), payload = std::move(payload)] {
          return tree->put_part(target, payload);
        });
  }
  Task<Result<ObjectInfo>> complete(Completion completion, Deadline deadline) override {
    return run<ObjectInfo>(deadline, [tree = tree(), completion = std::move(completion)] {
      return tree->complete(completion);
    });
  }
  Task<Result<Ok>> abort(ObjectKey key, MultipartId multipart, Deadline deadline) override {
    return run<Ok>(deadline,
                   [tree = tree(), key = std::move(key), multipart = std::move(multipart)] {
                     return tree->abort(key, multipart);
                   });
  }
  Task<Result<std::vector<ListedPart>>> list_parts(ObjectKey key, MultipartId multipart,
                                                   Deadline deadline) override {
    return run<std::vector<ListedPart>>(
        deadline, [tree = tree(), key = std::move(key), multipart = std::move(multipart)] {
          return tree->list_parts(key, multipart);
        });
  }
  Task<Result<std::vector<ListedMultipart>>> list_multiparts(std::string prefix,
                                                             Deadline deadline) override {
    return run<std::vector<ListedMultipart>>(deadline, [tree = tree(), prefix = std::move(prefix)] {
      return tree->list_multiparts(prefix);
    });
  }
  Task<Result<std::vector<ListedObject>>> list_objects(std::string prefix,
                                                       Deadline deadline) override {
    return run<std::vector<ListedObject>>(deadline, [tree = tree(), prefix = std::move(prefix)] {
      return tree->list_objects(prefix);
    });
  }
  Task<Result<Ok>> settle(ObjectSpec spec, Deadline deadline) override {
    return run<Ok>(deadline,
                   [tree = tree(), spec = std::move(spec)] { return tree->settle(spec); });
  }
  Task<Result<std::vector<UploadId>>> list_unsettled(Deadline deadline) override {
    return run<std::vector<UploadId>>(deadline, [tree = tree()] { return tree->list_unsettled(); });
  }
  Task<Result<Ok>> probe(Deadline deadline) override {
    return run<Ok>(deadline, [tree = tree(), unique = unique()] { return tree->probe(unique); });
  }

  // Blocking: can it be written, has it hard links?
  Result<Ok> check() const { return tree()->probe(unique()); }

 private:
  local::Tree* tree() const noexcept { return shared_->tree.get(); }

  std::string unique() const {
    std::array<std::byte, 16> bytes{};
    services_.random->fill(bytes);
    return hex(bytes);
  }

  template <class T>
  static Task<Result<T>> refuse(std::string detail) {
    co_return fail(Errc::kTooLarge, std::move(detail));
  }

  // `shared` keeps threads and tree alive while the job runs, even if the store and its caller go.
  template <class T>
  Task<Result<T>> run(Deadline deadline, std::function<Result<T>()> work) {
    return run_on<T>(shared_, services_.clock, deadline, std::move(work));
  }
  template <class T>
  static Task<Result<T>> run_on(std::shared_ptr<Shared> shared, Clock* clock, Deadline deadline,
                                std::function<Result<T>()> work) {
    if (!deadline.is_never() && deadline.passed(clock->now())) {
      co_return fail(Errc::kUnavailable, "the deadline passed before the call began");
    }
    co_return co_await shared->threads.run<T>(std::move(work));
  }

  const std::shared_ptr<Shared> shared_;
  const LocalServices services_;
  const core::StoreLimits limits_;
};

}  // namespace

Result<std::unique_ptr<ObjectStore>> open_local(LocalOptions options, LocalServices services) {
  SLUICE_TRY(auto shared, share(options.directory));
  auto store = std::make_unique<LocalStore>(std::move(shared), services);
  SLUICE_TRY_OK(store->check());
  return store;
}

}  // namespace sluice::stores
