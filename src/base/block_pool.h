// BlockPool: the one budget for upload bytes in memory (G8). Blocks of 64 KiB, cut from slabs of
// 4 MiB that are allocated on demand, reused last-in first-out, and given back to the system when
// wholly free.
//
// Invariant: bytes handed out never exceed the budget. Whoever finds the pool empty waits in
// arrival order, or does with less; nothing is ever written elsewhere.
//
// What connections cost beside their blocks comes out of the same budget (set_aside()): thousands of
// them leave less for blocks, instead of growing beside it.
//
// Thread-safe. Waiters resume on their own executor. The pool outlives every block it gave out.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/signal.h"
#include "base/task.h"
#include "base/units.h"

namespace sluice {

class BlockPool final : private BlockOwner {
 public:
  static constexpr std::uint32_t kBlockBytes = 64U << 10;

  struct Usage {
    ByteCount budget;    // for blocks: without what is set aside
    ByteCount taken;     // handed out and still referenced
    ByteCount reserved;  // memory held from the system, free blocks included
    std::uint64_t waiting = 0;  // tasks that wait for a block right now
  };

  explicit BlockPool(ByteCount budget);
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // Up to `count` blocks, fewer or none if the budget is used up or others are waiting.
  std::vector<BlockRef> try_take(std::size_t count);

  // At least one and up to `count` blocks; waits for its turn when there are none. Every wait
  // calls the pressure hook first. Cancellation: as Signal::wait().
  Task<std::vector<BlockRef>> take(std::size_t count);

  // As take(), for a waiter that must be able to give up: waits on the caller's signal and answers
  // no block at all when `stop` is true. Whoever sets `stop` notifies `room`, from any thread. Both
  // outlive the task.
  Task<std::vector<BlockRef>> take_unless(std::size_t count, Signal* room,
                                          const std::atomic<bool>* stop);

  // Memory of that size is used for something else, until it is given back. Half of the budget stays
  // for blocks in any case: with less, nothing would get on. Blocks that are out stay out. Any thread.
  void set_aside(ByteCount bytes) noexcept;
  void give_back(ByteCount bytes) noexcept;

  // Called, from the thread that takes or is about to wait, to ask the engine to set memory free:
  // while the pool is crowded. Cheap to call often. Set once, before the pool is used.
  void on_pressure(std::function<void()> hook) { pressure_hook_ = std::move(hook); }

  Usage usage() const;
  // Seven eighths are taken: whoever can do with less should. Any thread.
  bool crowded() const noexcept {
    const std::size_t most = limit();
    return taken_.load(std::memory_order_relaxed) >= most - most / 8;
  }

 private:
  struct Slab;
  void recycle(Block* block) noexcept override;
  std::vector<BlockRef> take_locked(std::size_t count);
  bool grow_locked();
  // Blocks that may be out right now.
  std::size_t limit() const noexcept;

  // Constant after construction.
  const std::size_t blocks_max_;
  std::function<void()> pressure_hook_;

  // Protected by mutex_.
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Slab>> slabs_;
  std::vector<Block*> free_;
  std::vector<Block*> cold_;   // free as well, and without memory behind them until they are used
  std::size_t warm_ = 0;       // blocks with memory, taken or free
  std::atomic<std::size_t> taken_{0};  // changed under the mutex only
  std::atomic<std::uint64_t> aside_{0};  // bytes
  std::deque<Signal*> queue_;  // of the waiting tasks, in arrival order; the first is told of room
};

}  // namespace sluice
