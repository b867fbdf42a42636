#include "base/bytes.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Bytes, TakeFrontCutsInsideSlices) {
  Bytes bytes = Bytes::copy_of("hello ");
  bytes.append(Bytes::copy_of("world"));
  EXPECT_EQ(bytes.size(), ByteCount(11));
  const Bytes front = bytes.take_front(ByteCount(8));
  EXPECT_EQ(front.to_string(), "hello wo");
  EXPECT_EQ(bytes.to_string(), "rld");
  bytes.truncate(ByteCount(1));
  EXPECT_EQ(bytes.to_string(), "r");
  bytes.truncate(ByteCount(0));
  EXPECT_TRUE(bytes.empty());
}

TEST(Bytes, TakingAllLeavesNothing) {
  Bytes bytes = Bytes::copy_of("abc");
  EXPECT_EQ(bytes.take_front(ByteCount(3)).to_string(), "abc");
  EXPECT_TRUE(bytes.empty());
  EXPECT_EQ(bytes.size(), ByteCount());
}

}  // namespace
}  // namespace sluice
