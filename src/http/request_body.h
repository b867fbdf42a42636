// RequestBody: the body of one HTTP/1.1 request, pulled straight from the connection's stream into
// blocks of the pool. Content-Length and chunked bodies alike; of a chunked body the framing is
// skipped where it lies (small chunks are pushed together inside their block, everything else
// stays where the system call put it).
//
// Memory: nothing is held while the client is silent except the unfilled rest of the last block,
// which let_go() gives up.
//
// Executor: the connection's; interrupt() may come from any thread. Cancellation: as Stream's.
// Source: limits digest sections 1, 3 and 11; ecosystem digest 3.3 no. 3.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/block_pool.h"
#include "base/bytes.h"
#include "base/result.h"
#include "base/signal.h"
#include "base/task.h"
#include "base/time.h"
#include "base/units.h"
#include "http/body.h"
#include "http/options.h"
#include "ports/clock.h"
#include "ports/metrics.h"
#include "ports/stream.h"
#include "wire/http1.h"
#include "wire/http_message.h"

namespace sluice::http {

class RequestBody final : public Body {
 public:
  // Borrowed; all outlive the body.
  struct Services {
    Executor executor;
    Stream* stream = nullptr;
    BlockPool* pool = nullptr;  // may be missing where no handler reads bodies
    Clock* clock = nullptr;
    Metrics* metrics = nullptr;
    const HttpOptions* options = nullptr;
  };

  // `early`: what was received behind the head.
  RequestBody(Services services, const wire::RequestHead& head, std::string early);
  ~RequestBody() override;
  RequestBody(const RequestBody&) = delete;
  RequestBody& operator=(const RequestBody&) = delete;

  // --- for the engine. Precondition of read(): max > 0.
  Task<Result<Bytes>> read(ByteCount max) override;
  void interrupt() noexcept override;
  void durable(ByteOffset end) noexcept override;

  // --- for the handler
  void hint(Hints hints) override;

  // --- for the connection

  // The whole body has been taken from the stream.
  bool finished() const noexcept { return finished_; }
  // The stream or the framing broke: nothing behind can be read.
  bool failed() const noexcept { return failure_.has_value(); }
  // The client waits for 100 Continue and never got it: whether a body follows is unknown.
  bool awaits_continue() const noexcept { return continue_due_; }
  // Bytes still to come; nullopt: only the client knows.
  std::optional<ByteCount> rest() const noexcept;
  // Body bytes received so far, drained ones included.
  ByteCount received() const noexcept { return received_; }

  // Reads and throws away up to `bytes_max` bytes until the body is finished. True if it is. Reads
  // nothing if the rest is known to be longer. Works after interrupt().
  Task<bool> drain(std::size_t bytes_max, Deadline deadline);

  // Bytes received behind the end of the body: the beginning of the next request. Precondition:
  // finished().
  std::string take_behind();

  // Gives back the unfilled rest of the last block, for times when memory is short: a slow client
  // would hold it until its next byte.
  void let_go() noexcept override;

 private:
  // A part of a block, to be filled or filled.
  struct Region {
    BlockRef block;
    std::uint32_t offset;
    std::uint32_t size;
  };
  // What interrupt() touches from other threads; outlives the body in posted handlers.
  struct Interrupt {
    std::atomic<bool> asked{false};
    Signal room;                // wakes the wait for blocks
    Stream* reading = nullptr;  // on the executor only: set while the stream is waited for
    RequestBody* body = nullptr;  // on the executor only: while it lives
  };
  // While it lives, interrupt() cancels what the stream is waiting for.
  class Interruptible;

  Task<Result<std::vector<Region>>> fill(std::size_t want);
  Task<Result<Ok>> say_interim();
  std::string progress_due();
  Task<Result<Ok>> wait_readable(std::size_t want);
  void judge_pace(std::size_t got, Duration waited) noexcept;
  std::size_t batch() noexcept;
  Task<Result<std::vector<Region>>> make_room(std::size_t want);
  Task<Result<std::size_t>> receive(std::vector<MutableBuffer> into, Deadline deadline);

  void accept(const std::vector<Region>& filled, Bytes* out);
  void accept_chunked(const std::vector<Region>& filled, Bytes* out);
  void swallow_early();
  void count(std::size_t bytes);
  void finish() noexcept;

  // Constant after construction.
  const Services services_;
  const bool chunked_;
  const std::shared_ptr<Interrupt> interrupt_;
  std::atomic<std::uint64_t> durable_{0};  // any thread

  // On the executor.
  std::string early_;  // received, not yet looked at; behind the end: the next request
  bool continue_due_;
  Hints hints_;
  std::uint64_t told_ = 0;  // the last durable offset that the client was told
  Instant hinted_at_{};     // when hint() was called
  Instant told_at_{};
  bool finished_ = false;
  std::optional<Error> failure_;
  std::uint64_t left_;  // of a Content-Length body
  wire::ChunkedDecoder decoder_;
  std::size_t batch_;  // bytes asked of one receive call; adapts
  Instant received_at_;  // when the last receive call ended
  Duration patience_;  // how long a wait for more than the first byte may last; adapts
  BlockRef tail_;      // block with an unfilled rest
  std::uint32_t tail_used_ = 0;
  ByteCount received_;
  ByteCount unreported_;
};

}  // namespace sluice::http
