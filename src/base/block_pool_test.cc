#include "base/block_pool.h"

#include <gtest/gtest.h>

#include <atomic>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "base/task_scope.h"

namespace sluice {
namespace {

namespace asio = boost::asio;
using literals::operator""_KiB;

TEST(BlockPool, NeverGivesMoreThanTheBudget) {
  BlockPool pool(256_KiB);
  auto blocks = pool.try_take(10);
  EXPECT_EQ(blocks.size(), 4U);
  EXPECT_TRUE(pool.try_take(1).empty());
  EXPECT_EQ(pool.usage().taken, ByteCount(256_KiB));
  blocks.pop_back();
  EXPECT_EQ(pool.try_take(2).size(), 1U);
  EXPECT_EQ(pool.usage().taken, ByteCount(192_KiB));
}

// Goal: what connections cost comes out of the budget (G8), but progress stays possible.
TEST(BlockPool, WhatIsSetAsideIsNotGivenOut) {
  BlockPool pool(512_KiB);
  auto blocks = pool.try_take(8);
  EXPECT_EQ(blocks.size(), 8U);
  pool.set_aside(100_KiB);
  EXPECT_EQ(pool.usage().budget, ByteCount(448_KiB));
  blocks.pop_back();  // one too many is out
  EXPECT_TRUE(pool.try_take(1).empty());
  blocks.pop_back();
  EXPECT_EQ(pool.try_take(2).size(), 1U);
  pool.set_aside(1000_KiB);
  EXPECT_EQ(pool.usage().budget, ByteCount(256_KiB));
  blocks.resize(3);
  EXPECT_EQ(pool.try_take(2).size(), 1U);
  pool.give_back(1100_KiB);
  EXPECT_EQ(pool.try_take(8).size(), 5U);
}

// Goal: a block that gave its memory back can be used like any other.
TEST(BlockPool, BlocksComeBackAfterTheirMemoryWasGivenUp) {
  BlockPool pool(256_KiB);
  auto blocks = pool.try_take(4);
  for (const BlockRef& block : blocks) block->data()[0] = std::byte{1};
  pool.set_aside(128_KiB);
  blocks.clear();
  pool.give_back(128_KiB);
  blocks = pool.try_take(4);
  ASSERT_EQ(blocks.size(), 4U);
  int empty = 0;
  for (const BlockRef& block : blocks) empty += block->data()[0] == std::byte{0};
  EXPECT_EQ(empty, 2);
}

TEST(BlockPool, SlicesKeepTheirBlock) {
  BlockPool pool(128_KiB);
  Bytes bytes;
  {
    auto blocks = pool.try_take(1);
    bytes.append(Slice(blocks.front(), 0, 10));
    bytes.append(Slice(blocks.front(), 10, 10));
  }
  EXPECT_EQ(bytes.slices().size(), 1U);
  EXPECT_EQ(pool.usage().taken, ByteCount(64_KiB));
  bytes = Bytes();
  EXPECT_EQ(pool.usage().taken, ByteCount());
}

Task<void> take_one(BlockPool* pool, std::vector<int>* order, int who, std::vector<BlockRef>* into) {
  auto blocks = co_await pool->take(1);
  order->push_back(who);
  into->push_back(blocks.front());
}

TEST(BlockPool, WaitersAreServedInArrivalOrder) {
  asio::io_context context;
  BlockPool pool(64_KiB);
  int pressed = 0;
  pool.on_pressure([&] { ++pressed; });
  std::vector<BlockRef> held = pool.try_take(1);
  std::vector<int> order;
  std::vector<BlockRef> got;
  TaskScope scope(context.get_executor());
  for (int i = 0; i < 3; ++i) scope.spawn(take_one(&pool, &order, i, &got));
  context.poll();
  EXPECT_EQ(pool.usage().waiting, 3U);
  EXPECT_GT(pressed, 0);
  EXPECT_TRUE(pool.try_take(1).empty());
  held.clear();
  context.poll();
  EXPECT_EQ(order, std::vector<int>({0}));
  got.clear();
  context.poll();
  EXPECT_EQ(order, std::vector<int>({0, 1}));
  got.clear();
  context.poll();
  EXPECT_EQ(order, std::vector<int>({0, 1, 2}));
  got.clear();
  EXPECT_EQ(scope.running(), 0U);
}

TEST(BlockPool, ACancelledWaiterLeavesTheQueue) {
  asio::io_context context;
  BlockPool pool(64_KiB);
  std::vector<BlockRef> held = pool.try_take(1);
  std::vector<int> order;
  std::vector<BlockRef> got;
  TaskScope first(context.get_executor());
  TaskScope second(context.get_executor());
  first.spawn(take_one(&pool, &order, 0, &got));
  second.spawn(take_one(&pool, &order, 1, &got));
  context.poll();
  first.cancel();
  context.poll();
  EXPECT_EQ(pool.usage().waiting, 1U);
  held.clear();
  context.poll();
  EXPECT_EQ(order, std::vector<int>({1}));
  got.clear();
}

Task<void> take_or_stop(BlockPool* pool, Signal* room, const std::atomic<bool>* stop, int* got) {
  const auto blocks = co_await pool->take_unless(1, room, stop);
  *got = static_cast<int>(blocks.size());
}

TEST(BlockPool, AWaiterCanGiveUp) {
  asio::io_context context;
  BlockPool pool(64_KiB);
  std::vector<BlockRef> held = pool.try_take(1);
  std::vector<int> order;
  std::vector<BlockRef> later;
  Signal room;
  std::atomic<bool> stop{false};
  int got = -1;
  TaskScope scope(context.get_executor());
  scope.spawn(take_or_stop(&pool, &room, &stop, &got));
  scope.spawn(take_one(&pool, &order, 1, &later));
  context.poll();
  EXPECT_EQ(got, -1);
  stop = true;
  room.notify_all();
  context.poll();
  EXPECT_EQ(got, 0);
  EXPECT_EQ(pool.usage().waiting, 1U);
  held.clear();
  context.poll();
  EXPECT_EQ(order, std::vector<int>({1}));
  later.clear();
}

}  // namespace
}  // namespace sluice
