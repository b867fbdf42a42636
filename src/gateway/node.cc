#include "gateway/node.h"

#include <utility>

#include "gateway/store_factory.h"
#include "hooks/app_factory.h"
#include "net/tcp_dialer.h"

namespace sluice::gateway {

class Node::Door final : public http::Uploads {
 public:
  explicit Door(engine::UploadService* service) : service_(service) {}
  Task<core::Outcome> execute(core::Command command, core::Grant grant,
                              engine::BodySource* body) override {
    return service_->execute(std::move(command), std::move(grant), body);
  }

 private:
  engine::UploadService* const service_;
};

Node::Node(Executor executor, const Shared& shared)
    : executor_(executor), shared_(shared), tasks_(executor) {}

Node::~Node() = default;

Result<std::unique_ptr<Node>> Node::make(Executor executor, const Shared& shared,
                                         const config::ProgramOptions& options) {
  std::unique_ptr<Node> node(new Node(executor, shared));
  node->dialer_ =
      std::make_unique<net::TcpDialer>(executor, shared.outgoing_tls, net::DialerOptions());
  fetch::ClientOptions client;
  if (const auto* s3 = std::get_if<stores::S3Options>(&options.store)) {
    client.connections_max = s3->connections_max;
    client.connect_time = s3->connect_timeout;
  }
  node->client_ =
      std::make_unique<fetch::HttpClient>(executor, shared.clock, node->dialer_.get(), client);

  StoreParts parts;
  parts.client = node->client_.get();
  parts.clock = shared.clock;
  parts.random = shared.random;
  parts.log = shared.log;
  parts.metrics = shared.metrics;
  SLUICE_TRY(node->store_, open_store(options, parts));
  SLUICE_TRY(node->app_, hooks::make_app(options.auth, node->client_.get(), shared.clock,
                                         shared.metrics, shared.log));

  engine::Services services;
  services.executor = executor;
  services.clock = shared.clock;
  services.random = shared.random;
  services.log = shared.log;
  services.metrics = shared.metrics;
  services.state = shared.state;
  services.store = node->store_.get();
  services.pool = shared.pool;
  node->uploads_ =
      std::make_unique<engine::UploadService>(services, options.engine, shared.registry);
  node->door_ = std::make_unique<Door>(node->uploads_.get());

  http::UploadHandler::Services handler;
  handler.clock = shared.clock;
  handler.random = shared.random;
  handler.log = shared.log;
  handler.app = node->app_.get();
  handler.uploads = node->door_.get();
  node->handler_ = std::make_unique<http::UploadHandler>(handler, options.http, options.engine.size_max);

  http::Connection::Services connection;
  connection.executor = executor;
  connection.clock = shared.clock;
  connection.random = shared.random;
  connection.log = shared.log;
  connection.metrics = shared.metrics;
  connection.pool = shared.pool;
  connection.handler = node->handler_.get();
  node->server_ =
      std::make_unique<http::HttpServer>(connection, options.http, shared.connections);
  return node;
}

Result<Ok> Node::listen(std::string host, std::uint16_t port) {
  net::AcceptorOptions options;
  options.host = std::move(host);
  options.port = port;
  options.tls = shared_.incoming_tls;
  SLUICE_TRY(acceptor_, net::Acceptor::open(executor_, std::move(options)));
  return Ok{};
}

void Node::start() { tasks_.spawn(accept_loop()); }

Task<void> Node::accept_loop() {
  while (true) {
    Result<std::unique_ptr<Stream>> stream = co_await acceptor_->accept();
    if (!stream) {
      if (stream.error().code() == Errc::kDisconnected) co_return;
      shared_.log->warn("a connection was not accepted", {{"error", stream.error().detail()}});
      continue;
    }
    server_->serve(std::move(*stream));
  }
}

Task<void> Node::drain(Deadline deadline) {
  if (acceptor_) acceptor_->close();  // a sweep listens to nobody
  server_->stop();
  co_await uploads_->drain(deadline);
  co_await server_->drain(Deadline::never());  // what was executing has been ended by the engine
}

Task<void> Node::stop() {
  co_await uploads_->stop();
  tasks_.cancel();
  co_await tasks_.join();
}

void Node::relieve_pressure() noexcept {
  uploads_->relieve_pressure();
}

}  // namespace sluice::gateway
