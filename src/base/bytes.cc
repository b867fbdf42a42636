#include "base/bytes.h"

#include <cstring>
#include <new>

namespace sluice {

namespace {

// Owner of blocks that live outside any pool: header and bytes in one allocation.
class HeapBlocks final : public BlockOwner {
 public:
  BlockRef make(std::string_view text) {
    void* memory = ::operator new(sizeof(Block) + text.size());
    auto* data = static_cast<std::byte*>(memory) + sizeof(Block);
    std::memcpy(data, text.data(), text.size());
    return BlockRef(new (memory) Block(this, data, static_cast<std::uint32_t>(text.size())));
  }
  void recycle(Block* block) noexcept override {
    block->~Block();
    ::operator delete(static_cast<void*>(block));
  }
};

HeapBlocks& heap_blocks() {
  static HeapBlocks blocks;
  return blocks;
}

}  // namespace

Bytes Bytes::copy_of(std::string_view text) {
  Bytes bytes;
  if (text.empty()) return bytes;
  SLUICE_CHECK(text.size() <= 0xffffffffU);
  bytes.append(Slice(heap_blocks().make(text), 0, static_cast<std::uint32_t>(text.size())));
  return bytes;
}

void Bytes::append(Slice slice) {
  size_ += ByteCount(slice.size());
  if (!slices_.empty()) {
    const Slice& last = slices_.back();
    if (last.block() == slice.block() && last.offset() + last.size() == slice.offset()) {
      slices_.back() = Slice(last.block(), last.offset(), last.size() + slice.size());
      return;
    }
  }
  slices_.push_back(std::move(slice));
}

void Bytes::append(const Bytes& other) {
  slices_.reserve(slices_.size() + other.slices_.size());
  for (const Slice& slice : other.slices_) append(slice);
}

void Bytes::append(Bytes&& other) {
  if (slices_.empty()) {
    *this = std::move(other);
  } else {
    for (Slice& slice : other.slices_) append(std::move(slice));
  }
  other = Bytes();
}

Bytes Bytes::take_front(ByteCount n) {
  SLUICE_CHECK(n <= size_);
  if (n == size_) return std::exchange(*this, Bytes());
  Bytes front;
  std::uint64_t left = n.value();
  std::size_t whole = 0;
  while (left > 0 && left >= slices_[whole].size()) {
    left -= slices_[whole].size();
    front.append(std::move(slices_[whole]));
    ++whole;
  }
  if (left > 0) {
    const auto part = static_cast<std::uint32_t>(left);
    front.append(slices_[whole].first(part));
    slices_[whole] = slices_[whole].without_first(part);
  }
  slices_.erase(slices_.begin(), slices_.begin() + static_cast<std::ptrdiff_t>(whole));
  size_ -= n;
  return front;
}

void Bytes::truncate(ByteCount n) {
  if (n == size_) return;
  *this = take_front(n);
}

ByteCount Bytes::footprint() const noexcept {
  std::uint64_t total = 0;
  const Block* last = nullptr;
  for (const Slice& slice : slices_) {
    if (slice.block().get() == last) continue;
    last = slice.block().get();
    total += last->capacity();
  }
  return ByteCount(total);
}

std::string Bytes::to_string() const {
  std::string text;
  text.reserve(size_.value());
  for (const Slice& slice : slices_) text.append(slice.text());
  return text;
}

}  // namespace sluice
