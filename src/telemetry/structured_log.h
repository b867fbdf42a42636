// StructuredLog: the Log of the program. Text for people, JSON for machines; docs/logging.md lists
// the keys.
//
// Thread-safe: a line is formatted on the caller's thread and written by one locked write, so lines
// never mix. The caller waits for the write: a log that cannot keep up slows the program down
// instead of growing in memory or losing lines.
// Repeated warnings (never info, never errors) are limited, see repeat_filter.h; how many were held
// back is logged with the first line after the window, or at the end.
#pragma once

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <memory>
#include <string_view>

#include "base/time.h"
#include "ports/clock.h"
#include "ports/log.h"

namespace sluice::telemetry {

enum class LogFormat : std::uint8_t { kText, kJson };

// Text if `out` is a terminal, JSON otherwise.
LogFormat format_for(std::FILE* out) noexcept;

struct LogOptions {
  LogLevel level = LogLevel::kInfo;  // less urgent lines are not written
  LogFormat format = LogFormat::kJson;
  // Lines of one warning in one window. Smaller hides more of a flood, larger fills disks.
  std::uint64_t repeat_burst = 20;
  Duration repeat_window = std::chrono::seconds(10);
};

class StructuredLog final : public Log {
 public:
  // Writes to `out` (stderr in the program), which is not closed. `clock` outlives the log.
  StructuredLog(LogOptions options, Clock* clock, std::FILE* out = stderr);
  ~StructuredLog() override;
  StructuredLog(const StructuredLog&) = delete;
  StructuredLog& operator=(const StructuredLog&) = delete;

  bool enabled(LogLevel level) const noexcept override { return level >= options_.level; }
  void write(LogLevel level, std::string_view message,
             std::initializer_list<LogField> fields) override;

 private:
  class Impl;
  const LogOptions options_;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::telemetry
