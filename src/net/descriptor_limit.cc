#include "net/descriptor_limit.h"

#include <cerrno>

#include <sys/resource.h>

#include "net/socket.h"

namespace sluice::net {

Result<std::uint64_t> raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return fail(Errc::kUnavailable, "reading the descriptor limit: " + errno_text(errno));
  }
  if (limit.rlim_cur != limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
      return fail(Errc::kUnavailable, "raising the descriptor limit: " + errno_text(errno));
    }
  }
  return static_cast<std::uint64_t>(limit.rlim_cur);
}

}  // namespace sluice::net
