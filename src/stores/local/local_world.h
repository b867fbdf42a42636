// A directory store in a directory of its own, for tests.
#pragma once

#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>

#include "ports/clock.h"
#include "ports/random.h"
#include "ports/temp_dir.h"
#include "stores/local/local_store.h"

namespace sluice::stores::local {

class TestRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) override {
    for (std::byte& b : out) b = static_cast<std::byte>(engine_() & 0xffU);
  }

 private:
  std::mt19937_64 engine_{std::random_device{}()};
};

// Stands still until told otherwise.
class StillClock final : public Clock {
 public:
  Instant now() const noexcept override { return at; }
  WallTime wall_now() const noexcept override { return WallTime{}; }
  Task<void> sleep_until(Instant) override { co_return; }
  Instant at{};
};

struct LocalWorld {
  std::unique_ptr<ObjectStore> open() {
    auto opened = open_local(LocalOptions{directory.path()}, LocalServices{&clock, &random});
    return opened ? std::move(*opened) : nullptr;
  }
  std::string path(const std::string& name) const { return directory.file(name); }

  TempDir directory;
  TestRandom random;
  StillClock clock;
};

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
inline void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace sluice::stores::local
