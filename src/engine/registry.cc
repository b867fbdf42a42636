#include "engine/registry.h"

namespace sluice::engine {

std::shared_ptr<Registry> make_registry() { return std::make_shared<Registry>(); }

Use::~Use() {
  if (!live_) return;
  live_->uses_.fetch_sub(1);
  live_->changed_.notify_all();
}

Use Registry::acquire(const UploadId& id, const std::function<std::shared_ptr<LiveUpload>()>& make,
                      bool* made) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<LiveUpload>& entry = live_[id];
  *made = !entry;
  if (!entry) entry = make();
  entry->uses_.fetch_add(1);
  return Use(entry);
}

Use Registry::find(const UploadId& id) {
  const std::lock_guard lock(mutex_);
  const auto it = live_.find(id);
  if (it == live_.end()) return Use();
  it->second->uses_.fetch_add(1);
  return Use(it->second);
}

bool Registry::remove_if_unused(const LiveUpload& live) {
  const std::lock_guard lock(mutex_);
  if (live.uses_.load() != 0) return false;
  // Its place may be a newer one's by now.
  const auto it = live_.find(live.id());
  if (it != live_.end() && it->second.get() == &live) live_.erase(it);
  std::erase_if(retired_, [&](const auto& old) { return old.get() == &live; });
  return true;
}

void Registry::retire(const LiveUpload& live) {
  const std::lock_guard lock(mutex_);
  const auto it = live_.find(live.id());
  if (it == live_.end() || it->second.get() != &live) return;
  retired_.push_back(std::move(it->second));
  live_.erase(it);
}

std::vector<Use> Registry::select(const std::function<bool(const LiveUpload&)>& wanted) {
  std::vector<Use> chosen;
  const std::lock_guard lock(mutex_);
  const auto take = [&](const std::shared_ptr<LiveUpload>& live) {
    if (!wanted(*live)) return;
    live->uses_.fetch_add(1);
    chosen.emplace_back(live);
  };
  for (const auto& [id, live] : live_) take(live);
  for (const auto& live : retired_) take(live);
  return chosen;
}

std::vector<std::shared_ptr<LiveUpload>> Registry::peek(
    const std::function<bool(const LiveUpload&)>& wanted) const {
  std::vector<std::shared_ptr<LiveUpload>> chosen;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, live] : live_) {
    if (wanted(*live)) chosen.push_back(live);
  }
  for (const auto& live : retired_) {
    if (wanted(*live)) chosen.push_back(live);
  }
  return chosen;
}

bool Registry::is_writing(const UploadId& id) const {
  const std::lock_guard lock(mutex_);
  const auto it = live_.find(id);
  return it != live_.end() && it->second->writing();
}

std::size_t Registry::size() const {
  const std::lock_guard lock(mutex_);
  return live_.size();
}

}  // namespace sluice::engine
