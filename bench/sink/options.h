// What the sink was asked to be.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice::sink {

struct SinkOptions {
  std::uint16_t port = 0;                // on 127.0.0.1; 0: any free port
  std::chrono::milliseconds latency{0};  // before each answer
  std::uint64_t rate = 0;                // bytes per second and connection; 0: as fast as it goes
  std::uint64_t fail_every = 0;          // every Nth body fails: 500, 503, reset in turn; 0: none
  bool verify = false;                   // read the bytes and checksum them (CRC-64/NVME)
  std::vector<std::string> keep;         // bytes of keys that begin so stay in memory
  std::vector<std::string> keep_suffix;  // and of keys that end so
};

}  // namespace sluice::sink
