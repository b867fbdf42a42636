// FileLock: this process alone works with a file. An advisory lock (flock) on PATH.lock, which the
// kernel drops when the process ends however it ends.
#pragma once

#include <string>
#include <utility>

#include "base/result.h"

namespace sluice::statedb {

class FileLock {
 public:
  // kConflict: somebody else holds it; the detail says who. kUnavailable: the file cannot be made.
  static Result<FileLock> take(const std::string& path);

  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace sluice::statedb
