#include "sim/settings.h"

#include <algorithm>
#include <chrono>

namespace sluice::sim {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A rate that is off in half of the seeds, small in most others.
std::uint64_t rate(Draw* draw, std::uint64_t most) {
  if (draw->chance(500)) return 0;
  const std::uint64_t top = draw->chance(300) ? most : std::max<std::uint64_t>(most / 8, 1);
  return draw->between(1, top);
}

Duration one_of(Draw* draw, Duration a, Duration b, Duration c) {
  const std::uint64_t which = draw->between(0, 2);
  return which == 0 ? a : which == 1 ? b : c;
}

}  // namespace

Settings::Settings(Draw* draw) {
  const std::uint64_t part = draw->between(0, 3);
  engine.part_size = ByteCount(part == 0 ? 8 : part == 1 ? 16 : part == 2 ? 32 : 64);
  engine.parts_in_flight = static_cast<std::uint32_t>(draw->between(1, 4));
  engine.size_max = ByteCount(1 << 20);
  engine.linger = milliseconds(draw->between(1, 10) * 1'000);
  engine.store_timeout = milliseconds(draw->between(2, 30) * 1'000);
  engine.complete_timeout = milliseconds(draw->between(30, 120) * 1'000);
  engine.complete_wait = milliseconds(draw->between(1, 20) * 1'000);
  engine.expire_after = seconds(3600);
  cleaner.expire_after = engine.expire_after;
  cleaner.keep_finished = seconds(24 * 3600);
  cleaner.grace = seconds(3600);
  cleaner.exclusive = true;

  retry.attempts_max = static_cast<std::uint32_t>(draw->between(1, 5));
  retry.budget_tokens = draw->chance(200) ? 3 : 100;
  retry.throttled_patience = milliseconds(draw->between(0, 30) * 1'000);

  limits.part_min = ByteCount(draw->chance(500) ? 4 : 8);
  limits.part_max = ByteCount(1 << 16);
  limits.part_multiple = ByteCount(draw->chance(300) ? 4 : 1);
  limits.parts_max = 1000;
  limits.object_max = ByteCount(1 << 20);
  limits.single_put_max = limits.part_max;  // a parked part must fit
  limits.equal_parts = draw->chance(250);
  etag_of_content = !draw->chance(120);

  pool_blocks = draw->chance(400) ? draw->between(2, 6) : 64;
  processes = static_cast<std::uint32_t>(draw->chance(500) ? 1 : draw->between(2, 3));
  threads = draw->chance(300) ? 2 : 1;
  names = static_cast<std::uint32_t>(draw->chance(700) ? 1 : draw->between(2, 3));

  store_before = rate(draw, 300);
  store_throttle = rate(draw, 200);
  store_after = rate(draw, 200);
  store_unclear = rate(draw, 150);
  store_corrupt = rate(draw, 40);
  store_silent = rate(draw, 60);
  db_before = rate(draw, 80);
  db_after = rate(draw, 60);
  db_unclear = rate(draw, 60);
  slow_calls = rate(draw, 150);
  store_latency = one_of(draw, Duration::zero(), milliseconds(20), milliseconds(400));
  db_latency = one_of(draw, Duration::zero(), milliseconds(2), milliseconds(60));
  slow_latency = seconds(draw->between(1, 40));
  lag = threads > 1 ? Duration(std::chrono::microseconds(50)) : Duration::zero();

  crash_rate = draw->chance(500) ? 0 : draw->between(500, 12'000);
  crashes_max = static_cast<std::uint32_t>(draw->between(1, 6));
  pause_rate = draw->chance(600) ? 0 : draw->between(200, 4'000);
  lose_rate = draw->chance(850) ? 0 : draw->between(100, 2'000);
  jump_rate = draw->chance(800) ? 0 : draw->between(200, 2'000);

  cut_bodies = rate(draw, 400);
  stalled_bodies = rate(draw, 150);
  replays = rate(draw, 300);
  impatience = rate(draw, 200);
  abandoned = rate(draw, 300);
  body_pause = one_of(draw, Duration::zero(), milliseconds(50), milliseconds(2'500));

  faulty_time = seconds(draw->between(5, 200));
  // Drawn aside, so that the seeds of before keep their other choices.
  Draw aside(Draw(*draw).next() ^ 0x737761726d73ULL);
  swarms = aside.chance(300);
}

}  // namespace sluice::sim
