#include "sink/s3_state.h"

#include <array>
#include <cstdio>

namespace sluice::sink {

std::string S3State::next_etag() {
  const std::lock_guard lock(mutex_);
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "\"%032llx\"", static_cast<unsigned long long>(++etags_));
  return text.data();
}

void S3State::put(const std::string& key, Object object) {
  const std::lock_guard lock(mutex_);
  ++stats_.puts;
  objects_[key] = std::move(object);
}

std::optional<Object> S3State::find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto it = objects_.find(key);
  if (it == objects_.end()) return std::nullopt;
  return it->second;
}

void S3State::remove(const std::string& key) {
  const std::lock_guard lock(mutex_);
  objects_.erase(key);
}

std::string S3State::create(const std::string& key, Metadata metadata) {
  const std::lock_guard lock(mutex_);
  std::string id = "sink-" + std::to_string(++ids_);
  uploads_[id] = Upload{key, std::move(metadata), {}};
  return id;
}

bool S3State::put_part(const std::string& key, const std::string& upload, std::uint32_t number,
                       Part part) {
  const std::lock_guard lock(mutex_);
  const auto it = uploads_.find(upload);
  if (it == uploads_.end() || it->second.key != key) return false;
  ++stats_.parts;
  it->second.parts[number] = std::move(part);
  return true;
}

S3State::Completion S3State::complete(const std::string& key, const std::string& upload,
                                      const std::vector<NamedPart>& named, Object& out) {
  const std::lock_guard lock(mutex_);
  const auto it = uploads_.find(upload);
  if (it == uploads_.end() || it->second.key != key) return Completion::kNoSuchUpload;
  Object object;
  object.metadata = it->second.metadata;
  std::uint32_t last = 0;
  std::string bytes;
  bool kept = true;
  for (const NamedPart& name : named) {
    if (name.number <= last) return Completion::kInvalidPartOrder;
    last = name.number;
    const auto part = it->second.parts.find(name.number);
    if (part == it->second.parts.end() || part->second.etag != name.etag) {
      return Completion::kInvalidPart;
    }
    object.size += part->second.size;
    kept = kept && part->second.bytes;
    if (kept) bytes += *part->second.bytes;
    if (part->second.checksum) {
      object.checksum = object.checksum ? wire::combine(*object.checksum, *part->second.checksum,
                                                        ByteCount(part->second.size))
                                        : part->second.checksum;
    }
  }
  if (named.empty()) return Completion::kInvalidPart;
  if (kept) object.bytes = std::make_shared<const std::string>(std::move(bytes));
  std::array<char, 64> etag{};
  std::snprintf(etag.data(), etag.size(), "\"%032llx-%zu\"",
                static_cast<unsigned long long>(++etags_), named.size());
  object.etag = etag.data();
  ++stats_.completed;
  uploads_.erase(it);
  out = object;
  objects_[key] = std::move(object);
  return Completion::kDone;
}

bool S3State::abort(const std::string& key, const std::string& upload) {
  const std::lock_guard lock(mutex_);
  const auto it = uploads_.find(upload);
  if (it == uploads_.end() || it->second.key != key) return false;
  uploads_.erase(it);
  return true;
}

std::optional<std::map<std::uint32_t, Part>> S3State::parts(const std::string& key,
                                                            const std::string& upload) const {
  const std::lock_guard lock(mutex_);
  const auto it = uploads_.find(upload);
  if (it == uploads_.end() || it->second.key != key) return std::nullopt;
  return it->second.parts;
}

std::vector<std::pair<std::string, std::string>> S3State::uploads(const std::string& prefix) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& [id, upload] : uploads_) {
    if (upload.key.rfind(prefix, 0) == 0) found.emplace_back(upload.key, id);
  }
  return found;
}

std::vector<std::pair<std::string, Object>> S3State::objects(const std::string& prefix) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, Object>> found;
  for (auto it = objects_.lower_bound(prefix); it != objects_.end(); ++it) {
    if (it->first.rfind(prefix, 0) != 0) break;
    found.emplace_back(it->first, it->second);
  }
  return found;
}

std::string S3State::stats_json() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t bytes = 0;
  for (const auto& [key, object] : objects_) bytes += object.size;
  const auto field = [](const char* name, std::uint64_t value) {
    return "\"" + std::string(name) + "\":" + std::to_string(value);
  };
  return "{" + field("connections", stats_.connections) + "," + field("requests", stats_.requests) +
         "," + field("bytes_received", stats_.bytes_received) + "," + field("puts", stats_.puts) +
         "," + field("parts", stats_.parts) + "," + field("completed", stats_.completed) + "," +
         field("failures", stats_.failures) + "," + field("objects", objects_.size()) + "," +
         field("object_bytes", bytes) + "," + field("open_multiparts", uploads_.size()) + "}\n";
}

int S3State::count_body(std::uint64_t fail_every) {
  const std::lock_guard lock(mutex_);
  ++bodies_;
  if (fail_every == 0 || bodies_ % fail_every != 0) return 0;
  return static_cast<int>(stats_.failures++ % 3) + 1;
}

void S3State::count(std::uint64_t Stats::*counter, std::uint64_t by) {
  const std::lock_guard lock(mutex_);
  stats_.*counter += by;
}

}  // namespace sluice::sink
