// Registry: which uploads are in memory, and on which thread. One per process; thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "engine/live_upload.h"

namespace sluice::engine {

// Keeps an upload in memory while somebody works with it. Movable; released from any thread.
class Use {
 public:
  Use() = default;
  explicit Use(std::shared_ptr<LiveUpload> live) noexcept : live_(std::move(live)) {}
  Use(Use&& other) noexcept = default;
  Use& operator=(Use&& other) noexcept {
    std::swap(live_, other.live_);
    return *this;
  }
  ~Use();

  LiveUpload* operator->() const noexcept { return live_.get(); }
  const std::shared_ptr<LiveUpload>& get() const noexcept { return live_; }
  explicit operator bool() const noexcept { return live_ != nullptr; }

 private:
  std::shared_ptr<LiveUpload> live_;
};

class Registry {
 public:
  // The upload's actor, made by `make` if there is none yet. `made` tells.
  Use acquire(const UploadId& id, const std::function<std::shared_ptr<LiveUpload>()>& make,
              bool* made);
  // Empty if the upload is not in memory.
  Use find(const UploadId& id);
  // Forgets it unless it is in use.
  bool remove_if_unused(const LiveUpload& live);
  // Its memory is not what is recorded: whoever comes next gets a new one. It lives on beside that,
  // without effect, until its users have let go of it.
  void retire(const LiveUpload& live);
  // A snapshot of those that this predicate takes; each in use while held.
  std::vector<Use> select(const std::function<bool(const LiveUpload&)>& wanted);
  // The same without keeping them: for a look on their own thread that does not wait for anything.
  std::vector<std::shared_ptr<LiveUpload>> peek(
      const std::function<bool(const LiveUpload&)>& wanted) const;
  std::size_t size() const;

  // What the uploads of all threads together could give back, as each thread last said; `by` is the
  // change of one of them, bytes. Answers the sum.
  std::int64_t count_reclaimable(std::int64_t by) noexcept {
    return reclaimable_.fetch_add(by) + by;
  }
  // A connection is sending bytes for this upload right now.
  bool is_writing(const UploadId& id) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<UploadId, std::shared_ptr<LiveUpload>> live_;
  std::vector<std::shared_ptr<LiveUpload>> retired_;
  std::atomic<std::int64_t> reclaimable_{0};
};

}  // namespace sluice::engine
