// ByteCounter: a counter that every read of every connection may add to. Spread over cache lines
// by thread, so that threads do not wait for each other. Thread-safe, wait-free.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/units.h"

namespace sluice::telemetry {

class ByteCounter {
 public:
  void add(ByteCount bytes) noexcept {
    cells_[mine()].value.fetch_add(bytes.value(), std::memory_order_relaxed);
  }
  std::uint64_t total() const noexcept {
    std::uint64_t sum = 0;
    for (const Cell& cell : cells_) sum += cell.value.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  static constexpr std::size_t kCells = 16;
  struct alignas(64) Cell {
    std::atomic<std::uint64_t> value{0};
  };

  // Threads are numbered as they come; two may share a cell, which costs time but no bytes.
  static std::size_t mine() noexcept {
    static std::atomic<std::size_t> threads{0};
    thread_local const std::size_t number = threads.fetch_add(1, std::memory_order_relaxed);
    return number % kCells;
  }

  std::array<Cell, kCells> cells_;
};

}  // namespace sluice::telemetry
