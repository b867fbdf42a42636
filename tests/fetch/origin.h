// An HTTP server under the control of a test, on a real loopback socket, on the test's own loop: it
// plays one script after the other, one for each connection.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/acceptor.h"
#include "net/test_support.h"

namespace sluice::testing {

using net::testing::in;

// One connection, seen from the server.
class Peer {
 public:
  explicit Peer(std::unique_ptr<Stream> s) : stream(std::move(s)) {}

  std::unique_ptr<Stream> stream;
  std::string received;  // and not yet taken

  // Everything up to and including the empty line; "" when the client left.
  static Task<std::string> head(std::shared_ptr<Peer> self);
  // Exactly n bytes, fewer when the client left.
  static Task<std::string> body(std::shared_ptr<Peer> self, std::size_t n);
  static Task<void> say(std::shared_ptr<Peer> self, std::string text);
  // True when the client closed or reset its side; waits for it.
  static Task<bool> sees_end(std::shared_ptr<Peer> self);

 private:
  static Task<bool> more(std::shared_ptr<Peer> self);
};

using Script = std::function<Task<void>(std::shared_ptr<Peer>)>;

class Origin {
 public:
  explicit Origin(boost::asio::io_context* loop,
                  std::shared_ptr<net::TlsServerContext> tls = nullptr);

  Endpoint endpoint() const { return Endpoint("127.0.0.1", acceptor_->port(), tls_); }
  // What the next connection without a script will do. Connections beyond the last are failures.
  void script(Script script) { scripts_.push_back(std::move(script)); }
  std::size_t connections() const noexcept { return connections_; }
  void close() { acceptor_->close(); }

 private:
  static Task<void> serve(Origin* self);

  boost::asio::io_context* const loop_;
  const bool tls_;
  std::unique_ptr<net::Acceptor> acceptor_;
  std::deque<Script> scripts_;
  std::size_t connections_ = 0;
};

}  // namespace sluice::testing
