// Settings: what one schedule is like, drawn from its seed. Each seed switches some faults off, so
// that others get room; sizes are scaled down so that small runs take the same branches as large.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "cleaner/options.h"
#include "core/limits.h"
#include "engine/options.h"
#include "sim/draw.h"
#include "stores/options.h"

namespace sluice::sim {

struct Settings {
  explicit Settings(Draw* draw);

  engine::EngineOptions engine;
  stores::RetryOptions retry;
  cleaner::CleanerOptions cleaner;
  core::StoreLimits limits;
  std::uint64_t pool_blocks = 64;
  // A store whose ETag is a hash of the bytes (S3 without customer keys), or any new name.
  bool etag_of_content = true;

  std::uint32_t processes = 1;
  std::uint32_t threads = 1;  // of each process
  std::uint32_t names = 1;
  bool swarms = false;  // files are sent by many connections at once

  // Per mille of the calls.
  std::uint64_t store_before = 0;    // no effect, and says so
  std::uint64_t store_throttle = 0;  // no effect, "slow down"
  std::uint64_t store_after = 0;     // effect, and the answer is lost
  std::uint64_t store_unclear = 0;   // no effect, and nobody can tell
  std::uint64_t store_corrupt = 0;   // arrived damaged
  std::uint64_t store_silent = 0;    // no answer before the deadline; the effect may come late
  std::uint64_t db_before = 0;
  std::uint64_t db_after = 0;
  std::uint64_t db_unclear = 0;
  std::uint64_t slow_calls = 0;  // take much longer than others
  Duration store_latency{};      // at most, of an ordinary call
  Duration db_latency{};
  Duration slow_latency{};
  Duration lag{};  // of a lane that interleaves with others

  // Per million of the steps.
  std::uint64_t crash_rate = 0;
  std::uint64_t pause_rate = 0;
  std::uint64_t lose_rate = 0;  // a lifecycle rule aborts a multipart upload
  std::uint64_t jump_rate = 0;  // of a process's wall clock
  std::uint32_t crashes_max = 0;

  // Per mille of the requests or bodies.
  std::uint64_t cut_bodies = 0;      // the line breaks
  std::uint64_t stalled_bodies = 0;  // silence until the server gives up
  std::uint64_t replays = 0;         // the client's library sends the request twice
  std::uint64_t impatience = 0;      // the client gives up on an answer, the request goes on
  std::uint64_t abandoned = 0;       // the client never comes back
  Duration body_pause{};             // between two pieces of a body, at most

  Duration faulty_time{};  // then everything is calm, and persistent clients must get through
};

}  // namespace sluice::sim
