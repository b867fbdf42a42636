// One connection to the sink: HTTP/1.1 with keep-alive, the part of S3 that uploads need. Blocking,
// on a thread of its own.
#pragma once

#include "sink/options.h"
#include "sink/s3_state.h"

namespace sluice::sink {

// Serves until the peer leaves; closes the descriptor. Options and state outlive the call.
void serve_connection(int fd, const SinkOptions& options, S3State& state);

}  // namespace sluice::sink
