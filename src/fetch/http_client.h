// HttpClient: the one outgoing HTTP/1.1 client (store, authorization, credentials). A pool of
// kept-alive connections per endpoint over a Dialer.
//
// One instance per thread; all calls on its executor; it outlives them. Redirects are never
// followed. Proxies are not used. Nothing is logged here, so no secret can leak from here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "base/units.h"
#include "ports/clock.h"
#include "ports/stream.h"
#include "wire/http_message.h"

namespace sluice::fetch {

// A request body that is produced while it is sent. The client pulls; produced bytes may be dropped
// by the producer as soon as the next() after them is called.
class BodyProducer {
 public:
  virtual ~BodyProducer() = default;
  // The next bytes, never empty before the announced length has been delivered. Cancelled when the
  // answer comes early; send() then waits for its end. Its error breaks the request and becomes
  // the error of send(): a request cut short has no effect.
  virtual Task<Result<Bytes>> next() = 0;
};

struct Request {
  Request(Endpoint e, std::string m, std::string t)
      : endpoint(std::move(e)), method(std::move(m)), target(std::move(t)) {}
  Endpoint endpoint;
  std::string method;
  std::string target;     // origin-form, already encoded
  wire::Headers headers;  // Host is added if absent; Content-Length is added if there is a body, or
                          // for PUT and POST
  Bytes body;             // resident body, or
  std::shared_ptr<BodyProducer> producer;  // a produced one of producer_length bytes
  ByteCount producer_length;
  // The request may be sent a second time if a reused connection turns out to be closed before any
  // byte of an answer came. False for requests that must not run twice.
  bool resend_safe = true;
  bool expect_continue = false;  // wait up to 1 s for 100 Continue before the body
};

// A response whose body is read by the caller. Destroying it unread closes the connection; read to
// the end it goes back to the pool.
class Response {
 public:
  virtual ~Response() = default;
  virtual int status() const noexcept = 0;
  virtual const wire::Headers& headers() const noexcept = 0;
  // 0 at the end of the body. kOutcomeUnknown when the connection broke in the middle.
  virtual Task<Result<std::size_t>> read(MutableBuffer into, Deadline deadline) = 0;
};

// A response with its whole body.
struct FullResponse {
  FullResponse() = default;
  int status = 0;
  wire::Headers headers;
  std::string body;
};

struct ClientOptions {
  std::uint32_t connections_max = 64;  // per endpoint; further requests wait
  std::uint32_t idle_max = 32;         // kept-alive connections per endpoint
  Duration idle_time = std::chrono::seconds(50);
  Duration connect_time = std::chrono::seconds(5);
};

class HttpClient {
 public:
  HttpClient(Executor executor, Clock* clock, Dialer* dialer, ClientOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Sends the request and answers when the final response head is there (1xx are skipped).
  // An answer that comes before the body was sent ends the sending and closes the connection after
  // the response was read.
  // Errors: kUnavailable, kTimedOut, kRejected: nothing was sent (connect failed, certificate).
  // kOutcomeUnknown: the request was sent, at least in part, and no whole answer came.
  // `fresh`: use a new connection (after a failure).
  Task<Result<std::unique_ptr<Response>>> send(Request request, Deadline deadline,
                                               bool fresh = false);

  // send() and read the body, at most `body_max` bytes (kTooLarge beyond).
  Task<Result<FullResponse>> fetch(Request request, std::size_t body_max, Deadline deadline,
                                   bool fresh = false);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::fetch
