// TcpDialer: outgoing connections. Resolves, tries the addresses in the resolver's order until one
// answers, and does the TLS handshake where the endpoint asks for it. Each address but the last
// gets a fair share of the time that is left, so that one dead address does not use up the
// deadline.
//
// One instance per thread: connections live on its executor. The dialer may be destroyed while
// connect() is running.
#pragma once

#include <memory>

#include "net/socket.h"
#include "net/tls_context.h"
#include "ports/stream.h"

namespace sluice::net {

// Send queues of store connections are bounded: what is in them is upload bytes in memory beyond
// our own budget.
struct DialerOptions {
  SocketOptions socket{.receive_buffer = 0, .send_buffer = 1U << 20, .keep_alive = true};
};

class TcpDialer final : public Dialer {
 public:
  // Without a TLS context endpoints with TLS are refused (kRejected).
  TcpDialer(Executor executor, std::shared_ptr<TlsClientContext> tls, DialerOptions options);

  Task<Result<std::unique_ptr<Stream>>> connect(Endpoint endpoint, Deadline deadline) override;

 private:
  const Executor executor_;
  const std::shared_ptr<TlsClientContext> tls_;
  const DialerOptions options_;
};

}  // namespace sluice::net
