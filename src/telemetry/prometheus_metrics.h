// PrometheusMetrics: the Metrics of the program and their text form. docs/metrics.md lists every
// name; the rules are those of ecosystem digest 5.1 (base units, _total, bounded labels).
//
// Thread-safe. Cost: one or two hash look-ups and atomic additions per event; received() and
// stored() are one addition to a counter of the calling thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"
#include "base/units.h"
#include "ports/metrics.h"

namespace sluice::telemetry {

// What the program is. Appears as labels of sluice_build_info.
struct BuildLabels {
  std::string version;
  std::string revision;
  std::string compiler;
};

// What is measured when somebody asks, instead of being counted.
struct Usage {
  ByteCount buffer_taken;               // upload bytes in blocks that are in use
  ByteCount buffer_reserved;            // memory held from the system for blocks
  ByteCount buffer_limit;               // the budget
  std::uint64_t buffer_waiting = 0;     // tasks that wait for a block
  std::uint64_t uploads_receiving = 0;  // live uploads with a connection that sends
  std::uint64_t uploads_idle = 0;       // live uploads without one
};

class PrometheusMetrics final : public Metrics {
 public:
  explicit PrometheusMetrics(BuildLabels build);
  ~PrometheusMetrics() override;
  PrometheusMetrics(const PrometheusMetrics&) = delete;
  PrometheusMetrics& operator=(const PrometheusMetrics&) = delete;

  // Asked at each exposition, from the thread that calls exposition(). An empty function: the
  // gauges are left out (again). Whoever set it takes it away before what it reads is destroyed.
  void set_usage(std::function<Usage()> usage);

  // Text exposition format 0.0.4; its content type is kContentType.
  std::string exposition() const;
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  void http_request(std::string_view protocol, std::string_view method, int code,
                    Duration took) override;
  void connection_opened() override;
  void connection_closed() override;
  void received(ByteCount bytes) override;
  void stored(ByteCount bytes) override;
  void discarded(std::string_view reason, ByteCount bytes) override;
  void upload_created() override;
  void upload_finished(std::string_view outcome) override;
  void upload_resumed() override;
  void parked(ByteCount bytes) override;
  void store_request(std::string_view operation, std::string_view result, Duration took) override;
  void store_retry(std::string_view operation) override;
  void auth_request(std::string_view result, Duration took) override;
  void swept(std::uint64_t uploads, ByteCount bytes) override;
  void orphans(std::uint64_t multiparts, ByteCount bytes) override;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::telemetry
