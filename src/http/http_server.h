// HttpServer: the connections of one listener on one thread. Streams are handed to it; it serves,
// counts and, at the end, drains them. No sockets here.
//
// Executor: the one given, for every call.
// Lifetime: drain() has ended before the server is destroyed.
#pragma once

#include <atomic>
#include <cstddef>
#include <list>
#include <memory>

#include "base/task.h"
#include "base/task_scope.h"
#include "base/time.h"
#include "http/connection.h"
#include "http/options.h"
#include "ports/stream.h"

namespace sluice::http {

class HttpServer {
 public:
  // `options.connections_max` holds for all servers that share `open` together. None: for this one.
  HttpServer(Connection::Services services, HttpOptions options,
             std::shared_ptr<std::atomic<std::size_t>> open = nullptr);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Serves the stream in the background. Over the limit it is answered 503 and closed.
  void serve(std::unique_ptr<Stream> stream);

  // Idle connections end now, the others behind their next answer; streams that are still handed
  // over are closed.
  void stop() noexcept;

  // stop(), then waits until every connection has ended; at the deadline what is left is cancelled.
  // Ends with no connection left.
  Task<void> drain(Deadline deadline);

  std::size_t connections() const noexcept { return live_->connections.size(); }

 private:
  // Outlives the server in posted handlers.
  struct Live {
    std::list<Connection*> connections;  // on the executor
    std::shared_ptr<std::atomic<std::size_t>> open;  // of all servers that count together
  };
  class Listed;

  Task<void> run(std::unique_ptr<Listed> listed);
  Task<void> turn_away(std::unique_ptr<Stream> stream);
  Task<void> cancel_at(Deadline deadline);

  const Connection::Services services_;
  const HttpOptions options_;
  const std::shared_ptr<Live> live_;
  TaskScope scope_;
  bool stopping_ = false;
  std::size_t turning_away_ = 0;
};

}  // namespace sluice::http
