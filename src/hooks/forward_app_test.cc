// The application is a script behind an in-memory Dialer; time passes when the test says so.
#include "hooks/forward_app.h"

#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "base/signal.h"
#include "base/task_scope.h"
#include "hooks/app_factory.h"

namespace sluice::hooks {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Time, and what the application does on each connection it is asked for.
struct World {
  struct Connection {
    std::optional<Errc> connect_error;
    std::string answer;  // sent when a whole request head has come
    bool stall = false;  // then nothing more, instead of the end
    Duration think{};    // before the answer
  };

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
  Signal changed;
  std::deque<Connection> script;  // one is used up by each connect
  std::vector<Endpoint> dialled;
  std::vector<std::string> requests;  // heads that arrived
};

Task<bool> until(World* world, Instant when) {
  while (true) {
    const Signal::Seen seen = world->changed.seen();
    if (world->now >= when) co_return true;
    co_await world->changed.wait(seen);
  }
}

class FakeClock final : public Clock {
 public:
  explicit FakeClock(World* world) : world_(world) {}
  Instant now() const noexcept override { return world_->now; }
  WallTime wall_now() const noexcept override { return WallTime(); }
  Task<void> sleep_until(Instant when) override { co_await until(world_, when); }

 private:
  World* const world_;
};

class ScriptedStream final : public Stream {
 public:
  ScriptedStream(World* world, World::Connection script)
      : world_(world), script_(std::move(script)) {}

  Task<Result<Ok>> wait_readable(std::size_t, Deadline deadline) override {
    while (true) {
      const Signal::Seen seen = world_->changed.seen();
      if (readable()) co_return Ok();
      if (deadline.passed(world_->now)) co_return fail(Errc::kTimedOut, "scripted");
      co_await world_->changed.wait(seen);
    }
  }
  Task<Result<std::size_t>> read(std::vector<MutableBuffer> into, Deadline deadline) override {
    auto ready = co_await wait_readable(1, deadline);
    if (!ready) co_return fail(std::move(ready).error());
    const std::size_t n = std::min(into.front().size, script_.answer.size() - sent_);
    std::memcpy(into.front().data, script_.answer.data() + sent_, n);
    sent_ += n;
    co_return n;
  }
  Task<Result<Ok>> write(std::vector<ConstBuffer> from, Deadline) override {
    for (const ConstBuffer& buffer : from) {
      request_.append(reinterpret_cast<const char*>(buffer.data), buffer.size);
    }
    if (request_.find("\r\n\r\n") != std::string::npos && !asked_at_) {
      world_->requests.push_back(request_);
      asked_at_ = world_->now;
      world_->changed.notify_all();
    }
    co_return Ok();
  }
  void cancel_read() noexcept override {}
  void shutdown_write() noexcept override {}
  void close() noexcept override {}
  const std::string& peer() const noexcept override { return peer_; }
  bool encrypted() const noexcept override { return false; }

 private:
  bool readable() const {
    if (!asked_at_ || world_->now < *asked_at_ + script_.think) return false;
    return sent_ < script_.answer.size() || !script_.stall;
  }

  World* const world_;
  const World::Connection script_;
  std::string request_;
  std::optional<Instant> asked_at_;
  std::size_t sent_ = 0;
  const std::string peer_ = "127.0.0.1";
};

class ScriptedDialer final : public Dialer {
 public:
  explicit ScriptedDialer(World* world) : world_(world) {}
  Task<Result<std::unique_ptr<Stream>>> connect(Endpoint endpoint, Deadline) override {
    world_->dialled.push_back(endpoint);
    if (world_->script.empty()) co_return fail(Errc::kUnavailable, "refused");
    World::Connection next = std::move(world_->script.front());
    world_->script.pop_front();
    if (next.connect_error) co_return fail(*next.connect_error, "refused");
    co_return std::make_unique<ScriptedStream>(world_, std::move(next));
  }

 private:
  World* const world_;
};

class Notes final : public Log {
 public:
  bool enabled(LogLevel) const noexcept override { return true; }
  void write(LogLevel level, std::string_view message,
             std::initializer_list<LogField> fields) override {
    if (level >= LogLevel::kWarn) ++warnings;
    text += message;
    for (const LogField& field : fields) {
      text += " " + std::string(field.key) + "=";
      if (const auto* value = std::get_if<std::string_view>(&field.value)) text += *value;
    }
    text += "\n";
  }
  int warnings = 0;
  std::string text;
};

class Counts final : public Metrics {
 public:
  void auth_request(std::string_view result, Duration) override { auth.emplace_back(result); }
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
  void swept(std::uint64_t, ByteCount) override {}
  void orphans(std::uint64_t, ByteCount) override {}
  std::vector<std::string> auth;
};

using Answer = std::optional<Result<AuthAnswer>>;

Task<void> ask(App* app, AuthRequest request, Deadline deadline, Answer* out) {
  auto answer = co_await app->authorize(std::move(request), deadline);
  out->emplace(std::move(answer));
}

class ForwardAppTest : public ::testing::Test {
 protected:
  ForwardAppTest() {
    AuthOptions options;
    options.mode = AuthOptions::Mode::kForward;
    options.url = "http://app.example:8081/auth?x=1";
    auto made = make_app(options, &client, &clock, &metrics, &log);
    EXPECT_TRUE(made.has_value());
    app = std::move(*made);
  }

  void answers(std::string head, std::string body = "") {
    World::Connection connection;
    connection.answer =
        "HTTP/1.1 " + head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    world.script.push_back(std::move(connection));
  }
  void refuses() {
    World::Connection connection;
    connection.connect_error = Errc::kUnavailable;
    world.script.push_back(std::move(connection));
  }

  AuthRequest request() {
    AuthRequest r;
    r.request_id = "r-1";
    r.method = "PUT";
    r.target = "/upload/a.bin";
    r.host = "upload.example";
    r.scheme = "http";
    r.client = "192.0.2.7";
    r.name = "a.bin";
    r.headers.add("Authorization", "Bearer canary");
    return r;
  }

  // Starts one question; it may need time to pass.
  void start(Deadline deadline = Deadline::never()) {
    answer.reset();
    scope.spawn(ask(app.get(), request(), deadline, &answer));
    world.run();
  }
  // Passes time in small steps until there is an answer.
  void wait(Duration limit = seconds(20)) {
    for (Duration passed{}; !answer && passed < limit; passed += milliseconds(10)) {
      world.advance(milliseconds(10));
    }
  }

  void expect_granted() {
    ASSERT_TRUE(answer.has_value());
    ASSERT_TRUE(answer->has_value()) << answer->error().detail();
    EXPECT_TRUE(std::holds_alternative<core::Grant>(**answer));
  }
  void expect_denied(int status) {
    ASSERT_TRUE(answer.has_value());
    ASSERT_TRUE(answer->has_value()) << answer->error().detail();
    ASSERT_TRUE(std::holds_alternative<Denial>(**answer));
    EXPECT_EQ(std::get<Denial>(**answer).status, status);
  }
  void expect_unavailable() {
    ASSERT_TRUE(answer.has_value());
    ASSERT_FALSE(answer->has_value());
    EXPECT_EQ(answer->error().code(), Errc::kUnavailable);
    EXPECT_EQ(metrics.auth.back(), "error");
    EXPECT_EQ(log.warnings, 1);
    EXPECT_EQ(log.text.find("canary"), std::string::npos) << log.text;
  }

  World world;
  FakeClock clock{&world};
  ScriptedDialer dialer{&world};
  fetch::HttpClient client{world.context.get_executor(), &clock, &dialer, fetch::ClientOptions()};
  Notes log;
  Counts metrics;
  std::unique_ptr<App> app;
  TaskScope scope{world.context.get_executor()};
  Answer answer;
};

TEST_F(ForwardAppTest, R15TheCredentialArrivesUnchanged) {
  answers("200 OK\r\n");
  start();
  expect_granted();
  ASSERT_EQ(world.requests.size(), 1U);
  const std::string& head = world.requests[0];
  EXPECT_EQ(head.rfind("GET /auth?x=1 HTTP/1.1\r\n", 0), 0U) << head;
  EXPECT_NE(head.find("\r\nAuthorization: Bearer canary\r\n"), std::string::npos) << head;
  EXPECT_NE(head.find("\r\nHost: app.example:8081\r\n"), std::string::npos);
  EXPECT_NE(head.find("\r\nX-Upload-Name: a.bin\r\n"), std::string::npos);
  EXPECT_EQ(world.dialled.at(0), Endpoint("app.example", 8081, false));
  EXPECT_EQ(log.text.find("canary"), std::string::npos);
}

TEST_F(ForwardAppTest, R16Any2xxAllows) {
  for (const char* status : {"200 OK\r\n", "201 Created\r\n", "202 Accepted\r\n"}) {
    answers(status);
    start();
    wait();
    expect_granted();
  }
  World::Connection no_content;
  no_content.answer = "HTTP/1.1 204 No Content\r\nX-Upload-Subject: u7\r\n\r\n";
  no_content.stall = true;
  world.script.push_back(no_content);
  start();
  wait();
  expect_granted();
  EXPECT_EQ(metrics.auth, std::vector<std::string>(4, "allow"));
}

TEST_F(ForwardAppTest, TheGrantCarriesWhatTheApplicationChose) {
  answers("200 OK\r\nX-Upload-Key: u/42/x\r\nX-Upload-Max-Size: 1000\r\nX-Upload-Subject: u42\r\n",
          "ignored");
  start();
  expect_granted();
  const auto& grant = std::get<core::Grant>(**answer);
  EXPECT_EQ(grant.key, "u/42/x");
  EXPECT_EQ(grant.size_max, ByteCount(1000));
  EXPECT_EQ(grant.subject, "u42");
}

TEST_F(ForwardAppTest, R17A4xxIsMirrored) {
  answers(
      "401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Type: text/plain\r\n"
      "Set-Cookie: s=1\r\n",
      "log in first");
  start();
  expect_denied(401);
  const auto& denial = std::get<Denial>(**answer);
  EXPECT_EQ(*denial.headers.find("WWW-Authenticate"), "Bearer");
  EXPECT_EQ(*denial.headers.find("Content-Type"), "text/plain");
  EXPECT_EQ(denial.headers.find("Set-Cookie"), nullptr);
  EXPECT_EQ(denial.body, "log in first");
  for (const int status : {403, 404, 429, 451}) {
    answers(std::to_string(status) + " No\r\nRetry-After: 7\r\n");
    start();
    wait();
    expect_denied(status);
    EXPECT_EQ(*std::get<Denial>(**answer).headers.find("Retry-After"), "7");
  }
  EXPECT_EQ(metrics.auth, std::vector<std::string>(5, "deny"));
  EXPECT_EQ(log.warnings, 0);
}

TEST_F(ForwardAppTest, ALargeDenialComesWithoutItsBody) {
  answers("403 Forbidden\r\nContent-Type: text/html\r\n", std::string(64U << 10, 'x'));
  start();
  wait();
  expect_denied(403);
  EXPECT_EQ(std::get<Denial>(**answer).body.size(), 64U << 10);

  answers("403 Forbidden\r\nContent-Type: text/html\r\n", std::string((64U << 10) + 1, 'x'));
  start();
  wait();
  expect_denied(403);
  EXPECT_EQ(std::get<Denial>(**answer).body, "");
  EXPECT_EQ(std::get<Denial>(**answer).headers.find("Content-Type"), nullptr);
}

TEST_F(ForwardAppTest, R18RefusedTwiceIsUnavailable) {
  refuses();
  refuses();
  answers("200 OK\r\n");  // must not be reached
  start();
  wait();
  expect_unavailable();
  EXPECT_EQ(world.dialled.size(), 2U);
}

TEST_F(ForwardAppTest, OneRetryIfTheApplicationCouldNotBeReached) {
  refuses();
  answers("200 OK\r\n");
  start();
  wait();
  expect_granted();
  EXPECT_EQ(world.dialled.size(), 2U);
}

TEST_F(ForwardAppTest, R18SilenceIsUnavailableAndNotRepeated) {
  World::Connection silent;
  silent.stall = true;
  world.script.push_back(silent);
  answers("200 OK\r\n");  // must not be reached
  start();
  world.advance(milliseconds(4900));
  EXPECT_FALSE(answer.has_value());
  wait();
  expect_unavailable();
  EXPECT_LE(world.now - Instant(std::chrono::hours(1)), milliseconds(5500));
  EXPECT_EQ(world.requests.size(), 1U);
}

TEST_F(ForwardAppTest, TheCallersDeadlineCounts) {
  World::Connection silent;
  silent.stall = true;
  world.script.push_back(silent);
  start(Deadline(world.now + seconds(1)));
  wait();
  expect_unavailable();
  EXPECT_LE(world.now - Instant(std::chrono::hours(1)), milliseconds(1500));
}

TEST_F(ForwardAppTest, AConnectionThatEndsInTheMiddleIsNotPermission) {
  for (const char* broken : {"", "HTTP/1.1 200 O", "HTTP/1.1 200 OK\r\nX-Upload-Key: a",
                             "HTTP/2 200\r\n\r\n", "nonsense\r\n\r\n"}) {
    World::Connection connection;
    connection.answer = broken;
    world.script.clear();
    world.script.push_back(connection);
    world.script.push_back(connection);
    log.warnings = 0;
    start();
    wait();
    expect_unavailable();
  }
}

TEST_F(ForwardAppTest, R20RedirectsAreNotFollowed) {
  answers("302 Found\r\nLocation: http://elsewhere.example/\r\n");
  start();
  wait();
  expect_unavailable();
  EXPECT_EQ(world.dialled.size(), 1U);
  EXPECT_EQ(world.requests.size(), 1U);
}

TEST_F(ForwardAppTest, ServerErrorsAreUnavailableAndNotRepeated) {
  answers("500 Oops\r\n");
  answers("200 OK\r\n");
  start();
  wait();
  expect_unavailable();
  EXPECT_EQ(world.requests.size(), 1U);
}

TEST_F(ForwardAppTest, AMalformedFieldIsUnavailable) {
  answers("200 OK\r\nX-Upload-Key: ../canary\r\n");
  start();
  wait();
  expect_unavailable();
  EXPECT_NE(log.text.find("X-Upload-Key"), std::string::npos);
}

// Permission is in the head; a body that never ends must not hold the upload up.
TEST_F(ForwardAppTest, PermissionDoesNotWaitForItsBody) {
  World::Connection connection;
  connection.answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
  connection.stall = true;
  world.script.push_back(connection);
  start();
  wait(seconds(1));
  expect_granted();
}

TEST(MakeApp, ModesAndUrls) {
  EXPECT_FALSE(make_app(AuthOptions(), nullptr, nullptr, nullptr, nullptr).has_value());
  AuthOptions options;
  options.mode = AuthOptions::Mode::kForward;
  options.url = "app.example/auth";
  EXPECT_FALSE(make_app(options, nullptr, nullptr, nullptr, nullptr).has_value());

  options.mode = AuthOptions::Mode::kNone;
  auto open = make_app(options, nullptr, nullptr, nullptr, nullptr);
  ASSERT_TRUE(open.has_value());
  boost::asio::io_context context;
  TaskScope scope(context.get_executor());
  Answer answer;
  scope.spawn(ask(open->get(), AuthRequest(), Deadline::never(), &answer));
  context.poll();
  ASSERT_TRUE(answer.has_value() && answer->has_value());
  const auto& grant = std::get<core::Grant>(**answer);
  EXPECT_EQ(grant.subject, "");
  EXPECT_FALSE(grant.key.has_value());
}

}  // namespace
}  // namespace sluice::hooks
