// A small world for the tests of the front: a clock that stands still until a test moves it, and
// connections whose other end the test holds. Nothing sleeps; run() lets everything happen that can
// happen now.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "base/result.h"
#include "base/signal.h"
#include "base/task.h"
#include "base/text.h"
#include "base/time.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "ports/metrics.h"
#include "ports/random.h"
#include "ports/stream.h"
#include "wire/http1.h"
#include "wire/http_message.h"

namespace sluice::http::testing {

class World {
 public:
  Executor executor() { return context.get_executor(); }
  // Until nothing can go on without time passing or the test doing something.
  void run() {
    changed.notify_all();
    context.restart();
    context.poll();
  }
  void advance(Duration by) {
    now += by;
    run();
  }

  boost::asio::io_context context{1};
  Instant now{std::chrono::hours(1)};
  Signal changed;  // time, or any connection
};

class FakeClock final : public Clock {
 public:
  explicit FakeClock(World* world) : world_(world) {}
  Instant now() const noexcept override { return world_->now; }
  WallTime wall_now() const noexcept override { return WallTime{}; }
  Task<void> sleep_until(Instant when) override {
    while (true) {
      const Signal::Seen seen = world_->changed.seen();
      if (world_->now >= when) co_return;
      co_await world_->changed.wait(seen);
    }
  }

 private:
  World* const world_;
};

// What both ends of a connection share.
struct Wire {
  std::string to_server;
  bool client_finished = false;  // FIN
  bool client_reset = false;     // RST
  std::string to_client;
  bool server_finished = false;  // half-closed or closed
  bool server_closed = false;
  std::size_t window = std::numeric_limits<std::size_t>::max();  // for to_client
  std::size_t piece = std::numeric_limits<std::size_t>::max();   // most bytes of one read()

  // What the server asked for.
  std::vector<std::size_t> low_waters;
  std::vector<std::size_t> capacities;  // of read()
  bool pending = false;                 // a wait_readable() or read() is waiting
  std::uint64_t cancels = 0;
};

// The server's end.
class MemoryStream final : public Stream {
 public:
  MemoryStream(World* world, std::shared_ptr<Wire> wire) : world_(world), wire_(std::move(wire)) {}
  ~MemoryStream() override { close(); }

  Task<Result<Ok>> wait_readable(std::size_t low_water, Deadline deadline) override {
    wire_->low_waters.push_back(low_water);
    return wait(world_, wire_, low_water, deadline);
  }

  Task<Result<std::size_t>> read(std::vector<MutableBuffer> into, Deadline deadline) override {
    return read_some(world_, wire_, std::move(into), deadline);
  }

  Task<Result<Ok>> write(std::vector<ConstBuffer> from, Deadline deadline) override {
    return write_all(world_, wire_, std::move(from), deadline);
  }

  void cancel_read() noexcept override {
    if (!wire_->pending) return;
    ++wire_->cancels;
    world_->changed.notify_all();
  }
  void shutdown_write() noexcept override { wire_->server_finished = true; }
  void close() noexcept override {
    wire_->server_finished = true;
    wire_->server_closed = true;
    world_->changed.notify_all();
  }
  const std::string& peer() const noexcept override { return peer_; }
  bool encrypted() const noexcept override { return false; }

 private:
  struct Pending {
    explicit Pending(Wire* w) : wire(w) { wire->pending = true; }
    ~Pending() { wire->pending = false; }
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;
    Wire* const wire;
  };

  static Task<Result<Ok>> wait(World* world, std::shared_ptr<Wire> wire, std::size_t low_water,
                               Deadline deadline) {
    const Pending pending(wire.get());
    const std::uint64_t cancels = wire->cancels;
    while (true) {
      const Signal::Seen seen = world->changed.seen();
      if (wire->cancels != cancels) co_return fail(Errc::kCancelled, "cancel_read");
      if (wire->server_closed) co_return fail(Errc::kDisconnected, "closed");
      if (wire->to_server.size() >= low_water || wire->client_finished || wire->client_reset) {
        co_return Ok{};
      }
      if (deadline.passed(world->now)) co_return fail(Errc::kTimedOut, "test");
      co_await world->changed.wait(seen);
    }
  }

  static Task<Result<std::size_t>> read_some(World* world, std::shared_ptr<Wire> wire,
                                             std::vector<MutableBuffer> into, Deadline deadline) {
    std::size_t capacity = 0;
    for (const MutableBuffer& buffer : into) capacity += buffer.size;
    wire->capacities.push_back(capacity);
    const auto ready = co_await wait(world, wire, 1, deadline);
    if (!ready) co_return fail(ready.error());
    if (wire->to_server.empty() && wire->client_reset) co_return fail(Errc::kDisconnected, "RST");
    std::size_t total = 0;
    for (const MutableBuffer& buffer : into) {
      const std::size_t n =
          std::min({buffer.size, wire->to_server.size() - total, wire->piece - total});
      std::memcpy(buffer.data, wire->to_server.data() + total, n);
      total += n;
    }
    wire->to_server.erase(0, total);
    co_return total;
  }

  static Task<Result<Ok>> write_all(World* world, std::shared_ptr<Wire> wire,
                                    std::vector<ConstBuffer> from, Deadline deadline) {
    for (const ConstBuffer& buffer : from) {
      std::size_t done = 0;
      while (done < buffer.size) {
        const Signal::Seen seen = world->changed.seen();
        if (wire->client_reset || wire->server_finished) co_return fail(Errc::kDisconnected, "RST");
        const std::size_t room = wire->window - std::min(wire->window, wire->to_client.size());
        const std::size_t n = std::min(room, buffer.size - done);
        wire->to_client.append(reinterpret_cast<const char*>(buffer.data) + done, n);
        done += n;
        if (done == buffer.size) break;
        if (deadline.passed(world->now)) co_return fail(Errc::kTimedOut, "test");
        co_await world->changed.wait(seen);
      }
    }
    co_return Ok{};
  }

  World* const world_;
  const std::shared_ptr<Wire> wire_;
  const std::string peer_ = "192.0.2.7";
};

// The test's end.
class Client {
 public:
  explicit Client(World* world) : wire(std::make_shared<Wire>()), world_(world) {}

  std::unique_ptr<Stream> stream() { return std::make_unique<MemoryStream>(world_, wire); }

  void send(std::string_view text) {
    wire->to_server.append(text);
    world_->run();
  }
  void finish() {
    wire->client_finished = true;
    world_->run();
  }
  void reset() {
    wire->client_reset = true;
    world_->run();
  }
  // Everything received since the last call.
  std::string take() {
    std::string out = std::exchange(wire->to_client, std::string());
    world_->run();
    return out;
  }
  bool sees_end() const { return wire->server_finished; }
  bool closed() const { return wire->server_closed; }

  const std::shared_ptr<Wire> wire;

 private:
  World* const world_;
};

class FakeRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) override {
    for (std::byte& b : out) b = std::byte{next_++};
  }

 private:
  std::uint8_t next_ = 0;
};

class FakeLog final : public Log {
 public:
  using Line = std::map<std::string, std::string>;
  bool enabled(LogLevel) const noexcept override { return true; }
  void write(LogLevel, std::string_view message, std::initializer_list<LogField> fields) override {
    Line line;
    line["message"] = message;
    for (const LogField& field : fields) line[std::string(field.key)] = text(field.value);
    lines.push_back(std::move(line));
  }
  // The lines of requests.
  std::vector<Line> requests() const {
    std::vector<Line> out;
    for (const Line& line : lines) {
      if (line.at("message") == "request") out.push_back(line);
    }
    return out;
  }
  std::vector<Line> lines;

 private:
  static std::string text(const LogField::Value& value) {
    if (const auto* s = std::get_if<std::string_view>(&value)) return std::string(*s);
    if (const auto* i = std::get_if<std::int64_t>(&value)) return std::to_string(*i);
    if (const auto* d = std::get_if<double>(&value)) return std::to_string(*d);
    return std::get<bool>(value) ? "true" : "false";
  }
};

class FakeMetrics final : public Metrics {
 public:
  void http_request(std::string_view protocol, std::string_view method, int code,
                    Duration) override {
    requests.push_back(std::string(protocol) + " " + std::string(method) + " " +
                       std::to_string(code));
  }
  void connection_opened() override { ++opened; }
  void connection_closed() override { ++closed; }
  void received(ByteCount bytes) override { received_bytes += bytes; }
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

  std::vector<std::string> requests;
  int opened = 0;
  int closed = 0;
  ByteCount received_bytes;
};

// Answers as a client reads them: the heads and bodies in `text`, framed by Content-Length.
struct Reply {
  int status = 0;
  std::map<std::string, std::string> fields;  // lower-case names; repeated ones joined by ", "
  std::string body;
  bool has(const std::string& name) const { return fields.count(name) > 0; }
  bool closes() const { return has("connection") && fields.at("connection") == "close"; }
};

inline std::vector<Reply> parse_replies(std::string_view text, bool to_head = false) {
  std::vector<Reply> out;
  while (!text.empty()) {
    const auto parsed = wire::parse_response_head(text, wire::Http1Limits(), to_head);
    if (!parsed || !*parsed) {
      ADD_FAILURE() << "not an answer: " << text;
      break;
    }
    text.remove_prefix((*parsed)->consumed);
    Reply reply;
    reply.status = (*parsed)->head.status;
    for (const wire::Header& header : (*parsed)->head.headers.list()) {
      std::string& value = reply.fields[lower(header.name)];
      value += (value.empty() ? "" : ", ") + header.value;
    }
    EXPECT_NE((*parsed)->framing, wire::BodyFraming::kUntilClose) << text;
    reply.body = text.substr(0, (*parsed)->content_length.value());
    EXPECT_EQ(reply.body.size(), (*parsed)->content_length.value());
    text.remove_prefix(reply.body.size());
    out.push_back(std::move(reply));
  }
  return out;
}

}  // namespace sluice::http::testing
