// FileTree: files below one directory, addressed by keys that strangers chose. Blocking; thread-safe.
//
// No key leaves the directory: every component is opened by itself, without following symbolic
// links. Directories that are made are made durable.
// Errors: kRejected (the key is no sensible file name, collides with a file or directory, or access
// is denied), kNotFound, kUnavailable (no space, read-only, input/output error: nothing visible has
// changed).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/units.h"

namespace sluice::stores {

// Owns a file descriptor.
class File {
 public:
  File() = default;
  explicit File(int fd) noexcept : fd_(fd) {}
  File(File&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  File& operator=(File&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~File();
  int get() const noexcept { return fd_; }

 private:
  int fd_ = -1;
};

struct FileInfo {
  ByteCount size;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  WallTime modified;
  std::uint64_t modified_ns = 0;
};

struct Entry {
  std::string path;  // relative to the tree
  FileInfo info;
};

Error errno_error(int number, std::string_view what);

class FileTree {
 public:
  // Makes the directory if it does not exist.
  static Result<FileTree> open(const std::string& directory);

  // Components of at most 255 bytes, none empty, "." or ".."; no NUL; at most 1024 bytes.
  static Result<Ok> check(std::string_view path);

  Result<Ok> make_directories(std::string_view directory) const;
  Result<File> open_read(std::string_view path) const;
  Result<File> open_write(std::string_view path) const;   // existing, read and write
  Result<File> create(std::string_view path) const;       // must not exist; parents must
  Result<File> open_append(std::string_view path) const;  // made if missing; parents must exist
  Result<FileInfo> info(std::string_view path) const;     // regular files only
  // Replaces what is at `to`; makes its parents. Durable when it answers.
  Result<Ok> rename(std::string_view from, std::string_view to) const;
  // A second name for a file; replaces what is at `to`. Parents must exist. Durable.
  Result<Ok> link(std::string_view from, std::string_view to) const;
  // Missing: success. Durable.
  Result<Ok> remove(std::string_view path) const;
  // A directory with its plain files. Missing: success.
  Result<Ok> remove_directory(std::string_view path) const;
  // Removes the directory if it is empty; otherwise nothing.
  void prune(std::string_view directory) const noexcept;
  // Regular files below a directory, recursively, unordered, whose paths begin with `prefix`.
  // Directories in `skip` are not entered.
  std::vector<Entry> list(std::string_view prefix, const std::vector<std::string>& skip) const;
  std::vector<std::string> names(std::string_view directory) const;  // of one directory

  static Result<FileInfo> info_of(const File& file);

 private:
  explicit FileTree(File root) : root_(std::move(root)) {}
  // The directory that holds the last component, and that component.
  Result<File> open_directory(std::string_view path, bool make) const;
  struct Place {
    File directory;
    std::string name;
  };
  Result<Place> place(std::string_view path, bool make) const;
  void list_into(std::string_view directory, std::string_view prefix,
                 const std::vector<std::string>& skip, std::vector<Entry>* entries) const;

  File root_;
};

}  // namespace sluice::stores
