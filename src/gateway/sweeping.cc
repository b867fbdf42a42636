#include "gateway/sweeping.h"

#include <string>
#include <utility>

#include "gateway/sweep_report.h"
#include "telemetry/line.h"

namespace sluice::gateway {

namespace {

// A bucket full of orphans is said once per sweep, not a thousand times.
constexpr std::size_t kLinesMax = 100;

void write(Log* log, const cleaner::Report& report) {
  std::size_t lines = 0;
  for (const cleaner::Finding& finding : report.findings) {
    if (++lines > kLinesMax) break;
    log->info("swept", {{"kind", kind_words(finding.kind)},
                        {"removed", finding.removed},
                        {"upload_id", finding.upload},
                        {"key", finding.key},
                        {"bytes", finding.bytes.value()},
                        {"since", telemetry::rfc3339(finding.since)}});
  }
  if (report.findings.size() > kLinesMax) {
    log->info("more was swept", {{"findings", std::uint64_t{report.findings.size() - kLinesMax}}});
  }
  lines = 0;
  for (const std::string& error : report.errors) {
    if (++lines > kLinesMax) break;
    log->warn("the sweep could not do everything", {{"error", error}});
  }
  log->info("sweep done", {{"findings", std::uint64_t{report.findings.size()}},
                           {"bytes_removed", report.bytes_removed.value()},
                           {"bytes_orphaned", report.bytes_orphaned.value()},
                           {"forgotten", report.forgotten},
                           {"errors", std::uint64_t{report.errors.size()}}});
}

}  // namespace

cleaner::SweepServices sweep_services(Node* node, StateDb* state, Clock* clock, Log* log,
                                      Metrics* metrics) {
  cleaner::SweepServices services;
  services.clock = clock;
  services.log = log;
  services.metrics = metrics;
  services.state = state;
  services.store = node->store();
  services.abort = [uploads = node->uploads()](UploadId id, std::string reason) {
    return uploads->abort(std::move(id), std::move(reason));
  };
  return services;
}

Task<void> sweep_once(Node* node, StateDb* state, Clock* clock, Log* log, Metrics* metrics,
                      cleaner::CleanerOptions options) {
  cleaner::SweepServices services = sweep_services(node, state, clock, log, metrics);
  const cleaner::Report report = co_await cleaner::sweep(std::move(services), options, false);
  write(log, report);
}

}  // namespace sluice::gateway
