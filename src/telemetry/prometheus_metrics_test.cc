#include "telemetry/prometheus_metrics.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "telemetry/labels.h"
#include "telemetry/process_stats.h"

namespace sluice::telemetry {
namespace {

using std::chrono::milliseconds;

BuildLabels build() {
  return {"0.1.0", "abc1234", "clang 19"};
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

// One call of every method of the port.
void touch_all(PrometheusMetrics& m) {
  m.http_request("put308", "PUT", 200, milliseconds(20));
  m.connection_opened();
  m.connection_opened();
  m.connection_closed();
  m.received(ByteCount(100));
  m.stored(ByteCount(90));
  m.discarded("overlap", ByteCount(10));
  m.upload_created();
  m.upload_finished("completed");
  m.upload_resumed();
  m.parked(ByteCount(7));
  m.store_request("UploadPart", "ok", milliseconds(300));
  m.store_request("UploadPart", "503", milliseconds(3));
  m.store_retry("UploadPart");
  m.auth_request("allow", milliseconds(2));
  m.swept(3, ByteCount(33));
  m.orphans(2, ByteCount(22));
  m.set_usage([] {
    Usage usage;
    usage.buffer_taken = ByteCount(65536);
    usage.buffer_reserved = ByteCount(4U << 20);
    usage.buffer_limit = ByteCount(256U << 20);
    usage.buffer_waiting = 1;
    usage.uploads_receiving = 4;
    usage.uploads_idle = 5;
    return usage;
  });
}

TEST(PrometheusMetrics, EveryEventIsCountedUnderItsName) {
  PrometheusMetrics m(build());
  touch_all(m);
  const std::string text = m.exposition();
  for (
      const char* line : {
          R"(sluice_build_info{compiler="clang 19",revision="abc1234",version="0.1.0"} 1)",
          R"(sluice_http_requests_total{code="200",method="PUT",protocol="put308"} 1)",
          R"(sluice_http_request_duration_seconds_count{method="PUT",protocol="put308"} 1)",
          R"(sluice_http_request_duration_seconds_bucket{method="PUT",protocol="put308",le="0.025"} 1)",
          R"(sluice_http_request_duration_seconds_bucket{method="PUT",protocol="put308",le="0.005"} 0)",
          "sluice_http_connections 1",
          "sluice_http_connections_opened_total 2",
          "sluice_upload_received_bytes_total 100",
          "sluice_upload_stored_bytes_total 90",
          R"(sluice_upload_discarded_bytes_total{reason="overlap"} 10)",
          "sluice_uploads_created_total 1",
          R"(sluice_uploads_finished_total{outcome="completed"} 1)",
          R"(sluice_uploads_finished_total{outcome="failed"} 0)",
          "sluice_upload_resumptions_total 1",
          "sluice_upload_parks_total 1",
          "sluice_upload_parked_bytes_total 7",
          R"(sluice_store_requests_total{code="ok",op="UploadPart"} 1)",
          R"(sluice_store_requests_total{code="503",op="UploadPart"} 1)",
          R"(sluice_store_request_duration_seconds_count{op="UploadPart"} 2)",
          R"(sluice_store_retries_total{op="UploadPart"} 1)",
          R"(sluice_auth_requests_total{result="allow"} 1)",
          R"(sluice_auth_requests_total{result="error"} 0)",
          R"(sluice_auth_request_duration_seconds_count{result="allow"} 1)",
          "sluice_store_reaped_total 3",
          "sluice_store_reaped_bytes_total 33",
          "sluice_store_orphaned_uploads 2",
          "sluice_store_orphaned_bytes 22",
          "sluice_buffer_bytes 65536",
          "sluice_buffer_reserved_bytes 4194304",
          "sluice_buffer_limit_bytes 268435456",
          "sluice_buffer_waiting 1",
          R"(sluice_uploads_active{state="receiving"} 4)",
          R"(sluice_uploads_active{state="idle"} 5)",
      }) {
    EXPECT_TRUE(has_line(text, line)) << line << "\nin\n" << text;
  }
}

TEST(PrometheusMetrics, LargeByteCountsKeepTheirDigits) {
  PrometheusMetrics m(build());
  m.received(ByteCount((std::uint64_t{5} << 40) + 1));
  EXPECT_NE(m.exposition().find("sluice_upload_received_bytes_total 5497558138881\n"),
            std::string::npos)
      << m.exposition();
}

TEST(PrometheusMetrics, GaugesGoWithTheirSource) {
  PrometheusMetrics m(build());
  EXPECT_EQ(m.exposition().find("sluice_buffer_bytes"), std::string::npos);
  m.set_usage([] { return Usage(); });
  EXPECT_NE(m.exposition().find("sluice_buffer_bytes 0\n"), std::string::npos);
  m.set_usage({});
  EXPECT_EQ(m.exposition().find("sluice_buffer_bytes"), std::string::npos);
}

TEST(PrometheusMetrics, TheStandardProcessFiguresAreThere) {
  PrometheusMetrics m(build());
  const std::string text = m.exposition();
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes",
                           "process_virtual_memory_bytes", "process_open_fds", "process_max_fds",
                           "process_threads", "process_start_time_seconds"}) {
    EXPECT_NE(text.find(std::string("\n") + name + " "), std::string::npos) << name;
  }
}

// Labels are bounded, and what a client or a store says never becomes one.
TEST(PrometheusMetrics, NoCallerCanGrowTheOutput) {
  PrometheusMetrics m(build());
  for (int i = 0; i < 5000; ++i) {
    const std::string text = "V" + std::to_string(i);
    m.http_request(text, text, i, milliseconds(1));
    m.discarded(text, ByteCount(1));
    m.upload_finished(text);
    m.store_request(text, text, milliseconds(1));
    m.store_retry(text);
    m.auth_request(text, milliseconds(1));
  }
  std::istringstream lines(m.exposition());
  std::set<std::string> series;
  for (std::string line; std::getline(lines, line);) {
    if (line[0] != '#') series.insert(line.substr(0, line.rfind(' ')));
  }
  EXPECT_LT(series.size(), 7000U);
  // Nothing is lost: what has no label of its own is counted as "other".
  EXPECT_NE(m.exposition().find(R"(sluice_store_retries_total{op="other"} 4872)"),
            std::string::npos);
  EXPECT_NE(m.exposition().find(
                R"(sluice_http_requests_total{code="0",method="other",protocol="other"} 4500)"),
            std::string::npos);
}

TEST(PrometheusMetrics, ACanarySecretNeverAppears) {
  const std::string canary = "Bearer canary-7f3a9c";
  const std::string header = canary + "\r\n";
  PrometheusMetrics m(build());
  m.http_request(canary, canary, 200, milliseconds(1));
  m.http_request("put308", "canary-7f3a9c", 200, milliseconds(1));
  m.discarded(canary, ByteCount(1));
  m.upload_finished(canary);
  m.store_request(header, header, milliseconds(1));
  m.store_retry(header);
  m.auth_request(header, milliseconds(1));
  EXPECT_EQ(m.exposition().find("canary"), std::string::npos);
}

TEST(PrometheusMetrics, ThreadsAddUp) {
  PrometheusMetrics m(build());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&m] {
      for (int i = 0; i < 1000; ++i) {
        m.received(ByteCount(3));
        m.stored(ByteCount(2));
        m.http_request("put308", "PUT", 200 + i % 4, milliseconds(1));
        if (i % 100 == 0) static_cast<void>(m.exposition());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const std::string text = m.exposition();
  EXPECT_TRUE(has_line(text, "sluice_upload_received_bytes_total 12000"));
  EXPECT_TRUE(has_line(text, "sluice_upload_stored_bytes_total 8000"));
  EXPECT_TRUE(has_line(
      text, R"(sluice_http_requests_total{code="203",method="PUT",protocol="put308"} 1000)"));
}

// The official linter: names, units, help texts, syntax.
TEST(PrometheusMetrics, PromtoolFindsNothing) {
  if (std::system("promtool --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no promtool";
  PrometheusMetrics m(build());
  touch_all(m);
  char path[] = "/tmp/sluice-metrics-XXXXXX";
  const int fd = ::mkstemp(path);
  ASSERT_GE(fd, 0);
  ::close(fd);
  std::ofstream(path) << m.exposition();
  const std::string command =
      std::string("promtool check metrics < ") + path + " > " + path + ".out 2>&1";
  const int status = std::system(command.c_str());
  std::ifstream in(std::string(path) + ".out");
  const std::string said((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_EQ(WEXITSTATUS(status), 0) << said;
  EXPECT_EQ(said, "");
  ::unlink(path);
  ::unlink((std::string(path) + ".out").c_str());
}

// Operators look names up in the documentation; a name that is missing there is a bug.
TEST(PrometheusMetrics, EveryNameIsDocumented) {
  std::ifstream in(SLUICE_SOURCE_DIR "/docs/metrics.md");
  const std::string doc((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  PrometheusMetrics m(build());
  touch_all(m);
  std::istringstream lines(m.exposition());
  int names = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("# TYPE ", 0) != 0) continue;
    const std::string name = line.substr(7, line.rfind(' ') - 7);
    EXPECT_NE(doc.find("`" + name + "`"), std::string::npos) << name;
    ++names;
  }
  EXPECT_GT(names, 30);
}

TEST(Labels, AreWordsOrOther) {
  EXPECT_EQ(method_label("PUT"), "PUT");
  EXPECT_EQ(method_label("put"), "other");
  EXPECT_EQ(protocol_label("gcs"), "gcs");
  EXPECT_EQ(protocol_label(""), "other");
  EXPECT_EQ(code_label(99), 0);
  EXPECT_EQ(code_label(599), 599);
  EXPECT_TRUE(is_label_word("NoSuchUpload"));
  EXPECT_FALSE(is_label_word(""));
  EXPECT_FALSE(is_label_word("a b"));
  EXPECT_FALSE(is_label_word(std::string(41, 'a')));
}

TEST(ProcessStats, TheCommandMayContainAnything) {
  const auto stats = parse_process_stat(
      "7 (a) b () S 1 1 1 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 3 0 1000 4096000 25 rest", 500,
      100, 4096);
  ASSERT_TRUE(stats.has_value());
  EXPECT_DOUBLE_EQ(stats->cpu_seconds, 2.0);
  EXPECT_DOUBLE_EQ(stats->start_time_seconds, 510.0);
  EXPECT_EQ(stats->threads, 3U);
  EXPECT_EQ(stats->virtual_bytes, 4'096'000U);
  EXPECT_EQ(stats->resident_bytes, 25U * 4096);
  EXPECT_FALSE(parse_process_stat("7 (a) S 1", 0, 100, 4096).has_value());
  EXPECT_FALSE(parse_process_stat("nonsense", 0, 100, 4096).has_value());
}

TEST(ProcessStats, ReadsItself) {
  const auto stats = read_process_stats();
  ASSERT_TRUE(stats.has_value());
  EXPECT_GT(stats->resident_bytes, 1U << 20);
  EXPECT_GE(stats->open_fds, 3U);
  EXPECT_GE(stats->max_fds, stats->open_fds);
  EXPECT_GT(stats->start_time_seconds, 1.6e9);
}

}  // namespace
}  // namespace sluice::telemetry
