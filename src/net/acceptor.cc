#include "net/acceptor.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/descriptor.h"
#include "net/steady.h"
#include "net/tcp_stream.h"
#include "net/tls_stream.h"

namespace sluice::net {

struct Acceptor::State {
  State(std::shared_ptr<Descriptor> d, AcceptorOptions o, std::uint16_t bound)
      : io(std::move(d)), options(std::move(o)), port(bound) {}

  const std::shared_ptr<Descriptor> io;
  const AcceptorOptions options;
  const std::uint16_t port;
  std::uint64_t shortages = 0;
};

namespace {

constexpr Duration kPauseMin = std::chrono::milliseconds(50);
constexpr Duration kPauseMax = std::chrono::seconds(1);

// What accept4() reports about the connection and not about us: the next one may be fine.
bool is_of_the_peer(int error) noexcept {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:  // a firewall rule
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

bool is_shortage(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

void set_flag(int fd, int level, int name, int value) noexcept {
  static_cast<void>(::setsockopt(fd, level, name, &value, sizeof value));
}

Result<std::uint16_t> bind_and_listen(int fd, const SocketAddress& address, int backlog,
                                      const std::string& what) {
  set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (address.family() == AF_INET6) set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (::bind(fd, address.data(), address.size()) != 0) {
    return fail(Errc::kUnavailable, "listen on " + what + ": " + errno_text(errno));
  }
  if (::listen(fd, backlog) != 0) {
    return fail(Errc::kUnavailable, "listen on " + what + ": " + errno_text(errno));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    return fail(Errc::kUnavailable, "listen on " + what + ": " + errno_text(errno));
  }
  return SocketAddress(reinterpret_cast<const sockaddr*>(&bound), size).port();
}

// An accepted descriptor → a stream of the listener's kind.
Result<std::unique_ptr<Stream>> make_stream(const Executor& executor, int fd,
                                            const SocketAddress& from,
                                            const std::shared_ptr<TlsServerContext>& tls) {
  SLUICE_TRY(std::shared_ptr<Descriptor> io, Descriptor::adopt(executor, fd));
  auto socket = std::make_shared<TcpSocket>(std::move(io), from.host());
  socket->accepted = true;
  if (!tls) return std::make_unique<TcpStream>(std::move(socket));
  return std::make_unique<TlsStream>(std::move(socket), TlsEngine::server(tls->current()));
}

}  // namespace

Acceptor::Acceptor(std::shared_ptr<State> state) : state_(std::move(state)) {}

Acceptor::~Acceptor() {
  close();
}

Result<std::unique_ptr<Acceptor>> Acceptor::open(Executor executor, AcceptorOptions options) {
  const std::string host = options.host == "localhost" ? "127.0.0.1" : options.host;
  SLUICE_TRY(const SocketAddress address, SocketAddress::parse(host, options.port));
  const std::string what = options.host + " port " + std::to_string(options.port);
  SLUICE_TRY(const int fd, open_socket(address.family()));
  // Accepted sockets inherit all of it; the receive buffer must be set before, since it decides the
  // window scale.
  tune_socket(fd, options.socket);
  const Result<std::uint16_t> port = bind_and_listen(fd, address, options.backlog, what);
  if (!port) {
    ::close(fd);
    return fail(port.error());
  }
  SLUICE_TRY(std::shared_ptr<Descriptor> io, Descriptor::adopt(executor, fd));
  auto state = std::make_shared<State>(std::move(io), std::move(options), *port);
  return std::unique_ptr<Acceptor>(new Acceptor(std::move(state)));
}

std::uint16_t Acceptor::port() const noexcept {
  return state_->port;
}

Task<Result<std::unique_ptr<Stream>>> Acceptor::accept() {
  return accept_on(state_);
}

void Acceptor::close() noexcept {
  state_->io->close();
}

std::uint64_t Acceptor::shortages() const noexcept {
  return state_->shortages;
}

Task<Result<std::unique_ptr<Stream>>> Acceptor::accept_on(std::shared_ptr<State> state) {
  Duration pause = kPauseMin;
  while (true) {
    if (state->io->fd() < 0) co_return fail(Errc::kDisconnected, "listener closed");
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const int fd = ::accept4(state->io->fd(), reinterpret_cast<sockaddr*>(&from), &size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    const int error = fd >= 0 ? 0 : errno;
    if (error == 0) {
      const SocketAddress peer(reinterpret_cast<const sockaddr*>(&from), size);
      auto stream = make_stream(state->io->executor(), fd, peer, state->options.tls);
      if (stream) co_return stream;
      continue;  // the descriptor is closed; its peer will try again
    }
    if (is_of_the_peer(error)) continue;
    if (error == EAGAIN || error == EWOULDBLOCK) {
      const Wake wake = co_await state->io->wait_readable(Deadline::never());
      if (wake != Wake::kReady) co_return fail(Errc::kDisconnected, "listener closed");
      continue;
    }
    if (!is_shortage(error)) co_return fail(Errc::kUnavailable, "accept: " + errno_text(error));
    // A listening socket never becomes writable: a sleep that close() can end.
    ++state->shortages;
    const Deadline until(steady_now() + pause);
    const Wake wake = co_await state->io->wait_writable(until);
    if (wake == Wake::kClosed) co_return fail(Errc::kDisconnected, "listener closed");
    pause = std::min(kPauseMax, pause * 2);
  }
}

}  // namespace sluice::net
