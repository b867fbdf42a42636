// What a command needs that does one thing and ends: real clock, random numbers, log, metrics that
// nobody reads, one event loop on a thread of its own.
//
// Built and destroyed on the caller's thread. What runs on the loop is destroyed before this.
#pragma once

#include "base/task.h"
#include "config/options.h"
#include "net/asio_clock.h"
#include "net/loop_threads.h"
#include "net/system_random.h"
#include "telemetry/prometheus_metrics.h"
#include "telemetry/structured_log.h"

namespace sluice::gateway {

class OneShot {
 public:
  // `quietest`: the log shows nothing less urgent, whatever the options say.
  OneShot(const config::ProgramOptions& options, LogLevel quietest);

  // Runs the task to its end on the loop; blocks. Once. An exception that leaves it ends the
  // process: it is a bug.
  void run(Task<void> task);

  Executor executor() const { return loops_.executor(0); }
  net::AsioClock* clock() { return &clock_; }
  net::SystemRandom* random() { return &random_; }
  telemetry::StructuredLog* log() { return &log_; }
  telemetry::PrometheusMetrics* metrics() { return &metrics_; }

 private:
  net::AsioClock clock_;
  net::SystemRandom random_;
  telemetry::StructuredLog log_;
  telemetry::PrometheusMetrics metrics_;
  net::LoopThreads loops_;
};

}  // namespace sluice::gateway
