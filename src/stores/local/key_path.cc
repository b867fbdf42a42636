#include "stores/local/key_path.h"

#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/text.h"

namespace sluice::stores::local {

namespace {

// Where the store keeps its own files (local_tree.cc).
bool is_reserved(const KeyPath& path) {
  return path.hidden() &&
         (path.directories.size() > 1 ? path.directories[1] : path.name) == "local";
}

// One directory down. errno is kept: what follows the call may change it.
struct Step {
  Step(const Fd& at, const std::string& name)
      : fd(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)),
        error(fd ? 0 : errno) {}
  // Something is there and is no directory (a symbolic link counts as such).
  bool blocked() const { return error == ENOTDIR || error == ELOOP; }
  Fd fd;
  int error;
};

Result<Fd> again(const Fd& directory) {
  Fd fd(::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail(error_of(errno, "open directory"));
  return fd;
}

Error not_a_directory(const std::string& name) {
  return Error(Errc::kRejected, "\"" + name + "\" is not a directory, so nothing can lie below it");
}

}  // namespace

Result<KeyPath> parse_key(const ObjectKey& key) {
  const std::string_view text = key.str();
  if (text.empty()) return fail(Errc::kRejected, "empty object key");
  if (text.size() > kKeyBytesMax) return fail(Errc::kRejected, "object key longer than 1024 bytes");
  if (text.find('\0') != std::string_view::npos || !is_utf8(text)) {
    return fail(Errc::kRejected, "object key is not UTF-8 text");
  }
  KeyPath path;
  std::size_t begin = 0;
  while (true) {
    const std::size_t slash = text.find('/', begin);
    const std::string_view name = text.substr(begin, slash - begin);
    if (name.empty()) return fail(Errc::kRejected, "object key has an empty component");
    if (name == "." || name == "..") {
      return fail(Errc::kRejected, "object key has a component \".\" or \"..\"");
    }
    if (name.size() > kNameBytesMax) {
      return fail(Errc::kRejected, "object key has a component of more than 255 bytes");
    }
    if (slash == std::string_view::npos) {
      path.name = name;
      break;
    }
    path.directories.emplace_back(name);
    begin = slash + 1;
  }
  if (is_reserved(path))
    return fail(Errc::kRejected, "object key is reserved for the store itself");
  return path;
}

Result<Fd> open_directory(const Fd& top, const std::vector<std::string>& components) {
  SLUICE_TRY(Fd at, again(top));
  for (const std::string& name : components) {
    Step next(at, name);
    if (next.blocked()) return fail(Errc::kNotFound, "no such directory");
    if (next.error != 0) return fail(error_of(next.error, "open directory"));
    at = std::move(next.fd);
  }
  return at;
}

Result<Fd> make_directory(const Fd& top, const std::vector<std::string>& components) {
  SLUICE_TRY(Fd at, again(top));
  for (const std::string& name : components) {
    if (::mkdirat(at.get(), name.c_str(), 0777) == 0) {
      SLUICE_TRY_OK(sync_directory(at));
    } else if (errno != EEXIST) {
      return fail(error_of(errno, "make directory"));
    }
    Step next(at, name);
    if (next.blocked()) return fail(not_a_directory(name));
    if (next.error != 0) return fail(error_of(next.error, "open directory"));
    at = std::move(next.fd);
  }
  return at;
}

Result<Ok> check_room(const Fd& top, const KeyPath& path) {
  SLUICE_TRY(Fd at, again(top));
  for (const std::string& name : path.directories) {
    Step next(at, name);
    if (next.error == ENOENT) return Ok{};  // it will be made
    if (next.blocked()) return fail(not_a_directory(name));
    if (next.error != 0) return fail(error_of(next.error, "open directory"));
    at = std::move(next.fd);
  }
  struct stat info {};
  if (::fstatat(at.get(), path.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return Ok{};
    return fail(error_of(errno, "stat"));
  }
  if (S_ISDIR(info.st_mode)) {
    return fail(Errc::kRejected,
                "\"" + path.name + "\" is a directory, so no object can replace it");
  }
  return Ok{};
}

}  // namespace sluice::stores::local
