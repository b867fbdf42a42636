// Fd: an owned file descriptor, and the few system calls the directory store is made of. Blocking.
// What errno means to a caller of the store: error_of().
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/result.h"

namespace sluice::stores::local {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// No effect yet: the caller must not have changed anything that readers see.
//   kThrottled    disk or quota full, too many open files: later, and slowly
//   kRejected     permissions, read-only, name too long, a file where a directory must be …
//   kTooLarge     beyond what the file system takes
//   kNotFound     no such file
//   kUnavailable  everything else (I/O error …)
Error error_of(int error, const std::string& what);

// All of it, or an error. `at`: position in the file.
Result<Ok> write_at(const Fd& file, std::span<const std::byte> bytes, std::uint64_t at);
// As much as is there: fewer bytes than asked only at the end of the file.
Result<std::size_t> read_at(const Fd& file, std::span<std::byte> into, std::uint64_t at);

// Content (and a size that changed) is on the disk.
Result<Ok> sync_data(const Fd& file);
// Names in a directory are on the disk.
Result<Ok> sync_directory(const Fd& directory);

// O_CLOEXEC and O_NOFOLLOW are added.
Result<Fd> open_in(const Fd& directory, const std::string& name, int flags, unsigned mode = 0);

}  // namespace sluice::stores::local
