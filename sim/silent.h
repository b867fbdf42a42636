// Log and metrics of a simulated process: lines go to the trace when somebody reads it.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "ports/log.h"
#include "ports/metrics.h"
#include "sim/trace.h"

namespace sluice::sim {

class SilentLog final : public Log {
 public:
  SilentLog(Trace* trace, std::string name) : trace_(trace), name_(std::move(name)) {}
  bool enabled(LogLevel) const noexcept override { return trace_->printing(); }
  void write(LogLevel, std::string_view message, std::initializer_list<LogField> fields) override {
    std::string line(message);
    for (const LogField& field : fields) {
      const auto* text = std::get_if<std::string_view>(&field.value);
      if (text != nullptr) line += " " + std::string(field.key) + "=" + std::string(*text);
    }
    trace_->remark(name_, line);
  }

 private:
  Trace* const trace_;
  const std::string name_;
};

class SilentMetrics final : public Metrics {
 public:
  void http_request(std::string_view, std::string_view, int, Duration) override {}
  void connection_opened() override {}
  void connection_closed() override {}
  void received(ByteCount) override {}
  void stored(ByteCount) override {}
  void discarded(std::string_view, ByteCount) override {}
  void upload_created() override {}
  void upload_finished(std::string_view) override {}
  void upload_resumed() override {}
  void parked(ByteCount) override {}
  void store_request(std::string_view, std::string_view, Duration) override {}
  void store_retry(std::string_view) override {}
  void auth_request(std::string_view, Duration) override {}
  void swept(std::uint64_t, ByteCount) override {}
  void orphans(std::uint64_t, ByteCount) override {}
};

}  // namespace sluice::sim
