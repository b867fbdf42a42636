#include "sim/body.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include "engine/wait.h"

namespace sluice::sim {

namespace {
constexpr Duration kSilence = std::chrono::seconds(20);  // the server's body time-out
}  // namespace

Task<Result<Ok>> SimBody::wait(Duration time) {
  const Instant until = clock_->now() + time;
  while (clock_->now() < until) {
    const Signal::Seen seen = moved_.seen();
    SLUICE_CO_TRY_OK(still_there());
    const bool moved = co_await engine::wait_until(&moved_, seen, clock_, until);
    if (!moved) break;
  }
  co_return still_there();
}

Task<Result<Bytes>> SimBody::read(ByteCount max) {
  SLUICE_CO_TRY_OK(still_there());
  if (pause_max_ > Duration::zero()) {
    const Duration pause = draw_.time_up_to(pause_max_);
    SLUICE_CO_TRY_OK(co_await wait(pause));
  }
  if (at_ == arrives_) {
    tail_ = BlockRef();
    if (end_ == LineEnd::kClean) co_return Bytes();
    if (end_ == LineEnd::kBreaks) co_return fail(Errc::kDisconnected, "the line broke");
    SLUICE_CO_TRY_OK(co_await wait(kSilence));
    co_return fail(Errc::kTimedOut, "no bytes arrived");
  }
  const std::size_t most = std::min<std::size_t>(max.value(), arrives_ - at_);
  const std::size_t wanted = draw_.between(1, most);
  if (!tail_) {
    std::vector<BlockRef> blocks = pool_->try_take(1);
    if (blocks.empty()) blocks = co_await pool_->take_unless(1, &room_, &stop_);
    SLUICE_CO_TRY_OK(still_there());
    tail_ = std::move(blocks.front());
    // Most of a block is another connection's business: a few bytes stand for 64 KiB.
    tail_used_ = tail_->capacity() - static_cast<std::uint32_t>(draw_.between(1, 64));
  }
  const std::size_t size = std::min<std::size_t>(wanted, tail_->capacity() - tail_used_);
  std::memcpy(tail_->data() + tail_used_, bytes_.data() + at_, size);
  Bytes piece(Slice(tail_, tail_used_, static_cast<std::uint32_t>(size)));
  at_ += size;
  tail_used_ += static_cast<std::uint32_t>(size);
  if (tail_used_ == tail_->capacity() || at_ == bytes_.size()) tail_ = BlockRef();
  co_return piece;
}

}  // namespace sluice::sim
