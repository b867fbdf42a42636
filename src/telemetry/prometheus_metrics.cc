#include "telemetry/prometheus_metrics.h"

#include <algorithm>
#include <charconv>
#include <mutex>
#include <sstream>
#include <utility>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "telemetry/byte_counter.h"
#include "telemetry/labels.h"
#include "telemetry/process_stats.h"
#include "telemetry/series.h"

namespace sluice::telemetry {

namespace {

using prometheus::ClientMetric;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Labels;
using prometheus::MetricFamily;
using prometheus::MetricType;

// Members per family. Above what fixed label sets can give; a bug elsewhere meets it, nothing else.
constexpr std::size_t kRequestSeriesMax = 512;
constexpr std::size_t kSeriesMax = 128;

// Seconds. Control requests end in milliseconds, uploads in up to an hour.
const Histogram::BucketBoundaries kRequestBuckets{0.005, 0.025, 0.1, 0.5, 1,   2.5, 5,
                                                  10,    30,    60,  300, 900, 3600};
const Histogram::BucketBoundaries kStoreBuckets{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                1,     2.5,  5,     10,   30,  120};
const Histogram::BucketBoundaries kAuthBuckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                               0.25,  0.5,    1,     2.5,  5,     10};

double seconds(Duration took) {
  return std::chrono::duration<double>(took).count();
}

double as_double(std::uint64_t n) {
  return static_cast<double>(n);
}

std::string_view word_or_other(std::string_view value) {
  return is_label_word(value) ? value : std::string_view("other");
}

Counter& add_counter(Family<Counter>& family, const Labels& labels) {
  return family.Add(labels);
}

auto add_histogram(const Histogram::BucketBoundaries& buckets) {
  return [&buckets](Family<Histogram>& family, const Labels& labels) -> Histogram& {
    return family.Add(labels, buckets);
  };
}

MetricFamily family_of(MetricType type, const char* name, const char* help) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

void add_value(MetricFamily& family, double value, std::vector<ClientMetric::Label> labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  if (family.type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family.metric.push_back(std::move(metric));
}

MetricFamily single(MetricType type, const char* name, const char* help, double value) {
  MetricFamily family = family_of(type, name, help);
  add_value(family, value);
  return family;
}

void append_usage(std::vector<MetricFamily>& out, const Usage& usage) {
  out.push_back(single(MetricType::Gauge, "sluice_buffer_bytes",
                       "Upload bytes in memory, in whole blocks.",
                       as_double(usage.buffer_taken.value())));
  out.push_back(single(MetricType::Gauge, "sluice_buffer_reserved_bytes",
                       "Memory held for upload blocks, free ones included.",
                       as_double(usage.buffer_reserved.value())));
  out.push_back(single(MetricType::Gauge, "sluice_buffer_limit_bytes",
                       "The memory budget for upload bytes.",
                       as_double(usage.buffer_limit.value())));
  out.push_back(single(MetricType::Gauge, "sluice_buffer_waiting",
                       "Tasks that wait for buffer memory.", as_double(usage.buffer_waiting)));
  MetricFamily active = family_of(MetricType::Gauge, "sluice_uploads_active",
                                  "Uploads with state in memory, by whether a client is sending.");
  add_value(active, as_double(usage.uploads_receiving), {{"state", "receiving"}});
  add_value(active, as_double(usage.uploads_idle), {{"state", "idle"}});
  out.push_back(std::move(active));
}

void append_process(std::vector<MetricFamily>& out) {
  const auto stats = read_process_stats();
  if (!stats) return;
  out.push_back(single(MetricType::Counter, "process_cpu_seconds_total",
                       "User and system CPU time spent.", stats->cpu_seconds));
  out.push_back(single(MetricType::Gauge, "process_resident_memory_bytes", "Resident memory size.",
                       as_double(stats->resident_bytes)));
  out.push_back(single(MetricType::Gauge, "process_virtual_memory_bytes", "Virtual memory size.",
                       as_double(stats->virtual_bytes)));
  out.push_back(single(MetricType::Gauge, "process_open_fds", "Open file descriptors.",
                       as_double(stats->open_fds)));
  out.push_back(single(MetricType::Gauge, "process_max_fds", "Limit of open file descriptors.",
                       as_double(stats->max_fds)));
  out.push_back(
      single(MetricType::Gauge, "process_threads", "Threads.", as_double(stats->threads)));
  out.push_back(single(MetricType::Gauge, "process_start_time_seconds",
                       "Start of the process, Unix time.", stats->start_time_seconds));
}

}  // namespace

class PrometheusMetrics::Impl {
 public:
  explicit Impl(const BuildLabels& build);

  Family<Counter>* counters(const char* name, const char* help) {
    return &prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  }
  Family<Histogram>* histograms(const char* name, const char* help) {
    return &prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
  }
  Counter& counter(const char* name, const char* help) { return counters(name, help)->Add({}); }
  Gauge& gauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
  }

  // First: everything below lives in it.
  prometheus::Registry registry;

  Series<Counter, 3> http_requests{
      counters("sluice_http_requests_total", "Requests answered. Code 0: the client was gone."),
      {"protocol", "method", "code"},
      kRequestSeriesMax,
      add_counter};
  Series<Histogram, 2> http_durations{
      histograms("sluice_http_request_duration_seconds",
                 "From the first byte of the head to the end of the answer."),
      {"protocol", "method"},
      kSeriesMax,
      add_histogram(kRequestBuckets)};
  Gauge& connections = gauge("sluice_http_connections", "Open client connections.");
  Counter& connections_opened =
      counter("sluice_http_connections_opened_total", "Client connections accepted.");

  ByteCounter received;
  ByteCounter stored;
  Series<Counter, 1> discarded{
      counters("sluice_upload_discarded_bytes_total", "Upload bytes received and not stored."),
      {"reason"},
      kSeriesMax,
      add_counter};

  Counter& uploads_created = counter("sluice_uploads_created_total", "Uploads begun.");
  Series<Counter, 1> uploads_finished{
      counters("sluice_uploads_finished_total", "Uploads ended, by outcome."),
      {"outcome"},
      kSeriesMax,
      add_counter};
  Counter& resumptions =
      counter("sluice_upload_resumptions_total", "Uploads continued after an interruption.");
  Counter& parks = counter("sluice_upload_parks_total",
                           "Unfinished parts put aside in the store as temporary objects.");
  Counter& parked_bytes = counter("sluice_upload_parked_bytes_total",
                                  "Bytes put aside in the store as temporary objects.");

  Series<Counter, 2> store_requests{
      counters("sluice_store_requests_total", "Requests to the store, by result."),
      {"op", "code"},
      kRequestSeriesMax,
      add_counter};
  Series<Histogram, 1> store_durations{
      histograms("sluice_store_request_duration_seconds", "Duration of requests to the store."),
      {"op"},
      kSeriesMax,
      add_histogram(kStoreBuckets)};
  Series<Counter, 1> store_retries{
      counters("sluice_store_retries_total", "Requests to the store that were repeated."),
      {"op"},
      kSeriesMax,
      add_counter};

  Series<Counter, 1> auth_requests{
      counters("sluice_auth_requests_total", "Questions to the application, by answer."),
      {"result"},
      kSeriesMax,
      add_counter};
  Series<Histogram, 1> auth_durations{histograms("sluice_auth_request_duration_seconds",
                                                 "Duration of questions to the application."),
                                      {"result"},
                                      kSeriesMax,
                                      add_histogram(kAuthBuckets)};

  Counter& reaped = counter("sluice_store_reaped_total", "Uploads removed by the sweeper.");
  Counter& reaped_bytes =
      counter("sluice_store_reaped_bytes_total", "Bytes removed by the sweeper.");
  Gauge& orphaned_uploads =
      gauge("sluice_store_orphaned_uploads",
            "Multipart uploads in the store that no upload owns, last sweep.");
  Gauge& orphaned_bytes =
      gauge("sluice_store_orphaned_bytes", "Bytes in the store that no upload owns, last sweep.");

  mutable std::mutex usage_mutex;
  std::function<Usage()> usage;  // protected by usage_mutex
};

PrometheusMetrics::Impl::Impl(const BuildLabels& build) {
  prometheus::BuildGauge()
      .Name("sluice_build_info")
      .Help("What runs; always 1.")
      .Register(registry)
      .Add({{"version", build.version}, {"revision", build.revision}, {"compiler", build.compiler}})
      .Set(1);
  // Outcomes exist from the start, so that rates and alerts see the first failure.
  for (const std::string_view outcome : {"completed", "failed", "aborted", "expired"}) {
    uploads_finished.at({outcome});
  }
  for (const std::string_view result : {"allow", "deny", "error"}) auth_requests.at({result});
}

PrometheusMetrics::PrometheusMetrics(BuildLabels build) : impl_(std::make_unique<Impl>(build)) {}
PrometheusMetrics::~PrometheusMetrics() = default;

void PrometheusMetrics::set_usage(std::function<Usage()> usage) {
  const std::lock_guard lock(impl_->usage_mutex);
  impl_->usage = std::move(usage);
}

std::string PrometheusMetrics::exposition() const {
  std::vector<MetricFamily> all = impl_->registry.Collect();
  all.push_back(single(MetricType::Counter, "sluice_upload_received_bytes_total",
                       "Upload bytes read from clients.", as_double(impl_->received.total())));
  all.push_back(single(MetricType::Counter, "sluice_upload_stored_bytes_total",
                       "Upload bytes that became durable in the store.",
                       as_double(impl_->stored.total())));
  {
    // Held during the call: after set_usage({}) has returned, the function is not running.
    const std::lock_guard lock(impl_->usage_mutex);
    if (impl_->usage) append_usage(all, impl_->usage());
  }
  append_process(all);
  std::sort(all.begin(), all.end(),
            [](const MetricFamily& a, const MetricFamily& b) { return a.name < b.name; });
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, all);
  return out.str();
}

void PrometheusMetrics::http_request(std::string_view protocol, std::string_view method, int code,
                                     Duration took) {
  protocol = protocol_label(protocol);
  method = method_label(method);
  char digits[8];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), code_label(code));
  const std::string_view status(digits, static_cast<std::size_t>(end.ptr - digits));
  impl_->http_requests.at({protocol, method, status}).Increment();
  impl_->http_durations.at({protocol, method}).Observe(seconds(took));
}

void PrometheusMetrics::connection_opened() {
  impl_->connections.Increment();
  impl_->connections_opened.Increment();
}
void PrometheusMetrics::connection_closed() {
  impl_->connections.Decrement();
}

void PrometheusMetrics::received(ByteCount bytes) {
  impl_->received.add(bytes);
}
void PrometheusMetrics::stored(ByteCount bytes) {
  impl_->stored.add(bytes);
}

void PrometheusMetrics::discarded(std::string_view reason, ByteCount bytes) {
  impl_->discarded.at({word_or_other(reason)}).Increment(as_double(bytes.value()));
}

void PrometheusMetrics::upload_created() {
  impl_->uploads_created.Increment();
}

void PrometheusMetrics::upload_finished(std::string_view outcome) {
  impl_->uploads_finished.at({word_or_other(outcome)}).Increment();
}

void PrometheusMetrics::upload_resumed() {
  impl_->resumptions.Increment();
}

void PrometheusMetrics::parked(ByteCount bytes) {
  impl_->parks.Increment();
  impl_->parked_bytes.Increment(as_double(bytes.value()));
}

void PrometheusMetrics::store_request(std::string_view operation, std::string_view result,
                                      Duration took) {
  operation = word_or_other(operation);
  impl_->store_requests.at({operation, word_or_other(result)}).Increment();
  impl_->store_durations.at({operation}).Observe(seconds(took));
}

void PrometheusMetrics::store_retry(std::string_view operation) {
  impl_->store_retries.at({word_or_other(operation)}).Increment();
}

void PrometheusMetrics::auth_request(std::string_view result, Duration took) {
  result = word_or_other(result);
  impl_->auth_requests.at({result}).Increment();
  impl_->auth_durations.at({result}).Observe(seconds(took));
}

void PrometheusMetrics::swept(std::uint64_t uploads, ByteCount bytes) {
  impl_->reaped.Increment(as_double(uploads));
  impl_->reaped_bytes.Increment(as_double(bytes.value()));
}

void PrometheusMetrics::orphans(std::uint64_t multiparts, ByteCount bytes) {
  impl_->orphaned_uploads.Set(as_double(multiparts));
  impl_->orphaned_bytes.Set(as_double(bytes.value()));
}

}  // namespace sluice::telemetry
