// SimBody: a request body that arrives over a line that may be slow, break or fall silent. Takes
// its memory from the process's pool as the server does: waits for bytes first, for blocks then.
#pragma once

#include <atomic>
#include <cstddef>
#include <string>

#include "base/block_pool.h"
#include "base/signal.h"
#include "engine/body_source.h"
#include "ports/clock.h"
#include "sim/draw.h"

namespace sluice::sim {

enum class LineEnd { kClean, kBreaks, kFallsSilent };

class SimBody final : public engine::BodySource {
 public:
  // `arrives`: how much of `bytes` comes before the end, which is not clean if that is less.
  SimBody(std::string bytes, std::size_t arrives, LineEnd end, Duration pause_max,
          std::uint64_t seed)
      : bytes_(std::move(bytes)),
        arrives_(arrives),
        end_(end),
        pause_max_(pause_max),
        draw_(seed) {}

  // The process that reads it, before execute().
  void attach(Clock* clock, BlockPool* pool) {
    clock_ = clock;
    pool_ = pool;
  }
  // The connection is gone, from the client's side or with the process.
  void disconnect() {
    gone_ = true;
    stop_ = true;
    tail_ = BlockRef();
    moved_.notify_all();
    room_.notify_all();
  }

  Task<Result<Bytes>> read(ByteCount max) override;
  void interrupt() noexcept override {
    interrupted_ = true;
    stop_ = true;
    moved_.notify_all();
    room_.notify_all();
  }
  void let_go() noexcept override { tail_ = BlockRef(); }

 private:
  Task<Result<Ok>> wait(Duration time);
  Result<Ok> still_there() const {
    if (gone_) return fail(Errc::kDisconnected, "the connection is gone");
    if (interrupted_) return fail(Errc::kCancelled, "interrupted");
    return Ok{};
  }

  const std::string bytes_;
  const std::size_t arrives_;
  const LineEnd end_;
  const Duration pause_max_;
  Draw draw_;
  Clock* clock_ = nullptr;
  BlockPool* pool_ = nullptr;
  std::size_t at_ = 0;
  BlockRef tail_;  // the block that was filled last, and how far
  std::uint32_t tail_used_ = 0;
  bool gone_ = false;
  bool interrupted_ = false;
  std::atomic<bool> stop_{false};  // one of the two
  Signal moved_;
  Signal room_;
};

}  // namespace sluice::sim
