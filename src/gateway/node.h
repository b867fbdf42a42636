// Node: everything that belongs to one thread: its outgoing connections, its instance of the store,
// its upload service, its HTTP server and its listening socket. Threads share only what is
// thread-safe: the block pool, the state database, the registry, log and metrics.
//
// Executor: all methods on the node's thread, construction and destruction before the threads start
// and after they ended.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/block_pool.h"
#include "base/task.h"
#include "base/task_scope.h"
#include "config/options.h"
#include "engine/registry.h"
#include "engine/upload_service.h"
#include "fetch/http_client.h"
#include "http/http_server.h"
#include "http/upload_handler.h"
#include "net/acceptor.h"
#include "net/tls_context.h"
#include "ports/app.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "ports/metrics.h"
#include "ports/object_store.h"
#include "ports/random.h"
#include "ports/state_db.h"

namespace sluice::gateway {

// What all nodes share. Borrowed; outlives them.
struct Shared {
  Clock* clock = nullptr;
  Random* random = nullptr;
  Log* log = nullptr;
  Metrics* metrics = nullptr;
  StateDb* state = nullptr;
  BlockPool* pool = nullptr;
  std::shared_ptr<engine::Registry> registry;
  std::shared_ptr<net::TlsClientContext> outgoing_tls;
  std::shared_ptr<net::TlsServerContext> incoming_tls;  // none: plain HTTP
  std::shared_ptr<std::atomic<std::size_t>> connections;  // open on the public address
};

class Node {
 public:
  // Errors: kInvalidArgument (options), kUnavailable (the directory of a directory store).
  static Result<std::unique_ptr<Node>> make(Executor executor, const Shared& shared,
                                            const config::ProgramOptions& options);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Binds the public address. `port` 0: any free one, see port().
  Result<Ok> listen(std::string host, std::uint16_t port);
  std::uint16_t port() const { return acceptor_->port(); }

  // Accepts and serves until drain().
  void start();
  // No more connections, running requests are ended in a way that makes clients come back, tails
  // are parked.
  Task<void> drain(Deadline deadline);
  // When every node has drained: ends with nothing running on this one.
  Task<void> stop();

  Executor executor() const { return executor_; }
  engine::UploadService* uploads() const { return uploads_.get(); }
  ObjectStore* store() const { return store_.get(); }
  void relieve_pressure() noexcept;

 private:
  class Door;  // http::Uploads over the upload service

  Node(Executor executor, const Shared& shared);
  Task<void> accept_loop();

  const Executor executor_;
  const Shared shared_;
  std::unique_ptr<Dialer> dialer_;
  std::unique_ptr<fetch::HttpClient> client_;
  std::unique_ptr<ObjectStore> store_;
  std::unique_ptr<App> app_;
  std::unique_ptr<engine::UploadService> uploads_;
  std::unique_ptr<Door> door_;
  std::unique_ptr<http::UploadHandler> handler_;
  std::unique_ptr<http::HttpServer> server_;
  std::unique_ptr<net::Acceptor> acceptor_;
  TaskScope tasks_;
};

}  // namespace sluice::gateway
