#include "telemetry/structured_log.h"

#include <exception>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include "telemetry/line.h"
#include "telemetry/repeat_filter.h"

namespace sluice::telemetry {

namespace {

// One system call per line where the kernel allows it. No formatting of its own: lines come ready.
class FileSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FileSink(std::FILE* out) : out_(out) {}

 private:
  void sink_it_(const spdlog::details::log_msg& msg) override {
    // A log that cannot be written must not stop uploads, and there is nobody left to tell.
    static_cast<void>(std::fwrite(msg.payload.data(), 1, msg.payload.size(), out_));
    static_cast<void>(std::fflush(out_));
  }
  void flush_() override { static_cast<void>(std::fflush(out_)); }

  std::FILE* const out_;
};

}  // namespace

class StructuredLog::Impl {
 public:
  Impl(const LogOptions& options, Clock* c, std::FILE* out)
      : format(options.format),
        clock(c),
        transport("sluice", std::make_shared<FileSink>(out)),
        filter(options.repeat_burst, options.repeat_window) {
    transport.set_level(spdlog::level::trace);
  }

  void put(LogLevel level, std::string_view message, std::span<const LogField> fields) {
    const WallTime at = clock->wall_now();
    const std::string line = format == LogFormat::kJson ? json_line(at, level, message, fields)
                                                        : text_line(at, level, message, fields);
    transport.log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  }

  void put_suppressed(const std::vector<std::pair<std::string, std::uint64_t>>& counts) {
    for (const auto& [message, lines] : counts) {
      const LogField fields[] = {{"warning", message}, {"lines", lines}};
      put(LogLevel::kWarn, "repeated warnings were not logged", fields);
    }
  }

  // Constant after construction.
  const LogFormat format;
  Clock* const clock;
  spdlog::logger transport;  // thread-safe

  // Protected by mutex.
  std::mutex mutex;
  RepeatFilter filter;
};

LogFormat format_for(std::FILE* out) noexcept {
  return ::isatty(::fileno(out)) == 1 ? LogFormat::kText : LogFormat::kJson;
}

StructuredLog::StructuredLog(LogOptions options, Clock* clock, std::FILE* out)
    : options_(options), impl_(std::make_unique<Impl>(options, clock, out)) {}

StructuredLog::~StructuredLog() {
  impl_->put_suppressed(impl_->filter.flush());
}

void StructuredLog::write(LogLevel level, std::string_view message,
                          std::initializer_list<LogField> fields) {
  std::vector<std::pair<std::string, std::uint64_t>> suppressed;
  bool admitted = true;
  {
    const std::lock_guard lock(impl_->mutex);
    const Instant now = impl_->clock->now();
    suppressed = impl_->filter.ended(now);
    if (level == LogLevel::kWarn) admitted = impl_->filter.admit(message, now);
  }
  impl_->put_suppressed(suppressed);
  if (admitted) impl_->put(level, message, std::span(fields.begin(), fields.size()));
}

}  // namespace sluice::telemetry
