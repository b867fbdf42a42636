// Stream, Dialer: byte connections. Real: net/ (TCP and TLS on Asio). Simulated: paired queues.
//
// Contract:
//   - One reader and one writer at a time; reading and writing may overlap.
//   - Buffers given to read() and write() stay valid until the task has ended; the caller owns them.
//   - Deadline: an operation that cannot end in time fails with kTimedOut. Resolution about 100 ms.
//     After a write that timed out the stream may only be closed. After a wait_readable() or read()
//     that timed out nothing has been taken from the stream and it stays usable: a server must
//     still be able to answer 408.
//   - FIN and RST are data: read() answers 0 at an orderly end, kDisconnected after a reset.
//   - Executor: all calls and resumptions on the executor the stream was made with.
//   - Cancellation: a cancelled operation ends with system_error(operation_aborted).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "base/time.h"

namespace sluice {

struct MutableBuffer {
  std::byte* data = nullptr;
  std::size_t size = 0;
};
struct ConstBuffer {
  const std::byte* data = nullptr;
  std::size_t size = 0;
};

class Stream {
 public:
  virtual ~Stream() = default;  // closes

  // Suspends without holding memory until read() would not block: at least `low_water` bytes are
  // there, or the end, or an error. low_water >= 1; an implementation may wake up early.
  virtual Task<Result<Ok>> wait_readable(std::size_t low_water, Deadline deadline) = 0;

  // Reads what is there into the buffers, in order; suspends only if nothing is. Answers the number
  // of bytes, 0 only at the orderly end. The largest possible batch in one system call.
  virtual Task<Result<std::size_t>> read(std::vector<MutableBuffer> into, Deadline deadline) = 0;

  // Writes everything. An error tells nothing about how much arrived.
  virtual Task<Result<Ok>> write(std::vector<ConstBuffer> from, Deadline deadline) = 0;

  // The pending wait_readable() or read() ends with kCancelled; the stream stays usable. A later
  // read works again. On the stream's executor.
  virtual void cancel_read() noexcept = 0;
  // Half-close: no more writes from us; the peer sees the end, we may go on reading.
  virtual void shutdown_write() noexcept = 0;
  // Ends both directions now. Pending operations fail with kDisconnected.
  virtual void close() noexcept = 0;

  // Address of the peer for logs and X-Forwarded-For, "192.0.2.7" or "2001:db8::1".
  virtual const std::string& peer() const noexcept = 0;
  virtual bool encrypted() const noexcept = 0;
};

struct Endpoint {
  Endpoint(std::string h, std::uint16_t p, bool t) : host(std::move(h)), port(p), tls(t) {}
  std::string host;  // name or address literal (without brackets)
  std::uint16_t port;
  bool tls;          // verify the certificate against `host`
  auto operator<=>(const Endpoint&) const = default;
};

class Dialer {
 public:
  virtual ~Dialer() = default;
  // Resolves, connects (all addresses in turn), and does the TLS handshake.
  // Errors: kUnavailable (refused, unreachable, unknown name), kTimedOut, kRejected (certificate).
  virtual Task<Result<std::unique_ptr<Stream>>> connect(Endpoint endpoint, Deadline deadline) = 0;
};

}  // namespace sluice
