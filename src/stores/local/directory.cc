#include "stores/local/directory.h"

#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace sluice::stores::local {

Result<std::vector<std::string>> names_in(const Fd& directory) {
  // A descriptor of its own: reading moves the position of the directory.
  const int fd = ::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail(error_of(errno, "open directory"));
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(fd), ::closedir);
  if (!list) {
    const int error = errno;
    ::close(fd);
    return fail(error_of(error, "read directory"));
  }
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(list.get());
    if (entry == nullptr) break;
    std::string name(static_cast<const char*>(entry->d_name));
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  if (errno != 0) return fail(error_of(errno, "read directory"));
  return names;
}

bool stat_in(const Fd& directory, const std::string& name, struct stat* info) {
  return ::fstatat(directory.get(), name.c_str(), info, AT_SYMLINK_NOFOLLOW) == 0;
}

void remove_in(const Fd& directory, const std::string& name) {
  if (::unlinkat(directory.get(), name.c_str(), 0) == 0) return;
  {
    const auto inside = open_in(directory, name, O_RDONLY | O_DIRECTORY);
    if (!inside) return;
    const auto names = names_in(*inside);
    if (!names) return;
    for (const std::string& file : *names) ::unlinkat(inside->get(), file.c_str(), 0);
  }
  ::unlinkat(directory.get(), name.c_str(), AT_REMOVEDIR);
}

}  // namespace sluice::stores::local
