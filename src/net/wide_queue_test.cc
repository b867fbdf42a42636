#include "net/wide_queue.h"

#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.h"

namespace sluice::net {
namespace {

constexpr std::size_t kMuch = 600U << 10;
constexpr std::size_t kLittle = 10U << 10;

class WideQueueTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto fd = open_socket(AF_INET);
    ASSERT_TRUE(fd);
    fd_ = *fd;
    SocketOptions normal;
    normal.receive_buffer = 64U << 10;
    tune_socket(fd_, normal);
  }
  void TearDown() override { ::close(fd_); }

  int queue_bytes() const {
    int bytes = 0;
    socklen_t size = sizeof bytes;
    EXPECT_EQ(::getsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, &size), 0);
    return bytes;
  }
  void fill(WideQueue* queue, int calls) {
    for (int i = 0; i < calls; ++i) queue->received(fd_, kMuch);
  }

  int fd_ = -1;
};

TEST_F(WideQueueTest, ComesWithSeveralLargeReadsInARow) {
  const int before = queue_bytes();
  WideQueue queue;
  for (int i = 0; i < 10; ++i) {
    fill(&queue, 3);
    queue.received(fd_, kLittle);
  }
  EXPECT_FALSE(queue.granted());
  EXPECT_EQ(queue_bytes(), before);
  fill(&queue, 4);
  EXPECT_TRUE(queue.granted());
  EXPECT_GT(queue_bytes(), before);
}

// Goal: kernel memory is bounded however many fast clients there are (G8).
TEST_F(WideQueueTest, OnlySoManyAtOnce) {
  std::vector<std::unique_ptr<WideQueue>> queues;
  int granted = 0;
  for (int i = 0; i < WideQueue::kMost + 5; ++i) {
    queues.push_back(std::make_unique<WideQueue>());
    fill(queues.back().get(), 4);
    granted += queues.back()->granted();
  }
  EXPECT_EQ(granted, WideQueue::kMost);
  EXPECT_FALSE(queues.back()->granted());
  queues.erase(queues.begin());  // one connection ends
  fill(queues.back().get(), 4);
  EXPECT_TRUE(queues.back()->granted());
}

}  // namespace
}  // namespace sluice::net
