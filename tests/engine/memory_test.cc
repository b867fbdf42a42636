// Which memory is given back when somebody waits for it (G8).
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/engine/world.h"

namespace sluice::engine {
namespace {

constexpr std::uint64_t kPart = 64U << 10;

void launch(World* world, const std::string& name, FakeBody* body,
            std::optional<core::Outcome>* outcome) {
  body->hold();
  body->batch(kPart);
  boost::asio::co_spawn(world->out->context, world->start_range(name, 0, 4 * kPart, 4 * kPart, body),
                        [outcome](const std::exception_ptr&, core::Outcome o) { *outcome = std::move(o); });
  world->settle_events();
}

// Goal: under pressure the memory that slow clients have held for long goes, not the larger one of a
// fast client, which comes back by itself in a moment. Method: 10 KiB held for ten seconds, 24 KiB
// that have just come: 2 KiB more than half of the budget.
TEST(Memory, WhatHasBeenHeldForLongIsParkedFirst) {
  Outside out;
  World world(&out, 1, ByteCount(kPart), ByteCount(BlockPool::kBlockBytes));
  FakeBody slow(std::string(10U << 10, 's'));
  FakeBody fast(std::string(24U << 10, 'f'));
  std::optional<core::Outcome> slow_outcome;
  std::optional<core::Outcome> fast_outcome;
  launch(&world, "slow", &slow, &slow_outcome);
  out.clock.pass(std::chrono::seconds(10));
  launch(&world, "fast", &fast, &fast_outcome);
  world.service->relieve_pressure();
  world.pass(std::chrono::milliseconds(10));
  int parked = 0;
  for (const auto& [key, object] : out.store.objects()) {
    if (!key.starts_with(".sluice/parked/")) continue;
    ++parked;
    EXPECT_TRUE(object.bytes == std::string(10U << 10, 's')) << object.bytes.size();
  }
  EXPECT_EQ(parked, 1);
  slow.interrupt();
  fast.interrupt();
  world.pass(std::chrono::seconds(1));
}

// Goal: many that hold little are asked together: one after the other would take for ever.
TEST(Memory, ManySmallOnesAreParkedAtOnce) {
  Outside out;
  World world(&out, 1, ByteCount(kPart), ByteCount(8 * BlockPool::kBlockBytes));
  std::vector<std::unique_ptr<FakeBody>> bodies;
  std::vector<std::optional<core::Outcome>> outcomes(100);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    bodies.push_back(std::make_unique<FakeBody>(std::string(8U << 10, 's')));
    launch(&world, "slow" + std::to_string(i), bodies.back().get(), &outcomes[i]);
  }
  world.pass(std::chrono::seconds(1));
  world.service->relieve_pressure();
  world.pass(std::chrono::milliseconds(10));
  int parked = 0;
  for (const auto& [key, object] : out.store.objects()) parked += key.starts_with(".sluice/parked/");
  EXPECT_EQ(parked, 69);  // 544 of 800 KiB: what half of the budget does not hold, and a byte
  for (const auto& body : bodies) body->interrupt();
  world.pass(std::chrono::seconds(1));
}

// Goal: more than may be parked at once follow each other without a new look at all uploads for each
// batch: with thousands that takes longer than parking. Method: 537 of 600 have to go, 128 at once; one
// look lasts 50 ms.
TEST(Memory, WhoHasBeenChosenFollowsWithoutANewLook) {
  Outside out;
  World world(&out, 1, ByteCount(kPart), ByteCount(16 * BlockPool::kBlockBytes));
  std::vector<std::unique_ptr<FakeBody>> bodies;
  std::vector<std::optional<core::Outcome>> outcomes(600);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    bodies.push_back(std::make_unique<FakeBody>(std::string(8U << 10, 's')));
    launch(&world, "slow" + std::to_string(i), bodies.back().get(), &outcomes[i]);
  }
  world.pass(std::chrono::seconds(1));
  world.service->relieve_pressure();
  world.pass(std::chrono::milliseconds(48));
  int parked = 0;
  for (const auto& [key, object] : out.store.objects()) parked += key.starts_with(".sluice/parked/");
  EXPECT_EQ(parked, 537);  // 4288 of 4800 KiB, and a byte
  for (const auto& body : bodies) body->interrupt();
  world.pass(std::chrono::seconds(1));
}

}  // namespace
}  // namespace sluice::engine
