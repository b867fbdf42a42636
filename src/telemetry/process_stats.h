// The standard process_* figures, read from /proc. Units are in the names.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::telemetry {

struct ProcessStats {
  double cpu_seconds = 0;         // user and system
  double start_time_seconds = 0;  // Unix time
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t threads = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
};

// nullopt where /proc cannot be read; the figures are then left out.
std::optional<ProcessStats> read_process_stats();

// The text of /proc/PID/stat; the boot time in Unix seconds, ticks per second and page size in
// bytes are the system's. nullopt if it is not of the known form. Descriptors stay 0.
std::optional<ProcessStats> parse_process_stat(std::string_view text, double boot_time_seconds,
                                               double ticks_per_second, std::uint64_t page_bytes);

}  // namespace sluice::telemetry
