// Raw sockets: the system calls of this module, as values. Nothing here waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include "base/result.h"
#include "ports/stream.h"

namespace sluice::net {

// Queue limits in the kernel. 0 leaves the kernel's own tuning on, which lets one stalled
// connection hold several MiB (limits.md 3).
struct SocketOptions {
  std::size_t receive_buffer = 0;  // bytes; see limit_queue() for what is really set
  std::size_t send_buffer = 0;     // bytes
  // Peers that vanished without a word are noticed after about 2 minutes of silence.
  bool keep_alive = true;
};

// An address to bind or to connect to.
class SocketAddress {
 public:
  SocketAddress() = default;
  SocketAddress(const sockaddr* address, socklen_t size);
  // An address literal ("192.0.2.7", "2001:db8::1"). kInvalidArgument if it is none.
  static Result<SocketAddress> parse(std::string_view literal, std::uint16_t port);

  const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const noexcept { return size_; }
  int family() const noexcept { return storage_.ss_family; }
  std::uint16_t port() const noexcept;
  // Without port; IPv4 in IPv6 is shown as IPv4.
  std::string host() const;

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

// What one system call moved.
struct Moved {
  std::size_t bytes = 0;
  bool would_block = false;
  int error = 0;  // errno; 0: none
};

// Where a list of buffers was left.
struct Cursor {
  std::size_t index = 0;   // of the buffer
  std::size_t offset = 0;  // in it
};

// A non-blocking, close-on-exec TCP socket with TCP_NODELAY. kUnavailable: no descriptors.
Result<int> open_socket(int family);
// Sets what the options ask. Failures are ignored: a connection with other queues still works.
void tune_socket(int fd, const SocketOptions& options);

// As many buffers as fit one call (IOV_MAX). bytes = 0 without error: the orderly end.
Moved receive(int fd, std::span<const MutableBuffer> into);
// Sends from the cursor on and moves it, until all is sent or the socket takes no more.
Moved send_from(int fd, std::span<const ConstBuffer> from, Cursor& at);
Moved send_bytes(int fd, std::span<const std::byte> bytes);

// Bytes in the receive queue.
std::size_t queued_bytes(int fd) noexcept;
void set_low_water(int fd, std::size_t bytes) noexcept;

// "connection reset by peer (104)": the operator's text for an errno.
std::string errno_text(int error);
// A broken connection.
Error connection_error(int error);

}  // namespace sluice::net
