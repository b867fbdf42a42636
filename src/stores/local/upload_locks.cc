#include "stores/local/upload_locks.h"

#include <utility>

namespace sluice::stores::local {

UploadLocks::Guard::Guard(UploadLocks* locks, std::string id, std::uint32_t part)
    : locks_(locks), id_(std::move(id)), part_(part) {
  locks_->lock(id_, part_);
}

UploadLocks::Guard::~Guard() {
  locks_->unlock(id_, part_);
}

void UploadLocks::lock(const std::string& id, std::uint32_t part) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this, &id, part] {
    const auto held = held_.find(id);
    if (held == held_.end()) return true;
    if (part == kWhole) return false;
    return !held->second.contains(kWhole) && !held->second.contains(part);
  });
  held_[id].insert(part);
}

void UploadLocks::unlock(const std::string& id, std::uint32_t part) {
  {
    const std::lock_guard lock(mutex_);
    const auto held = held_.find(id);
    held->second.erase(part);
    if (held->second.empty()) held_.erase(held);
  }
  changed_.notify_all();
}

}  // namespace sluice::stores::local
