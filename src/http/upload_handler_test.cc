// The upload listener from the wire to the engine's door and back, with a scripted application and
// a scripted engine. Rows.
#include "http/upload_handler.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "http/testing/upload_listener.h"

namespace sluice::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Reply;
using testing::World;

class ScriptApp final : public App {
 public:
  explicit ScriptApp(World* world) : world_(world) {}
  std::optional<Denial> denial;
  std::optional<Error> error;
  core::Grant grant;
  bool wait = false;
  std::vector<AuthRequest> asked;
  std::vector<Deadline> deadlines;

  Task<Result<AuthAnswer>> authorize(AuthRequest request, Deadline deadline) override {
    asked.push_back(std::move(request));
    deadlines.push_back(deadline);
    while (wait) {
      const Signal::Seen seen = world_->changed.seen();
      co_await world_->changed.wait(seen);
    }
    if (error) co_return fail(*error);
    if (denial) co_return AuthAnswer(*denial);
    co_return AuthAnswer(grant);
  }

 private:
  World* const world_;
};

class ScriptUploads final : public Uploads {
 public:
  core::Outcome outcome = core::Incomplete{};
  std::optional<std::uint64_t> read_max;  // bytes read from an append; nullopt: all
  std::vector<core::Command> commands;
  std::vector<core::Grant> grants;
  std::vector<std::string> bodies;

  Task<core::Outcome> execute(core::Command command, core::Grant grant,
                              engine::BodySource* body) override {
    const bool append = std::holds_alternative<core::Append>(command.verb);
    commands.push_back(std::move(command));
    grants.push_back(std::move(grant));
    bodies.emplace_back();
    const std::uint64_t most = append ? read_max.value_or(1U << 30) : 0;
    while (bodies.back().size() < most) {
      const ByteCount left(most - bodies.back().size());
      auto got = co_await body->read(left);
      if (!got) co_return core::Outcome(core::ClientGone{});
      if (got->empty()) break;
      bodies.back() += got->to_string();
    }
    co_return outcome;
  }
};

class UploadHandlerTest : public testing::UploadListenerTest {
 protected:
  ~UploadHandlerTest() override { stop_server(); }

  void start() { serve(&app_, &uploads_); }
  Reply ask(const std::string& text, bool to_head = false) {
    if (!server_) start();
    client_->send(text);
    return reply(to_head);
  }
  static std::string message(const std::string& method, const std::string& target,
                             const std::string& fields = {}, const std::string& body = {}) {
    std::string out = method + " " + target + " HTTP/1.1\r\nHost: up.example:8080\r\n" + fields;
    if (method == "PUT" || method == "POST") {
      out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    }
    return out + "\r\n" + body;
  }
  static core::Outcome complete() {
    core::Complete done;
    done.result.name = "a.bin";
    done.result.size = ByteCount(5);
    return done;
  }
  static core::Outcome stored(std::uint64_t offset) {
    core::Incomplete out;
    out.offset = ByteOffset(offset);
    return out;
  }

  ScriptApp app_{&world_};
  ScriptUploads uploads_;
};

TEST_F(UploadHandlerTest, PlainPut) {
  uploads_.outcome = complete();
  const Reply r =
      ask(message("PUT", "/upload/dir/a%20b.bin?x=1", "Content-Type: video/mp4\r\n", "hello"));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.fields.at("cache-control"), "no-store");
  ASSERT_EQ(uploads_.commands.size(), 1U);
  EXPECT_EQ(uploads_.commands[0].name, "dir/a b.bin");
  EXPECT_EQ(uploads_.commands[0].attributes.content_type, "video/mp4");
  EXPECT_EQ(uploads_.bodies[0], "hello");
  EXPECT_EQ(log_.requests().back().at("upload"), "dir/a b.bin");
  EXPECT_EQ(log_.requests().back().at("end"), "complete");
  EXPECT_EQ(metrics_.requests.back(), "put308 PUT 200");
}

//
TEST_F(UploadHandlerTest, Query) {
  uploads_.outcome = stored(10);
  const Reply r = ask(message("PUT", "/upload/a", "Content-Range: bytes */20\r\n"));
  EXPECT_EQ(r.status, 308);
  EXPECT_EQ(r.fields.at("range"), "bytes=0-9");
  EXPECT_EQ(r.fields.at("content-length"), "0");
  EXPECT_EQ(r.fields.at("cache-control"), "no-store");
  EXPECT_FALSE(r.has("location"));
  EXPECT_TRUE(std::holds_alternative<core::Query>(uploads_.commands[0].verb));
  const Reply head = ask(message("HEAD", "/upload/a"), true);
  EXPECT_EQ(head.status, 308);
  EXPECT_EQ(head.fields.at("range"), "bytes=0-9");
}

// refused by the head alone, with nobody asked.
TEST_F(UploadHandlerTest, BadRequestsReachNobody) {
  const std::vector<std::pair<std::string, int>> rows = {
      {message("PATCH", "/upload/a"), 405},
      {message("PUT", "/upload/a%2Fb"), 400},
      {message("PUT", "/upload/../a"), 400},
      {message("PUT", "/upload/"), 400},
      {message("PUT", "/upload/a", "Content-Range: bytes 9-0/10\r\n"), 400},
  };
  for (const auto& [text, status] : rows) {
    const Reply r = ask(text);
    EXPECT_EQ(r.status, status) << text;
    EXPECT_EQ(r.fields.at("content-type"), "application/problem+json");
    EXPECT_NE(r.body.find(r.fields.at("x-request-id")), std::string::npos);
    if (status == 405) {
      EXPECT_TRUE(r.has("allow"));
    }
  }
  EXPECT_TRUE(app_.asked.empty());
  EXPECT_TRUE(uploads_.commands.empty());
}

//
TEST_F(UploadHandlerTest, NothingElseIsServed) {
  for (const char* target : {"/", "/upload", "/config/app.yaml", "/../etc/passwd", "/uploads/a"}) {
    const Reply r = ask(message("GET", target));
    EXPECT_EQ(r.status, 404) << target;
    EXPECT_NE(r.body.find("no-such-resource"), std::string::npos);
  }
  EXPECT_TRUE(app_.asked.empty());
  EXPECT_EQ(metrics_.requests.back(), "none GET 404");
}

TEST_F(UploadHandlerTest, RoutesHaveTheirDialects) {
  HttpOptions::Route vimeo;
  vimeo.prefix = "/upload/vimeo/";
  vimeo.speaks = HttpOptions::Speaks::kVimeo;
  options_.routes.push_back(vimeo);
  uploads_.outcome = stored(10);
  EXPECT_EQ(ask(message("PUT", "/upload/a", "Content-Range: bytes */*\r\n")).fields.at("range"),
            "bytes=0-9");
  // R-46; the longest prefix wins.
  EXPECT_EQ(
      ask(message("PUT", "/upload/vimeo/a", "Content-Range: bytes */*\r\n")).fields.at("range"),
      "bytes=0-10");
  EXPECT_EQ(uploads_.commands.back().name, "a");
}

// --- tus

constexpr const char* kTus = "Tus-Resumable: 1.0.0\r\n";

TEST_F(UploadHandlerTest, TusCreation) {  // T-29, T-30, TP-01, TP-14
  core::Incomplete begun;
  begun.total = ByteCount(10);
  uploads_.outcome = begun;
  std::vector<std::string> names;
  for (const char* target : {"/files/", "/files"}) {
    const Reply r = ask(message("POST", target, std::string(kTus) + "Upload-Length: 10\r\n"));
    EXPECT_EQ(r.status, 201);
    EXPECT_EQ(r.fields.at("tus-resumable"), "1.0.0");
    EXPECT_EQ(r.fields.at("cache-control"), "no-store");
    const std::string& name = uploads_.commands.back().name;
    EXPECT_EQ(name.size(), 22U);
    EXPECT_EQ(r.fields.at("location"), "http://up.example:8080/files/" + name);
    EXPECT_EQ(app_.asked.back().name, name);
    EXPECT_EQ(app_.asked.back().length, ByteCount(10));
    names.push_back(name);
  }
  EXPECT_NE(names[0], names[1]);
  EXPECT_EQ(metrics_.requests.back(), "tus POST 201");
}

TEST_F(UploadHandlerTest, TusBehindAProxy) {  // TP-01
  core::Incomplete begun;
  uploads_.outcome = begun;
  options_.forwarded = true;
  const std::string fields = std::string(kTus) + "Upload-Length: 10\r\n";
  const auto origin = [&](const std::string& more) {
    const std::string location = ask(message("POST", "/files/", fields + more)).fields.at("location");
    return location.substr(0, location.find("/files/"));
  };
  EXPECT_EQ(origin("X-Forwarded-Proto: https\r\nX-Forwarded-Host: a.example\r\n"),
            "https://a.example");
  EXPECT_EQ(origin("X-Forwarded-Proto: https, http\r\nX-Forwarded-Host: a.example:1, b\r\n"),
            "https://a.example:1");
  EXPECT_EQ(origin("X-Forwarded-Proto: ftp\r\nX-Forwarded-Host: a/b\r\n"),
            "http://up.example:8080");
}

TEST_F(UploadHandlerTest, TusAnswersAreTus) {  // T-01, TP-02 to TP-04
  const auto expect_tus = [](const Reply& r, int status) {
    EXPECT_EQ(r.status, status);
    EXPECT_EQ(r.fields.at("tus-resumable"), "1.0.0");
    EXPECT_FALSE(r.has("location"));
    EXPECT_FALSE(r.has("upload-offset"));
  };
  const std::string create = message("POST", "/files/", std::string(kTus) + "Upload-Length: 10\r\n");
  expect_tus(ask(message("POST", "/files/", "Upload-Length: 10\r\n")), 412);
  EXPECT_TRUE(app_.asked.empty());
  app_.denial.emplace();
  app_.denial->status = 403;
  expect_tus(ask(create), 403);
  app_.denial->body = "no";
  expect_tus(ask(create), 403);
  app_.denial.reset();
  app_.error = Error(Errc::kUnavailable, "away");
  const Reply away = ask(create);
  expect_tus(away, 503);
  EXPECT_EQ(away.body.substr(0, 4), "ERR_");
  EXPECT_TRUE(away.has("retry-after"));
  EXPECT_TRUE(uploads_.commands.empty());
}

TEST_F(UploadHandlerTest, TusOptions) {  // T-05, T-06
  options_.cors_origins = {"https://app.example"};
  Reply r = ask(message("OPTIONS", "/files/"));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.fields.at("tus-version"), "1.0.0");
  EXPECT_EQ(r.fields.at("tus-max-size"), std::to_string(256U << 20));
  r = ask(message("OPTIONS", "/files/x",
                  "Origin: https://app.example\r\nAccess-Control-Request-Method: PATCH\r\n"));
  EXPECT_EQ(r.status, 204);
  EXPECT_NE(r.fields.at("access-control-allow-methods").find("PATCH"), std::string::npos);
}

// --- the application

//
TEST_F(UploadHandlerTest, TheApplicationIsToldEverything) {
  ask(message("PUT", "/upload/a?t=1",
              "Authorization: Bearer abc\r\nCookie: c=1\r\nContent-Type: video/mp4\r\n"
              "X-Request-Id: r1\r\n",
              "hello"));
  ASSERT_EQ(app_.asked.size(), 1U);
  const AuthRequest& asked = app_.asked[0];
  EXPECT_EQ(asked.request_id, "r1");
  EXPECT_EQ(asked.method, "PUT");
  EXPECT_EQ(asked.target, "/upload/a?t=1");
  EXPECT_EQ(asked.host, "up.example:8080");
  EXPECT_EQ(asked.scheme, "http");
  EXPECT_EQ(asked.client, "192.0.2.7");
  EXPECT_EQ(asked.name, "a");
  EXPECT_EQ(asked.length, ByteCount(5));
  EXPECT_EQ(asked.content_type, "video/mp4");
  ASSERT_NE(asked.headers.find("authorization"), nullptr);
  EXPECT_EQ(*asked.headers.find("authorization"), "Bearer abc");
  EXPECT_EQ(app_.deadlines[0].at(), world_.now + options_.auth_deadline);
}

TEST_F(UploadHandlerTest, TheGrantReachesTheEngine) {
  app_.grant.subject = "user-1";
  app_.grant.key = "k";
  ask(message("PUT", "/upload/a", "", "hello"));
  ASSERT_EQ(uploads_.grants.size(), 1U);
  EXPECT_EQ(uploads_.grants[0].subject, "user-1");
  EXPECT_EQ(uploads_.grants[0].key, "k");
}

//
TEST_F(UploadHandlerTest, DenialsAreMirrored) {
  Denial denial;
  denial.status = 401;
  denial.headers.add("WWW-Authenticate", "Bearer realm=\"up\"");
  denial.headers.add("WWW-Authenticate", "Basic");
  denial.headers.add("Retry-After", "7");
  denial.headers.add("Content-Type", "application/json");
  denial.headers.add("Set-Cookie", "x=y");
  denial.body = "{\"why\":\"expired\"}";
  app_.denial = denial;
  const Reply r = ask(message("PUT", "/upload/a", "", "hello"));
  EXPECT_EQ(r.status, 401);
  EXPECT_EQ(r.fields.at("www-authenticate"), "Bearer realm=\"up\", Basic");
  EXPECT_EQ(r.fields.at("retry-after"), "7");
  EXPECT_EQ(r.fields.at("content-type"), "application/json");
  EXPECT_FALSE(r.has("set-cookie"));
  EXPECT_EQ(r.body, denial.body);
  EXPECT_TRUE(uploads_.commands.empty());
  EXPECT_EQ(log_.requests().back().at("end"), "denied");
}

TEST_F(UploadHandlerTest, ADenialWithoutBodyBecomesAProblem) {
  for (const int status : {401, 403, 413, 429}) {
    app_.denial.emplace();
    app_.denial->status = status;
    const Reply r = ask(message("PUT", "/upload/a", "", "hello"));
    EXPECT_EQ(r.status, status);
    EXPECT_EQ(r.fields.at("content-type"), "application/problem+json");
    EXPECT_NE(r.body.find("\"status\":" + std::to_string(status)), std::string::npos) << r.body;
  }
  // Statuses that the catalogue uses for other things, or not at all.
  for (const int status : {400, 402, 404, 451}) {
    app_.denial->status = status;
    const Reply r = ask(message("PUT", "/upload/a", "", "hello"));
    EXPECT_EQ(r.status, status);
    EXPECT_EQ(r.body, "");
  }
  app_.denial->status = 302;  // outside its contract: never a redirect, never permission
  EXPECT_EQ(ask(message("PUT", "/upload/a", "", "hello")).status, 403);
}

//
TEST_F(UploadHandlerTest, AnApplicationThatCannotBeAskedIsNoPermission) {
  app_.error = Error(Errc::kUnavailable, "connection refused");
  const Reply r = ask(message("PUT", "/upload/a", "", "hello"));
  EXPECT_EQ(r.status, 503);
  EXPECT_EQ(r.fields.at("retry-after"), "2");
  EXPECT_NE(r.body.find("application-unavailable"), std::string::npos);
  EXPECT_EQ(r.body.find("refused"), std::string::npos);  // for operators only
  EXPECT_TRUE(uploads_.commands.empty());
}

//
TEST_F(UploadHandlerTest, NothingIsReadBeforePermission) {
  app_.wait = true;
  start();
  client_->send(
      "PUT /upload/a HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n"
      "Expect: 100-continue\r\n\r\n");
  world_.advance(seconds(1));
  EXPECT_EQ(client_->take(), "");
  EXPECT_EQ(pool_.usage().taken, ByteCount());
  app_.denial.emplace();
  app_.wait = false;
  world_.run();
  EXPECT_EQ(reply().status, 403);  // no 100 before it: parse_replies() would have counted it
  EXPECT_TRUE(uploads_.commands.empty());
}

TEST_F(UploadHandlerTest, ADeniedBodyStaysInTheSocket) {
  app_.wait = true;
  start();
  client_->send("PUT /upload/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  client_->send(std::string(100'000, 'x'));
  EXPECT_EQ(client_->wire->to_server.size(), 100'000U);
  app_.denial.emplace();
  app_.wait = false;
  world_.run();
  EXPECT_TRUE(reply().closes());
}

//
TEST_F(UploadHandlerTest, QueriesAreAuthorizedToo) {
  app_.denial.emplace();
  EXPECT_EQ(ask(message("PUT", "/upload/a", "Content-Range: bytes */*\r\n")).status, 403);
  EXPECT_EQ(ask(message("DELETE", "/upload/a")).status, 403);
  EXPECT_EQ(ask(message("GET", "/upload/a")).status, 403);
  EXPECT_TRUE(uploads_.commands.empty());
}

// --- outcomes

TEST_F(UploadHandlerTest, RefusalsAreProblems) {
  core::Problem problem(core::ProblemType::kDraining);
  problem.retry_after_s = 0;
  core::Refused refused{problem, std::nullopt};
  uploads_.outcome = refused;
  const Reply r = ask(message("PUT", "/upload/a", "", "hello"));
  EXPECT_EQ(r.status, 503);
  EXPECT_EQ(r.fields.at("retry-after"), "0");
  EXPECT_NE(r.body.find("draining"), std::string::npos);
  EXPECT_EQ(log_.requests().back().at("end"), "draining");
}

TEST_F(UploadHandlerTest, AVanishedClientIsNotAnswered) {
  start();
  client_->send("PUT /upload/a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123");
  client_->finish();
  EXPECT_EQ(client_->take(), "");
  EXPECT_TRUE(client_->closed());
  EXPECT_EQ(log_.requests().back().at("end"), "client-gone");
  EXPECT_EQ(metrics_.requests.back(), "put308 PUT 0");
}

//
TEST_F(UploadHandlerTest, ALengthHeaderThatIsTooLargeOnResume) {
  uploads_.outcome = complete();
  uploads_.read_max = 10;
  start();
  client_->send(
      "PUT /upload/a HTTP/1.1\r\nHost: h\r\nContent-Range: bytes 10-20/20\r\n"
      "Content-Length: 20\r\n\r\n0123456789");
  const Reply r = reply();
  EXPECT_EQ(r.status, 200);
  EXPECT_TRUE(r.closes());
}

//
TEST_F(UploadHandlerTest, AStoredResultIsAnsweredBehindTheBody) {
  uploads_.outcome = complete();
  uploads_.read_max = 0;
  start();
  client_->send(
      "PUT /upload/a HTTP/1.1\r\nHost: h\r\nContent-Range: bytes 0-99/*\r\n"
      "Content-Length: 100\r\n\r\n");
  EXPECT_EQ(client_->take(), "");  // browsers would throw it away
  client_->send(std::string(100, 'x'));
  const Reply r = reply();
  EXPECT_EQ(r.status, 200);
  EXPECT_FALSE(r.closes());
}

// --- CORS

TEST_F(UploadHandlerTest, Preflight) {
  options_.cors_origins = {"https://app.example"};
  const Reply r =
      ask(message("OPTIONS", "/upload/a",
                  "Origin: https://app.example\r\nAccess-Control-Request-Method: PUT\r\n"
                  "Access-Control-Request-Headers: content-range,authorization\r\n"));
  EXPECT_EQ(r.status, 204);
  EXPECT_EQ(r.fields.at("access-control-allow-origin"), "https://app.example");
  EXPECT_NE(r.fields.at("access-control-allow-methods").find("PUT"), std::string::npos);
  EXPECT_EQ(r.fields.at("access-control-allow-headers"), "content-range,authorization");
  EXPECT_FALSE(r.has("content-length"));
  EXPECT_TRUE(app_.asked.empty());  // a preflight carries no credential
}

TEST_F(UploadHandlerTest, OptionsWithoutCors) {
  const Reply r = ask(message("OPTIONS", "/upload/a",
                              "Origin: https://app.example\r\n"
                              "Access-Control-Request-Method: PUT\r\n"));
  EXPECT_EQ(r.status, 204);
  EXPECT_NE(r.fields.at("allow").find("PUT"), std::string::npos);
  EXPECT_FALSE(r.has("access-control-allow-origin"));
  EXPECT_EQ(ask(message("OPTIONS", "*")).status, 204);
  EXPECT_EQ(ask(message("OPTIONS", "/elsewhere")).status, 404);
}

TEST_F(UploadHandlerTest, EveryAnswerIsReadableForAllowedPages) {
  options_.cors_origins = {"https://app.example"};
  const std::string origin = "Origin: https://app.example\r\n";
  uploads_.outcome = stored(5);
  Reply r = ask(message("PUT", "/upload/a", origin + "Content-Range: bytes 0-4/9\r\n", "hello"));
  EXPECT_EQ(r.status, 308);
  EXPECT_EQ(r.fields.at("access-control-allow-origin"), "https://app.example");
  EXPECT_NE(r.fields.at("access-control-expose-headers").find("Range"), std::string::npos);
  r = ask(message("PUT", "/upload/a", origin + "Content-Range: nonsense\r\n", "hello"));
  EXPECT_EQ(r.status, 400);
  EXPECT_TRUE(r.has("access-control-allow-origin"));
  app_.denial.emplace();
  r = ask(message("PUT", "/upload/a", origin, "hello"));
  EXPECT_EQ(r.status, 403);
  EXPECT_TRUE(r.has("access-control-allow-origin"));
}

}  // namespace
}  // namespace sluice::http
