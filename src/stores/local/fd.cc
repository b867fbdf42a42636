#include "stores/local/fd.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace sluice::stores::local {

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Error error_of(int error, const std::string& what) {
  const std::string detail = what + ": " + std::generic_category().message(error);
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return Error(Errc::kThrottled, detail);
    case ENOENT:
      return Error(Errc::kNotFound, detail);
    case EFBIG:
      return Error(Errc::kTooLarge, detail);
    case EACCES:
    case EPERM:
    case EROFS:
    case ENAMETOOLONG:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case EINVAL:
    case EXDEV:
      return Error(Errc::kRejected, detail);
    default:
      return Error(Errc::kUnavailable, detail);
  }
}

Result<Ok> write_at(const Fd& file, std::span<const std::byte> bytes, std::uint64_t at) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(error_of(errno, "write"));
    if (n == 0) return fail(Errc::kUnavailable, "write: nothing was written");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    at += static_cast<std::uint64_t>(n);
  }
  return Ok{};
}

Result<std::size_t> read_at(const Fd& file, std::span<std::byte> into, std::uint64_t at) {
  std::size_t done = 0;
  while (done < into.size()) {
    const auto rest = into.subspan(done);
    const ssize_t n = ::pread(file.get(), rest.data(), rest.size(), static_cast<off_t>(at + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(error_of(errno, "read"));
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

Result<Ok> sync_data(const Fd& file) {
  if (::fdatasync(file.get()) != 0) return fail(error_of(errno, "fdatasync"));
  return Ok{};
}

Result<Ok> sync_directory(const Fd& directory) {
  // A directory that cannot be synced on its own (EINVAL on some network file systems) has nothing
  // better to offer.
  if (::fsync(directory.get()) != 0 && errno != EINVAL) return fail(error_of(errno, "fsync"));
  return Ok{};
}

Result<Fd> open_in(const Fd& directory, const std::string& name, int flags, unsigned mode) {
  Fd fd(::openat(directory.get(), name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) return fail(error_of(errno, "open"));
  return fd;
}

}  // namespace sluice::stores::local
