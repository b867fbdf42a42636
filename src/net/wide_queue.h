// WideQueue: a longer receive queue for a peer that fills the normal one, so that one system call
// moves more (limits.md 1: bytes per call is what bulk transfer costs). Kernel memory is budgeted:
// only a few connections of the process have one at a time.
//
// Executor: the connection's. The count is the process's; thread-safe.
#pragma once

#include <cstddef>

namespace sluice::net {

class WideQueue {
 public:
  static constexpr std::size_t kBytes = 4U << 20;  // of the queue
  static constexpr int kMost = 16;                 // connections that have one

  WideQueue() = default;
  ~WideQueue();
  WideQueue(const WideQueue&) = delete;
  WideQueue& operator=(const WideQueue&) = delete;

  // One call on `fd` received so many bytes.
  void received(int fd, std::size_t bytes) noexcept;
  bool granted() const noexcept { return granted_; }

 private:
  static constexpr std::size_t kMuch = 256U << 10;  // a quarter of the normal queue
  static constexpr int kOften = 4;                  // calls in a row
  int often_ = 0;
  bool granted_ = false;
};

}  // namespace sluice::net
