// Connection: HTTP/1.1 on one accepted stream, one request after the other.
//
//   wait (nothing held) ─► head ─► handler ─► answer ─► rest of the body ─► wait …
//
// A head that cannot be understood is answered with a problem and ends the connection: nothing
// behind it can be trusted. Bytes behind a body stay for the next request (pipelining).
//
// A body that the handler left unread (ecosystem digest 3.3 no. 3 and 4; ruling 12):
//   success      a bounded rest is read first, because browsers throw an early success away
//   refusal      answered at once; a small rest is then read and the connection kept, else it is
//                half-closed and some of the rest thrown away, so that the client sees the answer
//                instead of a reset
//
// Executor: the stream's, for every call. Errors: none; whatever happens ends in the log.
// Cancellation: serve() ends with system_error(operation_aborted) and the stream is closed.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/block_pool.h"
#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "core/problem.h"
#include "http/answer.h"
#include "http/handler.h"
#include "http/options.h"
#include "http/request.h"
#include "http/request_body.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "ports/metrics.h"
#include "ports/random.h"
#include "ports/stream.h"

namespace sluice::http {

class Connection {
 public:
  // Borrowed; all outlive the connection.
  struct Services {
    Executor executor;
    Clock* clock = nullptr;
    Random* random = nullptr;
    Log* log = nullptr;
    Metrics* metrics = nullptr;
    BlockPool* pool = nullptr;  // may be missing where the handler reads no bodies
    Handler* handler = nullptr;
  };

  Connection(Services services, const HttpOptions* options, std::unique_ptr<Stream> stream);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Serves requests until one side has enough, then closes the stream.
  Task<void> serve();

  // From now on every answer says Connection: close; an idle connection ends at once.
  void stop() noexcept;

 private:
  struct Ended {};  // nobody to answer
  using Next = std::variant<Ended, core::Problem, std::shared_ptr<const Request>>;

  Task<Next> next_request();
  Task<bool> exchange(std::shared_ptr<const Request> request);
  Task<void> refuse(core::Problem problem);
  Task<bool> send(const Answer* answer, const Request* request, std::string id, bool keep);
  Task<void> linger();
  Next judge(const Error& error) const;
  void report(const Answer& answer, const Request* request, const std::string& id, Instant began,
              ByteCount received, bool answered) const;

  // Constant after construction.
  const Services services_;
  const HttpOptions* const options_;
  const std::unique_ptr<Stream> stream_;

  // On the executor.
  std::string received_;         // the head being received, or what came behind the last request
  RequestBody* body_ = nullptr;  // of the running request
  bool idle_ = false;
  bool stopping_ = false;
  bool first_ = true;  // no request yet
};

}  // namespace sluice::http
