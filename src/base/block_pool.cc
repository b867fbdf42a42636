#include "base/block_pool.h"

#include <algorithm>
#include <new>

#include <sys/mman.h>

namespace sluice {

namespace {
constexpr std::size_t kBlocksPerSlab = 64;
constexpr std::size_t kSlabBytes = kBlocksPerSlab * BlockPool::kBlockBytes;
}  // namespace

// Memory straight from the system, so that an idle gateway gives it back.
struct BlockPool::Slab {
  explicit Slab(void* mapped) : memory(static_cast<std::byte*>(mapped)) {}
  ~Slab() { ::munmap(memory, kSlabBytes); }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  std::byte* const memory;
  std::vector<std::unique_ptr<Block>> blocks;
};

BlockPool::BlockPool(ByteCount budget)
    : blocks_max_(static_cast<std::size_t>(budget.value() / kBlockBytes)) {
  SLUICE_CHECK(blocks_max_ > 0);
}

BlockPool::~BlockPool() { SLUICE_CHECK(taken_ == 0); }

std::size_t BlockPool::limit() const noexcept {
  const auto aside =
      static_cast<std::size_t>(aside_.load(std::memory_order_relaxed) / kBlockBytes);
  return blocks_max_ - std::min(aside, blocks_max_ / 2);
}

void BlockPool::set_aside(ByteCount bytes) noexcept { aside_.fetch_add(bytes.value()); }

void BlockPool::give_back(ByteCount bytes) noexcept {
  aside_.fetch_sub(bytes.value());
  const std::lock_guard lock(mutex_);
  if (!queue_.empty()) queue_.front()->notify_all();
}

std::vector<BlockRef> BlockPool::try_take(std::size_t count) {
  if (pressure_hook_ && crowded()) pressure_hook_();
  const std::lock_guard lock(mutex_);
  if (!queue_.empty()) return {};
  return take_locked(count);
}

Task<std::vector<BlockRef>> BlockPool::take(std::size_t count) {
  Signal room;
  const std::atomic<bool> never{false};
  co_return co_await take_unless(count, &room, &never);
}

Task<std::vector<BlockRef>> BlockPool::take_unless(std::size_t count, Signal* room,
                                                   const std::atomic<bool>* stop) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) {
      auto blocks = take_locked(count);
      if (!blocks.empty()) co_return blocks;
    }
    queue_.push_back(room);
  }
  // Leaves the queue on every path, cancellation included, and lets the next one look.
  struct Leave {
    Leave(BlockPool* p, Signal* s) : pool(p), signal(s) {}
    ~Leave() {
      const std::lock_guard lock(pool->mutex_);
      std::erase(pool->queue_, signal);
      if (!pool->queue_.empty()) pool->queue_.front()->notify_all();
    }
    Leave(const Leave&) = delete;
    Leave& operator=(const Leave&) = delete;
    BlockPool* const pool;
    Signal* const signal;
  };
  const Leave leave(this, room);
  while (true) {
    const Signal::Seen seen = room->seen();
    if (stop->load()) co_return std::vector<BlockRef>();
    if (pressure_hook_) pressure_hook_();
    {
      const std::lock_guard lock(mutex_);
      if (queue_.front() == room) {
        auto blocks = take_locked(count);
        if (!blocks.empty()) co_return blocks;
      }
    }
    co_await room->wait(seen);
  }
}

BlockPool::Usage BlockPool::usage() const {
  const std::lock_guard lock(mutex_);
  Usage usage;
  usage.budget = ByteCount(std::uint64_t{limit()} * kBlockBytes);
  usage.taken = ByteCount(std::uint64_t{taken_} * kBlockBytes);
  usage.reserved = ByteCount(slabs_.size() * std::uint64_t{kSlabBytes});
  usage.waiting = queue_.size();
  return usage;
}

std::vector<BlockRef> BlockPool::take_locked(std::size_t count) {
  std::vector<BlockRef> blocks;
  const std::size_t most = limit();
  const std::size_t wanted = std::min(count, most - std::min<std::size_t>(taken_, most));
  blocks.reserve(wanted);
  while (blocks.size() < wanted) {
    if (free_.empty()) {
      if (cold_.empty() && !grow_locked()) break;
      free_.push_back(cold_.back());
      cold_.pop_back();
      ++warm_;
    }
    blocks.emplace_back(free_.back());
    free_.pop_back();
    ++taken_;
  }
  return blocks;
}

bool BlockPool::grow_locked() {
  void* memory =
      ::mmap(nullptr, kSlabBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  auto slab = std::make_unique<Slab>(memory);
  BlockOwner* const owner = this;
  for (std::size_t i = kBlocksPerSlab; i-- > 0;) {
    slab->blocks.push_back(
        std::make_unique<Block>(owner, slab->memory + i * kBlockBytes, kBlockBytes));
    cold_.push_back(slab->blocks.back().get());
  }
  slabs_.push_back(std::move(slab));
  return true;
}

void BlockPool::recycle(Block* block) noexcept {
  const std::lock_guard lock(mutex_);
  --taken_;
  if (warm_ > limit()) {
    // Its memory is used for something else by now.
    static_cast<void>(::madvise(block->data(), kBlockBytes, MADV_DONTNEED));
    cold_.push_back(block);
    --warm_;
  } else {
    free_.push_back(block);
  }
  if (taken_ == 0) {
    // Idle: keep one warm slab, give the rest back.
    while (slabs_.size() > 1) {
      const std::byte* begin = slabs_.back()->memory;
      const std::byte* end = begin + kSlabBytes;
      const auto inside = [&](Block* b) { return b->data() >= begin && b->data() < end; };
      warm_ -= std::erase_if(free_, inside);
      std::erase_if(cold_, inside);
      slabs_.pop_back();
    }
  }
  if (!queue_.empty()) queue_.front()->notify_all();
}

}  // namespace sluice
