// For tests only: two connected streams on loopback.
#pragma once

#include <memory>
#include <utility>

#include "net/acceptor.h"
#include "net/tcp_dialer.h"
#include "net/test_support.h"

namespace sluice::net::testing {

struct Pair {
  Pair(std::unique_ptr<Stream> c, std::unique_ptr<Stream> s)
      : client(std::move(c)), server(std::move(s)) {}
  std::unique_ptr<Stream> client;
  std::unique_ptr<Stream> server;
};

// Plain, or with TLS if both contexts are given.
class World {
 public:
  explicit World(std::shared_ptr<TlsServerContext> server = nullptr,
                 std::shared_ptr<TlsClientContext> client = nullptr)
      : server_tls(std::move(server)), client_tls(std::move(client)) {
    AcceptorOptions options;
    options.tls = server_tls;
    acceptor = Acceptor::open(loop.get_executor(), options).value();
    dialer = std::make_unique<TcpDialer>(loop.get_executor(), client_tls, DialerOptions());
  }

  Endpoint endpoint(std::string host = "127.0.0.1") const {
    return Endpoint(std::move(host), acceptor->port(), client_tls != nullptr);
  }

  // The server's side of a TLS handshake needs somebody to drive it: a writer of one greeting byte.
  Pair connect() {
    std::unique_ptr<Stream> server;
    boost::asio::co_spawn(loop, accept_one(&server), rethrow);
    auto client = run(loop, dial(dialer.get(), endpoint()));
    EXPECT_TRUE(client) << client.error().detail();
    until([&] { return server != nullptr; });
    return Pair(std::move(*client), std::move(server));
  }

  // Runs the loop until it is so.
  template <class Condition>
  void until(Condition condition, Duration limit = 30s) {
    const Instant end = steady_now() + limit;
    while (!condition()) {
      ASSERT_LT(steady_now(), end);
      loop.restart();
      loop.run_one_for(10ms);
    }
  }

  // Runs what can run now: afterwards every task waits for something.
  void settle() {
    loop.restart();
    while (loop.poll() > 0) {
    }
  }

  // Runs a task in the background.
  void start(Task<void> task) { boost::asio::co_spawn(loop, std::move(task), rethrow); }

  static void rethrow(const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  }
  static Task<Result<std::unique_ptr<Stream>>> dial(Dialer* dialer, Endpoint endpoint) {
    co_return co_await dialer->connect(endpoint, in(10s));
  }

  boost::asio::io_context loop{1};
  std::shared_ptr<TlsServerContext> server_tls;
  std::shared_ptr<TlsClientContext> client_tls;
  std::unique_ptr<Acceptor> acceptor;
  std::unique_ptr<Dialer> dialer;

 private:
  Task<void> accept_one(std::unique_ptr<Stream>* out) {
    auto accepted = co_await acceptor->accept();
    EXPECT_TRUE(accepted);
    if (server_tls) {
      const auto greeted = co_await write_text(accepted->get(), "!", in(10s));
      EXPECT_TRUE(greeted);
    }
    *out = std::move(*accepted);
  }
};

}  // namespace sluice::net::testing
