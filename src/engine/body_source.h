// BodySource: the body of one request, pulled by the engine. Implemented by http/ over a
// connection; by tests over memory.
//
// Pulling is the back-pressure: what is not asked for stays in the client's socket (G8).
// Executor: the connection's. Exactly one read() at a time.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"
#include "base/units.h"

namespace sluice::engine {

class BodySource {
 public:
  virtual ~BodySource() = default;

  // The next bytes, at most `max` and as many as are there in one batch; empty at the clean end of
  // the body. The first call tells a client that expects it to go on (100 Continue): everything
  // that can refuse the request has been checked by then.
  // Memory: waits for readability before it takes blocks from the pool, and for blocks if there
  // are none.
  // Errors: kDisconnected (FIN or RST before the end of the body: a cut, never an end), kTimedOut
  // (no progress), kInvalidArgument (broken chunked framing), kCancelled (interrupt()).
  virtual Task<Result<Bytes>> read(ByteCount max) = 0;

  // From any thread: the pending read() and every later one end with kCancelled. The connection can
  // still be answered.
  virtual void interrupt() noexcept = 0;

  // From any thread: memory is short. A block of which only a part is used is not filled further, so
  // that it is free when what lies in it is.
  virtual void let_go() noexcept = 0;

  // From any thread, while the body is written from: the upload is durable and recorded up to here.
  // A hint for whoever likes to know (104); answers do not depend on it.
  virtual void durable(ByteOffset /*end*/) noexcept {}
};

}  // namespace sluice::engine
