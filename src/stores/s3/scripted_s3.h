// For tests only: a world without sockets in which the S3 store runs on a plain io_context. Time
// is virtual: it jumps to the next alarm when nothing else can run. The server is a function from
// request to reply; it can answer late, in pieces, partly, or not at all.
#pragma once

#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "base/signal.h"
#include "base/text.h"
#include "fetch/http_client.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "ports/metrics.h"
#include "ports/random.h"
#include "ports/stream.h"
#include "stores/options.h"
#include "stores/s3/s3_store.h"

namespace sluice::stores::s3::testing {

class VirtualClock final : public Clock {
 public:
  Instant now() const noexcept override { return now_; }
  WallTime wall_now() const noexcept override {
    return kWallStart + std::chrono::floor<std::chrono::milliseconds>(now_ - kStart);
  }
  Task<void> sleep_until(Instant when) override;

  void skip(Duration time) { advance_to(now_ + time); }
  // Notifies `signal` when that moment has come.
  void alarm(Instant at, std::shared_ptr<Signal> signal);
  // To the next alarm. False: there is none.
  bool advance();

 private:
  void advance_to(Instant at);
  static constexpr Instant kStart{std::chrono::hours(1)};
  static constexpr WallTime kWallStart{
      std::chrono::seconds(1'793'491'200)};  // 2026-11-01T00:00:00Z
  Instant now_ = kStart;
  std::multimap<Instant, std::shared_ptr<Signal>> alarms_;
};

struct SeenRequest {
  SeenRequest(Endpoint e) : endpoint(std::move(e)) {}
  Endpoint endpoint;
  int connection = 0;  // 1 for the first that was opened
  std::string method;
  std::string target;
  std::string path;   // still encoded
  std::string query;  // still encoded
  wire::Headers headers;
  std::string body;
  Instant at;

  std::string header(std::string_view name) const {
    const std::string* value = headers.find(name);
    return value == nullptr ? std::string() : *value;
  }
  bool asks(std::string_view parameter) const { return query.find(parameter) != std::string::npos; }
};

struct Reply {
  Reply(int s = 200, std::string b = "") : status(s), body(std::move(b)) {}
  Reply& with(std::string name, std::string value) {
    headers.emplace_back(std::move(name), std::move(value));
    return *this;
  }
  Reply& after(Duration time) {
    delay = time;
    return *this;
  }

  int status;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  Duration delay{0};
  bool chunked = false;
  // What goes wrong.
  bool close_instead = false;            // the connection ends without an answer
  bool never = false;                    // silence
  std::optional<std::size_t> cut_after;  // the connection ends after so many bytes of the body
};
Reply closing();
Reply error_reply(int status, std::string_view code, std::string_view more = "");

using Server = std::function<Reply(const SeenRequest&)>;

// A Dialer whose every connection leads to `server`.
class ScriptedNet final : public Dialer {
 public:
  explicit ScriptedNet(VirtualClock* clock) : clock_(clock) {}
  Task<Result<std::unique_ptr<Stream>>> connect(Endpoint endpoint, Deadline deadline) override;

  Server server;
  // Resets a connection after so many body bytes of a request; asked with the head only.
  std::function<std::optional<std::size_t>(const SeenRequest&)> cut_request;
  // Answers before the body has come; asked with the head only.
  std::function<std::optional<Reply>(const SeenRequest&)> early;
  std::function<std::optional<Error>(const Endpoint&)> refuse_connect;
  std::vector<SeenRequest> seen;
  int connections = 0;
  std::size_t largest_write = 0;  // bytes given to one write()

 private:
  friend class ScriptedStream;
  VirtualClock* const clock_;
};

class CountingRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) override {
    for (std::byte& b : out) b = static_cast<std::byte>(next_++);
  }

 private:
  unsigned next_ = 1;
};

// Everything that was logged, as text: tests look for secrets in it.
class RecordingLog final : public Log {
 public:
  bool enabled(LogLevel) const noexcept override { return true; }
  void write(LogLevel, std::string_view message, std::initializer_list<LogField> fields) override;
  std::string text;
};

class RecordingMetrics final : public Metrics {
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
  void store_request(std::string_view operation, std::string_view result, Duration) override {
    requests.push_back(std::string(operation) + " " + std::string(result));
  }
  void store_retry(std::string_view) override {}
  void auth_request(std::string_view, Duration) override {}
  void swept(std::uint64_t, ByteCount) override {}
  void orphans(std::uint64_t, ByteCount) override {}
  std::vector<std::string> requests;
};

class World {
 public:
  World();

  template <class T>
  T run(Task<T> task) {
    std::optional<T> value;
    std::exception_ptr thrown;
    bool ended = false;
    boost::asio::co_spawn(loop, keep(std::move(task), &value), [&](std::exception_ptr error) {
      thrown = error;
      ended = true;
    });
    while (!ended) step();
    if (thrown) std::rethrow_exception(thrown);
    return *std::move(value);
  }
  // The same, but answers false when nothing will ever happen.
  bool advance_or_stop();
  // Runs what can run, else lets time pass. Fails the test when nothing will ever happen.
  void step();

  Deadline in(Duration time) const { return Deadline(clock.now() + time); }

  // A store with static credentials at http://s3.test:9000, bucket "bucket", over `net`.
  S3Options options(std::string preset) const;
  std::unique_ptr<ObjectStore> open(S3Options options,
                                    CredentialSources sources = CredentialSources::none());

  template <class T>
  static Task<void> keep(Task<T> task, std::optional<T>* into) {
    auto value = co_await std::move(task);
    into->emplace(std::move(value));
  }

  boost::asio::io_context loop{1};
  VirtualClock clock;
  CountingRandom random;
  RecordingLog log;
  RecordingMetrics metrics;
  ScriptedNet net{&clock};
  fetch::HttpClient http;
};

// An environment for credential tests.
struct FakeEnvironment {
  std::map<std::string, std::string> variables;
  std::map<std::string, std::string> files;
  int reads = 0;
  CredentialSources sources();  // refers to *this
};

ObjectSpec spec(std::string key);
std::string query_value(const SeenRequest& request, std::string_view name);  // decoded

}  // namespace sluice::stores::s3::testing
