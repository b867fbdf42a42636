#include "config/secret_file.h"

#include <cerrno>
#include <fstream>
#include <system_error>

#include <sys/stat.h>

namespace sluice::config {
namespace {

constexpr std::size_t kBytesMax = 64U << 10;

}  // namespace

bool is_world_readable(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0;
}

Result<std::string> read_secret_file(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    const int error = errno;
    return fail(error == ENOENT ? Errc::kNotFound : Errc::kInvalidArgument,
                "cannot read " + path + ": " + std::generic_category().message(error));
  }
  if (!S_ISREG(status.st_mode)) return fail(Errc::kInvalidArgument, path + " is not a file");
  if ((status.st_mode & S_IROTH) != 0) {
    return fail(Errc::kInvalidArgument, "everybody on this machine can read the secret in " + path +
                                            "; run: chmod o-rwx " + path);
  }
  std::ifstream file(path, std::ios::binary);
  std::string text(kBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.gcount() == 0 && !file.eof())) {
    return fail(Errc::kInvalidArgument, "cannot read " + path);
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kBytesMax) return fail(Errc::kInvalidArgument, path + " is too large");
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  if (text.empty()) return fail(Errc::kInvalidArgument, path + " is empty");
  return text;
}

}  // namespace sluice::config
