#include "net/wide_queue.h"

#include <atomic>

#include "net/socket.h"

namespace sluice::net {

namespace {
std::atomic<int> granted_now{0};
}  // namespace

WideQueue::~WideQueue() {
  if (granted_) --granted_now;
}

void WideQueue::received(int fd, std::size_t bytes) noexcept {
  if (granted_ || fd < 0) return;
  often_ = bytes >= kMuch ? often_ + 1 : 0;
  if (often_ < kOften) return;
  often_ = 0;
  if (granted_now.fetch_add(1) >= kMost) {
    --granted_now;
    return;
  }
  granted_ = true;
  SocketOptions wide;
  wide.receive_buffer = kBytes;
  wide.keep_alive = false;  // as it is
  tune_socket(fd, wide);
}

}  // namespace sluice::net
