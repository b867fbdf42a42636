#include "net/tcp_stream.h"

#include <chrono>
#include <utility>

#include <sys/socket.h>

#include "base/check.h"
#include "net/receive_memory.h"
#include "net/socket.h"
#include "net/steady.h"

namespace sluice::net {

namespace {

using SocketPtr = std::shared_ptr<TcpSocket>;

std::size_t total(const std::vector<MutableBuffer>& buffers) noexcept {
  std::size_t sum = 0;
  for (const MutableBuffer& buffer : buffers) sum += buffer.size;
  return sum;
}

Task<Result<Ok>> wait_on(SocketPtr socket, std::size_t low_water, Deadline deadline) {
  socket->economize(low_water, deadline);
  socket->low_water(low_water);
  const Wake wake = co_await socket->io->wait_readable(deadline);
  if (wake != Wake::kReady) co_return fail(wake_error(wake));
  co_return Ok{};
}

Task<Result<std::size_t>> read_from(SocketPtr socket, std::vector<MutableBuffer> into,
                                    Deadline deadline) {
  SLUICE_CHECK(total(into) > 0);
  while (true) {
    if (socket->io->fd() < 0) co_return fail(wake_error(Wake::kClosed));
    const Moved moved = receive(socket->io->fd(), into);
    if (moved.error != 0) co_return fail(connection_error(moved.error));
    if (!moved.would_block) {
      socket->received(moved.bytes);
      co_return moved.bytes;
    }
    socket->low_water(1);
    const Wake wake = co_await socket->io->wait_readable(deadline);
    if (wake != Wake::kReady) co_return fail(wake_error(wake));
  }
}

Task<Result<Ok>> write_to(SocketPtr socket, std::vector<ConstBuffer> from, Deadline deadline) {
  Cursor at;
  while (true) {
    if (socket->io->fd() < 0) co_return fail(wake_error(Wake::kClosed));
    const Moved moved = send_from(socket->io->fd(), from, at);
    if (moved.error != 0) co_return fail(connection_error(moved.error));
    if (!moved.would_block) co_return Ok{};
    const Wake wake = co_await socket->io->wait_writable(deadline);
    if (wake != Wake::kReady) co_return fail(wake_error(wake));
  }
}

}  // namespace

void TcpSocket::low_water(std::size_t bytes) noexcept {
  if (bytes == low_water_set || io->fd() < 0) return;
  set_low_water(io->fd(), bytes);
  low_water_set = bytes;
}

void TcpSocket::economize(std::size_t& low_water, Deadline& deadline) const noexcept {
  constexpr std::chrono::seconds kPatienceModest{1};
  if (!accepted || low_water <= kLowWaterModest || receive_memory_plentiful()) return;
  low_water = kLowWaterModest;
  deadline = deadline.tightened(steady_now() + kPatienceModest);
}

TcpStream::~TcpStream() {
  socket_->io->close();
}

Task<Result<Ok>> TcpStream::wait_readable(std::size_t low_water, Deadline deadline) {
  return wait_on(socket_, low_water, deadline);
}

Task<Result<std::size_t>> TcpStream::read(std::vector<MutableBuffer> into, Deadline deadline) {
  return read_from(socket_, std::move(into), deadline);
}

Task<Result<Ok>> TcpStream::write(std::vector<ConstBuffer> from, Deadline deadline) {
  return write_to(socket_, std::move(from), deadline);
}

void TcpStream::cancel_read() noexcept {
  socket_->io->cancel_read();
}

void TcpStream::shutdown_write() noexcept {
  if (socket_->io->fd() >= 0) static_cast<void>(::shutdown(socket_->io->fd(), SHUT_WR));
}

void TcpStream::close() noexcept {
  socket_->io->close();
}

}  // namespace sluice::net
