// Acceptor: incoming connections. Each thread has an acceptor of its own on the same port
// (SO_REUSEPORT): the kernel spreads connections, and a connection never changes its thread.
//
// With TLS the handshake is not done here, where a slow client would hold up the others, but by the
// first operation on the stream, within that operation's deadline.
//
// When the process runs out of descriptors or memory, accepting pauses and tries again, up to once
// a second: never a busy loop, never an end.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/task.h"
#include "net/socket.h"
#include "net/tls_context.h"
#include "ports/stream.h"

namespace sluice::net {

struct AcceptorOptions {
  std::string host = "127.0.0.1";  // address literal or "localhost"
  std::uint16_t port = 0;          // 0: any free one, see port()
  int backlog = 4096;              // the kernel cuts it to net.core.somaxconn
  // Receive queues of stalled uploads are bounded (limits.md 3).
  SocketOptions socket{.receive_buffer = 1U << 20, .send_buffer = 0, .keep_alive = true};
  std::shared_ptr<TlsServerContext> tls;  // none: plain
};

class Acceptor {
 public:
  // Binds and listens. Errors: kInvalidArgument (host), kUnavailable (port taken, no permission).
  static Result<std::unique_ptr<Acceptor>> open(Executor executor, AcceptorOptions options);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  std::uint16_t port() const noexcept;

  // The next connection; its stream lives on the acceptor's executor. One call at a time.
  // Errors: kDisconnected after close(). Cancellation: operation_aborted; no connection is lost.
  Task<Result<std::unique_ptr<Stream>>> accept();

  // Stops listening; the pending accept() ends. Connections that wait in the queue are refused.
  void close() noexcept;

  // How often accepting had to pause because descriptors or memory were short.
  std::uint64_t shortages() const noexcept;

 private:
  struct State;  // what a pending accept() holds on to
  explicit Acceptor(std::shared_ptr<State> state);
  static Task<Result<std::unique_ptr<Stream>>> accept_on(std::shared_ptr<State> state);
  const std::shared_ptr<State> state_;
};

}  // namespace sluice::net
