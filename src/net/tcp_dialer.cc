#include "net/tcp_dialer.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include "net/resolve.h"
#include "net/steady.h"
#include "net/tcp_stream.h"
#include "net/tls_stream.h"

namespace sluice::net {

namespace {

using SocketPtr = std::shared_ptr<TcpSocket>;
using StreamPtr = std::unique_ptr<Stream>;

// Closes a socket that was not handed out.
class Closer {
 public:
  explicit Closer(SocketPtr socket) : socket_(std::move(socket)) {}
  ~Closer() {
    if (socket_) socket_->io->close();
  }
  Closer(const Closer&) = delete;
  Closer& operator=(const Closer&) = delete;
  SocketPtr release() { return std::exchange(socket_, nullptr); }

 private:
  SocketPtr socket_;
};

int pending_error(int fd) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

Error connect_failure(const std::string& what, int error) {
  return Error(Errc::kUnavailable, "connect to " + what + ": " + errno_text(error));
}

Task<Result<SocketPtr>> connect_to(Executor executor, SocketAddress address, SocketOptions options,
                                   Deadline deadline) {
  SLUICE_CO_TRY(const int fd, open_socket(address.family()));
  tune_socket(fd, options);
  SLUICE_CO_TRY(std::shared_ptr<Descriptor> io, Descriptor::adopt(executor, fd));
  const std::string what = address.host() + " port " + std::to_string(address.port());
  Closer closer(std::make_shared<TcpSocket>(io, address.host()));
  int status = 0;
  do {
    status = ::connect(fd, address.data(), address.size());
  } while (status != 0 && errno == EINTR);
  if (status != 0) {
    if (errno != EINPROGRESS) co_return fail(connect_failure(what, errno));
    const Wake wake = co_await io->wait_writable(deadline);
    if (wake == Wake::kTimedOut) co_return fail(Errc::kTimedOut, "connect to " + what);
    if (wake != Wake::kReady) co_return fail(wake_error(wake));
    const int error = pending_error(fd);
    if (error != 0) co_return fail(connect_failure(what, error));
  }
  co_return closer.release();
}

// The time one address gets when `count` of them share what is left.
Deadline share_of(Deadline deadline, std::size_t count) {
  if (count <= 1) return deadline;
  const Instant now = steady_now();
  if (deadline.is_never()) return Deadline(now + std::chrono::seconds(10));
  const Duration left = std::max(deadline.at() - now, Duration::zero());
  return deadline.tightened(now + left / static_cast<Duration::rep>(count));
}

Task<Result<SocketPtr>> connect_any(Executor executor, std::vector<SocketAddress> addresses,
                                    SocketOptions options, Deadline deadline) {
  Error last(Errc::kUnavailable, "no address");
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const Deadline share = share_of(deadline, addresses.size() - i);
    auto connected = co_await connect_to(executor, addresses[i], options, share);
    if (connected) co_return std::move(*connected);
    last = std::move(connected).error();
  }
  co_return fail(std::move(last));
}

// Nothing of a request was sent yet, whatever broke the handshake.
Error handshake_failure(const Error& error, const std::string& host) {
  const Errc code = error.code() == Errc::kRejected || error.code() == Errc::kTimedOut
                        ? error.code()
                        : Errc::kUnavailable;
  return Error(code, "TLS handshake with " + host + ": " + error.detail());
}

Task<Result<StreamPtr>> dial(Executor executor, std::shared_ptr<TlsClientContext> tls,
                             DialerOptions options, Endpoint endpoint, Deadline deadline) {
  if (endpoint.tls && !tls) co_return fail(Errc::kRejected, "TLS is not set up");
  auto addresses = co_await resolve(executor, endpoint.host, endpoint.port, deadline);
  if (!addresses) co_return fail(std::move(addresses).error());
  auto socket = co_await connect_any(executor, std::move(*addresses), options.socket, deadline);
  if (!socket) co_return fail(std::move(socket).error());
  if (!endpoint.tls) co_return std::make_unique<TcpStream>(std::move(*socket));

  auto engine = TlsEngine::client(tls->get(), endpoint.host);
  if (!engine) {
    (*socket)->io->close();
    co_return fail(Errc::kRejected, engine.error().detail());
  }
  auto stream = std::make_unique<TlsStream>(std::move(*socket), std::move(*engine));
  auto shaken = co_await stream->handshake(deadline);
  if (!shaken) co_return fail(handshake_failure(shaken.error(), endpoint.host));
  co_return std::move(stream);
}

}  // namespace

TcpDialer::TcpDialer(Executor executor, std::shared_ptr<TlsClientContext> tls,
                     DialerOptions options)
    : executor_(std::move(executor)), tls_(std::move(tls)), options_(options) {}

Task<Result<StreamPtr>> TcpDialer::connect(Endpoint endpoint, Deadline deadline) {
  return dial(executor_, tls_, options_, std::move(endpoint), deadline);
}

}  // namespace sluice::net
