#include "net/receive_memory.h"

#include <gtest/gtest.h>

namespace sluice::net {
namespace {

TEST(ReceiveMemory, TheSystemsFigureIsFound) {
  EXPECT_EQ(tcp_pages("sockets: used 34\n"
                      "TCP: inuse 21 orphan 0 tw 48 alloc 21 mem 1279\n"
                      "UDP: inuse 0 mem 7\n"),
            1279U);
  EXPECT_FALSE(tcp_pages("TCP: inuse 21\nUDP: inuse 0 mem 7\n"));
  EXPECT_FALSE(tcp_pages(""));
}

}  // namespace
}  // namespace sluice::net
