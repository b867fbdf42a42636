// One request and the head of its answer, on one connection.
//
// Large and produced bodies are written by a task of their own while the head of the answer is
// already being read: stores refuse early, without reading the body, and then close.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "fetch/connection_pool.h"
#include "fetch/http_client.h"
#include "wire/http1.h"

namespace sluice::fetch {

// A request as it goes out; shared by its attempts. Immutable, except what the producer does.
struct Outgoing {
  Outgoing(Request r, std::string h) : request(std::move(r)), head(std::move(h)) {}
  const Request request;
  const std::string head;
};

// What one attempt knows. Held by the tasks that work on it.
class Exchange {
 public:
  Exchange(std::unique_ptr<Connection> connection, std::shared_ptr<const Outgoing> outgoing);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Sends and reads up to the head of the final answer. The pool outlives the call; once only.
  // Errors: those of the stream; kInvalidArgument and kTooLarge: the answer is not HTTP as we read
  // it; the producer's own error, with producer_failed().
  static Task<Result<wire::ParsedResponse>> run(std::shared_ptr<Exchange> self, Executor executor,
                                                Clock* clock, ConnectionPool* pool,
                                                Deadline deadline);

  // Some byte of an answer has come.
  bool answered() const noexcept { return answered_; }
  // The producer was asked for bytes: it cannot be asked for them again.
  bool producer_started() const noexcept { return producer_started_; }
  bool producer_failed() const noexcept { return producer_error_.has_value(); }
  // The request has been sent completely.
  bool sent() const noexcept { return sent_; }

  // After a success: the connection, and what was received behind the head.
  std::unique_ptr<Connection> release() { return std::move(connection_); }
  std::string take_input() { return std::move(input_); }

 private:
  struct Writer;  // the background writer's handle
  using Self = std::shared_ptr<Exchange>;

  static Task<Result<wire::ParsedResponse>> read_head(Self self, Deadline deadline);
  static Task<Result<wire::ParsedResponse>> read_final_head(Self self, Deadline deadline);
  static Task<Result<Ok>> send_head(Self self, Deadline deadline);
  static Task<Result<Ok>> send_body(Self self, bool with_head, Deadline deadline);
  static Task<Result<Ok>> send_produced(Self self, bool with_head, Deadline deadline);
  static Task<void> write_in_background(Self self, bool with_head, Deadline deadline);
  static Task<Result<wire::ParsedResponse>> send_and_read(Self self, Executor executor,
                                                          ConnectionPool* pool, bool with_head,
                                                          Deadline deadline);
  Stream* stream() const noexcept { return connection_->stream(); }

  const std::shared_ptr<const Outgoing> outgoing_;
  std::unique_ptr<Connection> connection_;
  std::string input_;  // received, not yet consumed
  bool answered_ = false;
  bool sent_ = false;
  bool producer_started_ = false;
  std::optional<Error> producer_error_;
  std::unique_ptr<Writer> writer_;
};

}  // namespace sluice::fetch
