#include "net/socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace sluice::net {

namespace {

constexpr std::size_t kBuffersPerCall = IOV_MAX;

template <class T>
void set_option(int fd, int level, int name, T value) noexcept {
  static_cast<void>(::setsockopt(fd, level, name, &value, sizeof value));
}

// The system-wide ceiling of SO_RCVBUF and SO_SNDBUF; 0 if unknown.
std::size_t ceiling(const char* file) noexcept {
  std::FILE* f = std::fopen(file, "re");
  if (f == nullptr) return 0;
  unsigned long value = 0;
  const bool read = std::fscanf(f, "%lu", &value) == 1;
  std::fclose(f);
  return read ? value : 0;
}

// An explicit size switches the kernel's tuning off for good. Where the ceiling would cut it below
// half of what was asked (Debian's default is 208 KiB), and we may not exceed the ceiling, a fast
// and distant peer would be throttled: then the kernel's tuning is the lesser evil.
void limit_queue(int fd, int force, int plain, std::size_t bytes, std::size_t most) noexcept {
  const int value = static_cast<int>(std::min<std::size_t>(bytes, 1U << 30));
  if (::setsockopt(fd, SOL_SOCKET, force, &value, sizeof value) == 0) return;
  if (most >= bytes / 2) set_option(fd, SOL_SOCKET, plain, value);
}

}  // namespace

SocketAddress::SocketAddress(const sockaddr* address, socklen_t size) : size_(size) {
  if (size_ > sizeof storage_) size_ = sizeof storage_;
  std::memcpy(&storage_, address, size_);
}

Result<SocketAddress> SocketAddress::parse(std::string_view literal, std::uint16_t port) {
  const std::string text(literal);
  sockaddr_in v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return SocketAddress(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    return SocketAddress(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  }
  return fail(Errc::kInvalidArgument, "not an address: " + text);
}

std::uint16_t SocketAddress::port() const noexcept {
  if (family() == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
}

std::string SocketAddress::host() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage_);
    ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
  } else if (family() == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage_);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
      ::inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text.data(), text.size());
    } else {
      ::inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
    }
  }
  return text.data();
}

Result<int> open_socket(int family) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return fail(Errc::kUnavailable, "socket: " + errno_text(errno));
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  return fd;
}

void tune_socket(int fd, const SocketOptions& options) {
  if (options.receive_buffer > 0) {
    static const std::size_t most = ceiling("/proc/sys/net/core/rmem_max");
    limit_queue(fd, SO_RCVBUFFORCE, SO_RCVBUF, options.receive_buffer, most);
  }
  if (options.send_buffer > 0) {
    static const std::size_t most = ceiling("/proc/sys/net/core/wmem_max");
    limit_queue(fd, SO_SNDBUFFORCE, SO_SNDBUF, options.send_buffer, most);
  }
  if (options.keep_alive) {
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
  }
}

Moved receive(int fd, std::span<const MutableBuffer> into) {
  std::array<iovec, kBuffersPerCall> list;  // not initialized: only the used front is written
  const std::size_t count = std::min(into.size(), list.size());
  for (std::size_t i = 0; i < count; ++i) list[i] = {into[i].data, into[i].size};
  msghdr message{};
  message.msg_iov = list.data();
  message.msg_iovlen = count;
  Moved moved;
  ssize_t n = -1;
  do {
    n = ::recvmsg(fd, &message, MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) {
    moved.bytes = static_cast<std::size_t>(n);
  } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
    moved.would_block = true;
  } else {
    moved.error = errno;
  }
  return moved;
}

Moved send_from(int fd, std::span<const ConstBuffer> from, Cursor& at) {
  std::array<iovec, kBuffersPerCall> list;  // as above
  Moved moved;
  while (true) {
    std::size_t count = 0;
    std::size_t skip = at.offset;
    for (std::size_t i = at.index; i < from.size() && count < list.size(); ++i) {
      // sendmsg() does not write through the pointer; iovec knows no const.
      auto* data = const_cast<std::byte*>(from[i].data);
      const std::size_t size = from[i].size;
      if (size > skip) list[count++] = {data + skip, size - skip};
      skip = 0;
    }
    if (count == 0) {
      at = Cursor{from.size(), 0};
      return moved;
    }
    msghdr message{};
    message.msg_iov = list.data();
    message.msg_iovlen = count;
    const ssize_t n = ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        moved.would_block = true;
      } else {
        moved.error = errno;
      }
      return moved;
    }
    moved.bytes += static_cast<std::size_t>(n);
    at.offset += static_cast<std::size_t>(n);
    while (at.index < from.size() && at.offset >= from[at.index].size) {
      at.offset -= from[at.index].size;
      ++at.index;
    }
  }
}

Moved send_bytes(int fd, std::span<const std::byte> bytes) {
  const ConstBuffer one{bytes.data(), bytes.size()};
  Cursor at;
  return send_from(fd, std::span(&one, 1), at);
}

std::size_t queued_bytes(int fd) noexcept {
  int n = 0;
  if (::ioctl(fd, FIONREAD, &n) != 0 || n < 0) return 0;
  return static_cast<std::size_t>(n);
}

void set_low_water(int fd, std::size_t bytes) noexcept {
  set_option(fd, SOL_SOCKET, SO_RCVLOWAT, static_cast<int>(std::min<std::size_t>(bytes, 1U << 30)));
}

std::string errno_text(int error) {
  return std::generic_category().message(error) + " (" + std::to_string(error) + ")";
}

Error connection_error(int error) {
  return Error(Errc::kDisconnected, errno_text(error));
}

}  // namespace sluice::net
