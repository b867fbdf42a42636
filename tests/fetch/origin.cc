#include "tests/fetch/origin.h"

#include <gtest/gtest.h>

namespace sluice::testing {

namespace {

void rethrow(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

}  // namespace

Task<bool> Peer::more(std::shared_ptr<Peer> self) {
  std::vector<std::byte> buffer(64U << 10);
  std::vector<MutableBuffer> into(1);
  into[0].data = buffer.data();
  into[0].size = buffer.size();
  const auto n = co_await self->stream->read(std::move(into), in(std::chrono::seconds(60)));
  if (!n || *n == 0) co_return false;
  self->received.append(reinterpret_cast<const char*>(buffer.data()), *n);
  co_return true;
}

Task<std::string> Peer::head(std::shared_ptr<Peer> self) {
  while (true) {
    const std::size_t end = self->received.find("\r\n\r\n");
    if (end != std::string::npos) {
      std::string head = self->received.substr(0, end + 4);
      self->received.erase(0, end + 4);
      co_return head;
    }
    const bool got = co_await more(self);
    if (!got) co_return std::string();
  }
}

Task<std::string> Peer::body(std::shared_ptr<Peer> self, std::size_t n) {
  while (self->received.size() < n) {
    const bool got = co_await more(self);
    if (!got) break;
  }
  std::string body = self->received.substr(0, n);
  self->received.erase(0, body.size());
  co_return body;
}

Task<void> Peer::say(std::shared_ptr<Peer> self, std::string text) {
  std::vector<ConstBuffer> from(1);
  from[0].data = reinterpret_cast<const std::byte*>(text.data());
  from[0].size = text.size();
  // The client may have left: what it saw is judged on its side.
  static_cast<void>(co_await self->stream->write(std::move(from), in(std::chrono::seconds(60))));
}

Task<bool> Peer::sees_end(std::shared_ptr<Peer> self) {
  while (true) {
    const bool got = co_await more(self);
    if (!got) co_return true;
  }
}

Origin::Origin(boost::asio::io_context* loop, std::shared_ptr<net::TlsServerContext> tls)
    : loop_(loop), tls_(tls != nullptr) {
  net::AcceptorOptions options;
  options.tls = std::move(tls);
  acceptor_ = net::Acceptor::open(loop->get_executor(), options).value();
  boost::asio::co_spawn(*loop_, serve(this), rethrow);
}

Task<void> Origin::serve(Origin* self) {
  while (true) {
    auto stream = co_await self->acceptor_->accept();
    if (!stream) co_return;
    ++self->connections_;
    if (self->scripts_.empty()) {
      ADD_FAILURE() << "a connection nobody expected";
      continue;
    }
    const auto peer = std::make_shared<Peer>(std::move(*stream));
    const Script script = std::move(self->scripts_.front());
    self->scripts_.pop_front();
    boost::asio::co_spawn(*self->loop_, script(peer), rethrow);
  }
}

}  // namespace sluice::testing
