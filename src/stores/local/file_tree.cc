#include "stores/local/file_tree.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice::stores {

namespace {

constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr std::size_t kNameMax = 255;   // bytes, of common file systems
constexpr std::size_t kPathMax = 1100;  // bytes: a key of 1024 and our own directories

FileInfo info_of_stat(const struct stat& s) {
  FileInfo info;
  info.size = ByteCount(static_cast<std::uint64_t>(s.st_size));
  info.device = s.st_dev;
  info.inode = s.st_ino;
  const std::chrono::seconds seconds(s.st_mtim.tv_sec);
  const std::chrono::nanoseconds rest(s.st_mtim.tv_nsec);
  info.modified = WallTime(seconds + std::chrono::duration_cast<std::chrono::milliseconds>(rest));
  info.modified_ns = static_cast<std::uint64_t>((seconds + rest).count());
  return info;
}

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

class Listing {
 public:
  explicit Listing(int fd) : directory_(::fdopendir(fd)) {
    if (directory_ == nullptr) ::close(fd);
  }
  ~Listing() {
    if (directory_ != nullptr) ::closedir(directory_);
  }
  Listing(const Listing&) = delete;
  Listing& operator=(const Listing&) = delete;
  // nullptr at the end.
  const dirent* next() {
    while (directory_ != nullptr) {
      const dirent* entry = ::readdir(directory_);  // NOLINT(concurrency-mt-unsafe): own stream
      if (entry == nullptr) return nullptr;
      const std::string_view name(entry->d_name);
      if (name != "." && name != "..") return entry;
    }
    return nullptr;
  }

 private:
  DIR* directory_;
};

}  // namespace

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

Error errno_error(int number, std::string_view what) {
  char text[128];
  const char* reason = ::strerror_r(number, text, sizeof text);
  std::string detail = std::string(what) + ": " + reason;
  switch (number) {
    case ENOENT:
      return Error(Errc::kNotFound, std::move(detail));
    case ENOTDIR:
    case EISDIR:
    case EEXIST:
    case ENOTEMPTY:
    case ELOOP:
    case ENAMETOOLONG:
    case EACCES:
    case EPERM:
    case EINVAL:
      return Error(Errc::kRejected, std::move(detail));
    default:
      return Error(Errc::kUnavailable, std::move(detail));
  }
}

Result<FileTree> FileTree::open(const std::string& directory) {
  std::string made;
  std::size_t at = 0;
  while (at < directory.size()) {  // mkdir -p of what the operator named; links are theirs to use
    at = std::min(directory.find('/', at + 1), directory.size());
    made = directory.substr(0, at);
    if (::mkdir(made.c_str(), 0777) != 0 && errno != EEXIST) {
      return fail(errno_error(errno, "cannot make the directory " + made));
    }
  }
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail(errno_error(errno, "cannot open the directory " + directory));
  return FileTree(File(fd));
}

Result<Ok> FileTree::check(std::string_view path) {
  if (path.empty() || path.size() > kPathMax || path.find('\0') != std::string_view::npos) {
    return fail(Errc::kRejected, "the key is no file name");
  }
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") {
      return fail(Errc::kRejected, "the key has an empty, \".\" or \"..\" component");
    }
    if (part.size() > kNameMax) {
      return fail(Errc::kRejected, "a component of the key is longer than 255 bytes");
    }
    begin = end + 1;
  }
  return Ok{};
}

Result<File> FileTree::open_directory(std::string_view path, bool make) const {
  int fd = ::openat(root_.get(), ".", kDirectory);
  if (fd < 0) return fail(errno_error(errno, "cannot open the directory"));
  File directory(fd);
  std::size_t begin = 0;
  while (begin < path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string name(path.substr(begin, end - begin));
    fd = ::openat(directory.get(), name.c_str(), kDirectory);
    if (fd < 0 && errno == ENOENT && make) {
      if (::mkdirat(directory.get(), name.c_str(), 0777) != 0 && errno != EEXIST) {
        return fail(errno_error(errno, "cannot make a directory"));
      }
      if (::fsync(directory.get()) != 0) return fail(errno_error(errno, "cannot sync a directory"));
      fd = ::openat(directory.get(), name.c_str(), kDirectory);
    }
    if (fd < 0) return fail(errno_error(errno, "cannot open a directory of the key"));
    directory = File(fd);
    begin = end + 1;
  }
  return directory;
}

Result<FileTree::Place> FileTree::place(std::string_view path, bool make) const {
  SLUICE_TRY_OK(check(path));
  SLUICE_TRY(File directory, open_directory(parent_of(path), make));
  return Place{std::move(directory), std::string(name_of(path))};
}

Result<Ok> FileTree::make_directories(std::string_view directory) const {
  SLUICE_TRY_OK(check(directory));
  SLUICE_TRY_OK(open_directory(directory, true));
  return Ok{};
}

Result<File> FileTree::open_read(std::string_view path) const {
  SLUICE_TRY(const Place at, place(path, false));
  const int fd = ::openat(at.directory.get(), at.name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fail(errno_error(errno, "cannot open the file"));
  return File(fd);
}

Result<File> FileTree::open_write(std::string_view path) const {
  SLUICE_TRY(const Place at, place(path, false));
  const int fd = ::openat(at.directory.get(), at.name.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fail(errno_error(errno, "cannot open the file"));
  return File(fd);
}

Result<File> FileTree::create(std::string_view path) const {
  SLUICE_TRY(const Place at, place(path, false));
  const int fd = ::openat(at.directory.get(), at.name.c_str(),
                          O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (fd < 0) return fail(errno_error(errno, "cannot create the file"));
  return File(fd);
}

Result<File> FileTree::open_append(std::string_view path) const {
  SLUICE_TRY(const Place at, place(path, false));
  const int fd = ::openat(at.directory.get(), at.name.c_str(),
                          O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (fd < 0) return fail(errno_error(errno, "cannot open the file"));
  return File(fd);
}

Result<FileInfo> FileTree::info_of(const File& file) {
  struct stat s {};
  if (::fstat(file.get(), &s) != 0) return fail(errno_error(errno, "cannot look at the file"));
  if (!S_ISREG(s.st_mode)) return fail(Errc::kNotFound, "not a file");
  return info_of_stat(s);
}

Result<FileInfo> FileTree::info(std::string_view path) const {
  SLUICE_TRY(const Place at, place(path, false));
  struct stat s {};
  if (::fstatat(at.directory.get(), at.name.c_str(), &s, AT_SYMLINK_NOFOLLOW) != 0) {
    return fail(errno_error(errno, "cannot look at the file"));
  }
  if (!S_ISREG(s.st_mode)) return fail(Errc::kNotFound, "not a file");
  return info_of_stat(s);
}

Result<Ok> FileTree::rename(std::string_view from, std::string_view to) const {
  SLUICE_TRY(const Place source, place(from, false));
  SLUICE_TRY(const Place target, place(to, true));
  if (::renameat(source.directory.get(), source.name.c_str(), target.directory.get(),
                 target.name.c_str()) != 0) {
    return fail(errno_error(errno, "cannot give the file its name"));
  }
  if (::fsync(target.directory.get()) != 0) {
    return fail(Errc::kOutcomeUnknown, "cannot sync the directory of the object");
  }
  return Ok{};
}

Result<Ok> FileTree::link(std::string_view from, std::string_view to) const {
  SLUICE_TRY(const Place source, place(from, false));
  SLUICE_TRY(const Place target, place(to, false));
  const auto make = [&] {
    return ::linkat(source.directory.get(), source.name.c_str(), target.directory.get(),
                    target.name.c_str(), 0);
  };
  if (make() != 0) {
    if (errno != EEXIST) return fail(errno_error(errno, "cannot link the file"));
    ::unlinkat(target.directory.get(), target.name.c_str(), 0);
    if (make() != 0) return fail(errno_error(errno, "cannot link the file"));
  }
  if (::fsync(target.directory.get()) != 0) {
    return fail(errno_error(errno, "cannot sync a directory"));
  }
  return Ok{};
}

Result<Ok> FileTree::remove(std::string_view path) const {
  Result<Place> at = place(path, false);
  if (!at) {
    if (at.error().code() == Errc::kNotFound) return Ok{};
    return fail(at.error());
  }
  if (::unlinkat(at->directory.get(), at->name.c_str(), 0) != 0) {
    if (errno == ENOENT) return Ok{};
    return fail(errno_error(errno, "cannot remove the file"));
  }
  if (::fsync(at->directory.get()) != 0) return fail(errno_error(errno, "cannot sync a directory"));
  return Ok{};
}

Result<Ok> FileTree::remove_directory(std::string_view path) const {
  SLUICE_TRY_OK(check(path));
  Result<File> directory = open_directory(path, false);
  if (!directory) {
    if (directory.error().code() == Errc::kNotFound) return Ok{};
    return fail(directory.error());
  }
  for (const std::string& name : names(path)) {
    if (::unlinkat(directory->get(), name.c_str(), 0) != 0 && errno != ENOENT) {
      return fail(errno_error(errno, "cannot remove a file"));
    }
  }
  SLUICE_TRY(const Place at, place(path, false));
  if (::unlinkat(at.directory.get(), at.name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return fail(errno_error(errno, "cannot remove a directory"));
  }
  return Ok{};
}

void FileTree::prune(std::string_view directory) const noexcept {
  const Result<Place> at = place(directory, false);
  if (at) ::unlinkat(at->directory.get(), at->name.c_str(), AT_REMOVEDIR);
}

std::vector<std::string> FileTree::names(std::string_view directory) const {
  std::vector<std::string> found;
  Result<File> opened = open_directory(directory, false);
  if (!opened) return found;
  Listing listing(::openat(opened->get(), ".", kDirectory));
  while (const dirent* entry = listing.next()) found.emplace_back(entry->d_name);
  return found;
}

std::vector<Entry> FileTree::list(std::string_view prefix,
                                  const std::vector<std::string>& skip) const {
  std::vector<Entry> entries;
  list_into(parent_of(prefix), prefix, skip, &entries);
  return entries;
}

void FileTree::list_into(std::string_view directory, std::string_view prefix,
                         const std::vector<std::string>& skip,
                         std::vector<Entry>* entries) const {
  Result<File> opened = open_directory(directory, false);
  if (!opened) return;
  std::vector<std::string> below;
  Listing listing(::openat(opened->get(), ".", kDirectory));
  while (const dirent* entry = listing.next()) {
    std::string path(directory);
    if (!path.empty()) path += '/';
    path += entry->d_name;
    struct stat s {};
    if (::fstatat(opened->get(), entry->d_name, &s, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISREG(s.st_mode)) {
      if (path.starts_with(prefix)) entries->push_back(Entry{path, info_of_stat(s)});
    } else if (S_ISDIR(s.st_mode)) {
      const bool wanted = path.starts_with(prefix) || prefix.starts_with(path + "/");
      if (wanted && std::find(skip.begin(), skip.end(), path) == skip.end()) below.push_back(path);
    }
  }
  for (const std::string& path : below) list_into(path, prefix, skip, entries);
}

}  // namespace sluice::stores
