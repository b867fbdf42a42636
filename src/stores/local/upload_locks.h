// UploadLocks: who works on an unfinished upload right now. Different parts side by side, one part
// by one thread, completing or aborting alone. For the blocking threads of the store; holders never
// wait for anything but the disk, so waiting always ends.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>

namespace sluice::stores::local {

class UploadLocks {
 public:
  class Guard {
   public:
    Guard(UploadLocks* locks, std::string id, std::uint32_t part);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    UploadLocks* const locks_;
    const std::string id_;
    const std::uint32_t part_;
  };

  // part >= 1: that part. 0: the whole upload.
  static constexpr std::uint32_t kWhole = 0;

 private:
  void lock(const std::string& id, std::uint32_t part);
  void unlock(const std::string& id, std::uint32_t part);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::set<std::uint32_t>> held_;  // under mutex_; {0}: the whole upload
};

}  // namespace sluice::stores::local
