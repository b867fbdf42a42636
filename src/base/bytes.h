// Upload bytes in memory: fixed blocks, shared slices of blocks, and lists of slices.
//
// A Block is filled once by the connection that received the bytes and is immutable from then on
// (only the unfilled rest behind the last slice may still be written, by that same connection).
// Slices share blocks by reference count, so that receiving, checksumming, sending, retrying and
// parking all look at the same memory and nothing is copied.
//
// Thread-safe: reference counts are atomic; the bytes of a slice may be read from any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/units.h"

namespace sluice {

class Block;

// Takes back a block whose last reference is gone. Outlives its blocks.
class BlockOwner {
 public:
  virtual void recycle(Block* block) noexcept = 0;

 protected:
  ~BlockOwner() = default;
};

class Block {
 public:
  Block(BlockOwner* owner, std::byte* data, std::uint32_t capacity)
      : owner_(owner), data_(data), capacity_(capacity) {}
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  std::byte* data() noexcept { return data_; }
  std::uint32_t capacity() const noexcept { return capacity_; }

 private:
  friend class BlockRef;
  BlockOwner* const owner_;
  std::byte* const data_;
  const std::uint32_t capacity_;  // bytes
  std::atomic<std::uint32_t> references_{0};
};

// Shared ownership of a block; the last one gives it back to its owner.
class BlockRef {
 public:
  BlockRef() = default;
  explicit BlockRef(Block* block) noexcept : block_(block) { add(); }
  BlockRef(const BlockRef& other) noexcept : block_(other.block_) { add(); }
  BlockRef(BlockRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  BlockRef& operator=(BlockRef other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~BlockRef() { drop(); }

  explicit operator bool() const noexcept { return block_ != nullptr; }
  Block* get() const noexcept { return block_; }
  Block* operator->() const noexcept { return block_; }
  bool operator==(const BlockRef&) const = default;

 private:
  void add() noexcept {
    if (block_ != nullptr) block_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  void drop() noexcept {
    if (block_ != nullptr && block_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      block_->owner_->recycle(block_);
    }
  }
  Block* block_ = nullptr;
};

// A non-empty run of bytes inside one block.
class Slice {
 public:
  Slice(BlockRef block, std::uint32_t offset, std::uint32_t length)
      : block_(std::move(block)), offset_(offset), length_(length) {
    SLUICE_CHECK(length_ > 0 && offset_ <= block_->capacity() &&
                 length_ <= block_->capacity() - offset_);
  }
  const std::byte* data() const noexcept { return block_->data() + offset_; }
  std::uint32_t size() const noexcept { return length_; }
  std::span<const std::byte> span() const noexcept { return {data(), length_}; }
  std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(data()), length_};
  }
  const BlockRef& block() const noexcept { return block_; }
  std::uint32_t offset() const noexcept { return offset_; }

  Slice first(std::uint32_t n) const { return Slice(block_, offset_, n); }
  Slice without_first(std::uint32_t n) const { return Slice(block_, offset_ + n, length_ - n); }

 private:
  BlockRef block_;
  std::uint32_t offset_;
  std::uint32_t length_;
};

// A list of slices: the bytes of a request body, a segment or a part, in order.
class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(Slice slice) { append(std::move(slice)); }
  // A copy in memory of its own, outside any pool. For small bodies we make (XML, JSON).
  static Bytes copy_of(std::string_view text);

  bool empty() const noexcept { return slices_.empty(); }
  ByteCount size() const noexcept { return size_; }
  const std::vector<Slice>& slices() const noexcept { return slices_; }

  // Joins with the last slice where the two are neighbours in one block.
  void append(Slice slice);
  void append(const Bytes& other);
  void append(Bytes&& other);

  // Removes and returns the first n bytes. Precondition: n <= size().
  Bytes take_front(ByteCount n);
  void drop_front(ByteCount n) { static_cast<void>(take_front(n)); }
  // Removes everything behind the first n bytes. Precondition: n <= size().
  void truncate(ByteCount n);

  // Bytes of block memory kept alive by this list: an upper bound, whole blocks.
  ByteCount footprint() const noexcept;

  std::string to_string() const;

 private:
  std::vector<Slice> slices_;
  ByteCount size_;
};

}  // namespace sluice
