// TcpStream: a Stream over a plain TCP socket. Bytes are moved by recvmsg and sendmsg straight into
// and out of the caller's buffers; waiting is the Descriptor's. wait_readable() sets SO_RCVLOWAT,
// so that a slow peer wakes us once per mark and not once per segment (limits.md 3).
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "net/descriptor.h"
#include "net/wide_queue.h"
#include "ports/stream.h"

namespace sluice::net {

// A connected socket: what the plain and the TLS stream share, and what their pending operations
// hold on to.
struct TcpSocket {
  TcpSocket(std::shared_ptr<Descriptor> d, std::string p) : io(std::move(d)), peer(std::move(p)) {}

  // Sets the mark if it is not set already.
  void low_water(std::size_t bytes) noexcept;
  // So much came in one call.
  void received(std::size_t bytes) noexcept { wide_queue.received(io->fd(), bytes); }
  // Of an accepted socket, of which there may be thousands: less of both where the kernel has no
  // memory for more (net/receive_memory).
  void economize(std::size_t& low_water, Deadline& deadline) const noexcept;

  const std::shared_ptr<Descriptor> io;
  const std::string peer;
  std::size_t low_water_set = 1;
  WideQueue wide_queue;
  bool accepted = false;
};

class TcpStream final : public Stream {
 public:
  explicit TcpStream(std::shared_ptr<TcpSocket> socket) : socket_(std::move(socket)) {}
  ~TcpStream() override;

  Task<Result<Ok>> wait_readable(std::size_t low_water, Deadline deadline) override;
  Task<Result<std::size_t>> read(std::vector<MutableBuffer> into, Deadline deadline) override;
  Task<Result<Ok>> write(std::vector<ConstBuffer> from, Deadline deadline) override;
  void cancel_read() noexcept override;
  void shutdown_write() noexcept override;
  void close() noexcept override;
  const std::string& peer() const noexcept override { return socket_->peer; }
  bool encrypted() const noexcept override { return false; }

 private:
  const std::shared_ptr<TcpSocket> socket_;
};

}  // namespace sluice::net
