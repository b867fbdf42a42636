// Whole connections: heads, answers, keep-alive, pipelines, limits, early refusals, drain. Rows:
// ecosystem digest 2.4, 3.3 no. 3 and 4.
#include "http/connection.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "http/http_server.h"
#include "http/testing/script_handler.h"
#include "http/testing/world.h"

namespace sluice::http {
namespace {

using namespace std::string_literals;
using literals::operator""_KiB;
using literals::operator""_MiB;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Client;
using testing::parse_replies;
using testing::Reply;
using testing::World;

std::string put(std::size_t length, const std::string& fields = {}) {
  return "PUT /upload/a HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(length) + "\r\n" +
         fields + "\r\n";
}
const std::string kGet = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

class ConnectionTest : public ::testing::Test {
 protected:
  ConnectionTest() { start(); }
  ~ConnectionTest() override { stop_server(); }

  void start() {
    Connection::Services services;
    services.executor = world_.executor();
    services.clock = &clock_;
    services.random = &random_;
    services.log = &log_;
    services.metrics = &metrics_;
    services.pool = &pool_;
    services.handler = &handler_;
    server_.emplace(services, options_);
  }
  void stop_server() {
    if (!server_) return;
    drain(seconds(0));
    EXPECT_EQ(server_->connections(), 0U);
    EXPECT_EQ(metrics_.opened, metrics_.closed);
    server_.reset();
  }
  // With other options.
  void restart() {
    stop_server();
    start();
  }
  std::unique_ptr<Client> connect() {
    auto client = std::make_unique<Client>(&world_);
    server_->serve(client->stream());
    world_.run();
    return client;
  }
  void drain(Duration time) {
    drained_ = false;
    tasks_.spawn(drainer(this, Deadline(world_.now + time)));
    world_.run();
  }
  static Task<void> drainer(ConnectionTest* t, Deadline deadline) {
    co_await t->server_->drain(deadline);
    t->drained_ = true;
  }
  // The one answer that came since the last look.
  Reply reply(Client* client, bool to_head = false) {
    const auto replies = parse_replies(client->take(), to_head);
    EXPECT_EQ(replies.size(), 1U);
    return replies.empty() ? Reply() : replies.front();
  }

  World world_;
  testing::FakeClock clock_{&world_};
  testing::FakeRandom random_;
  testing::FakeLog log_;
  testing::FakeMetrics metrics_;
  BlockPool pool_{4_MiB};
  HttpOptions options_;
  testing::ScriptHandler handler_;
  std::optional<HttpServer> server_;
  TaskScope tasks_{world_.executor()};
  bool drained_ = false;
};

TEST_F(ConnectionTest, RequestAndAnswer) {
  auto client = connect();
  client->send(put(5) + "hello");
  const Reply r = reply(client.get());
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.body, "done");
  EXPECT_EQ(r.fields.at("content-length"), "4");
  EXPECT_EQ(r.fields.at("x-request-id").size(), 32U);
  EXPECT_FALSE(r.has("connection"));
  ASSERT_EQ(handler_.bodies.size(), 1U);
  EXPECT_EQ(handler_.bodies[0], "hello");
  EXPECT_EQ(handler_.requests[0]->head().target, "/upload/a");
  EXPECT_EQ(handler_.requests[0]->peer(), "192.0.2.7");
  EXPECT_FALSE(client->sees_end());
}

TEST_F(ConnectionTest, EverySplitOfTheInputGivesTheSameAnswers) {
  const std::string text = put(5) + "hello" + kGet +
                           "PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
                           "3\r\nabc\r\n0\r\n\r\n" + kGet;
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    handler_.requests.clear();
    handler_.bodies.clear();
    handler_.errors.clear();
    auto client = connect();
    client->send(text.substr(0, cut));
    client->send(text.substr(cut));
    world_.advance(seconds(1));
    ASSERT_EQ(handler_.bodies, (std::vector<std::string>{"hello", "", "abc", ""})) << cut;
    EXPECT_EQ(parse_replies(client->take()).size(), 4U) << cut;
  }
}

TEST_F(ConnectionTest, ByteByByte) {
  auto client = connect();
  for (const char c : put(5) + "hello") client->send(std::string(1, c));
  EXPECT_EQ(reply(client.get()).status, 200);
  EXPECT_EQ(handler_.bodies[0], "hello");
}

TEST_F(ConnectionTest, PipelinedRequestsAreAnsweredInOrder) {
  auto client = connect();
  std::string text;
  for (int i = 0; i < 9; ++i) text += put(6) + "body-" + std::to_string(i) + kGet;
  client->send(text);
  const auto replies = parse_replies(client->take());
  EXPECT_EQ(replies.size(), 18U);
  ASSERT_EQ(handler_.bodies.size(), 18U);
  for (std::size_t i = 0; i < 9; ++i)
    EXPECT_EQ(handler_.bodies[2 * i], "body-" + std::to_string(i));
}

TEST_F(ConnectionTest, AnEmptyLineBetweenRequestsIsForgiven) {
  auto client = connect();
  client->send(put(5) + "hello\r\n");
  EXPECT_EQ(reply(client.get()).status, 200);
  world_.advance(seconds(30));  // the idle time counts, not that of a head
  EXPECT_EQ(client->take(), "");
  client->send(kGet);
  EXPECT_EQ(reply(client.get()).status, 200);
}

TEST_F(ConnectionTest, ConnectionCloseIsHonoured) {
  auto client = connect();
  client->send(put(5, "Connection: close\r\n") + "hello");
  EXPECT_TRUE(reply(client.get()).closes());
  EXPECT_TRUE(client->closed());
}

TEST_F(ConnectionTest, Http10) {
  auto client = connect();
  client->send("PUT /a HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_TRUE(reply(client.get()).closes());
  EXPECT_TRUE(client->closed());
  auto kept = connect();
  kept->send("PUT /a HTTP/1.0\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello");
  EXPECT_EQ(reply(kept.get()).fields.at("connection"), "keep-alive");
  EXPECT_FALSE(kept->sees_end());
}

TEST_F(ConnectionTest, HeadAnswersHaveNoBody) {
  auto client = connect();
  client->send("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n" + kGet);
  const std::string text = client->take();
  const std::size_t end = text.find("\r\n\r\n") + 4;
  const auto first = parse_replies(text.substr(0, end), true);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].fields.at("content-length"), "4");
  EXPECT_EQ(parse_replies(text.substr(end)).size(), 1U);
}

//
TEST_F(ConnectionTest, EmptyAnswersAreFramed) {
  handler_.answer = Answer();
  handler_.answer.head.status = 308;
  auto client = connect();
  client->send(kGet);
  Reply r = reply(client.get());
  EXPECT_EQ(r.fields.at("content-length"), "0");
  EXPECT_FALSE(r.has("location"));
  handler_.answer.head.status = 204;
  client->send(kGet);
  r = reply(client.get());
  EXPECT_FALSE(r.has("content-length"));
}

TEST_F(ConnectionTest, HandlersCannotBreakTheFraming) {
  handler_.answer.head.headers.add("Content-Length", "99");
  handler_.answer.head.headers.add("Transfer-Encoding", "chunked");
  handler_.answer.head.headers.add("X-Evil", "a\r\nX-Injected: b");
  handler_.answer.head.headers.add("X-Good", "c");
  handler_.answer.head.reason = "Fine\r\nX-Injected: b";
  auto client = connect();
  client->send(kGet);
  const Reply r = reply(client.get());
  EXPECT_EQ(r.fields.at("content-length"), "4");
  EXPECT_FALSE(r.has("transfer-encoding"));
  EXPECT_FALSE(r.has("x-evil"));
  EXPECT_FALSE(r.has("x-injected"));
  EXPECT_EQ(r.fields.at("x-good"), "c");
}

TEST_F(ConnectionTest, RequestIds) {
  auto client = connect();
  const auto id_for = [&](const std::string& fields) {
    client->send("GET /x HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n");
    return reply(client.get()).fields.at("x-request-id");
  };
  EXPECT_EQ(id_for("X-Request-Id: Abc-1_2.3\r\n"), "Abc-1_2.3");
  EXPECT_EQ(id_for("X-Request-Id: " + std::string(64, 'x') + "\r\n"), std::string(64, 'x'));
  const std::vector<std::string> refused = {"",
                                            "X-Request-Id:\r\n",
                                            "X-Request-Id: a b\r\n",
                                            "X-Request-Id: <x>\r\n",
                                            "X-Request-Id: " + std::string(65, 'x') + "\r\n",
                                            "X-Request-Id: a\r\nX-Request-Id: a\r\n"};
  for (const std::string& fields : refused) {
    const std::string id = id_for(fields);
    EXPECT_EQ(id.size(), 32U) << fields;
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos) << fields;
  }
  EXPECT_EQ(log_.requests().front().at("request_id"), "Abc-1_2.3");
}

// --- what cannot be understood

TEST_F(ConnectionTest, BadHeadsGetAProblemAndTheEnd) {
  struct Row {
    std::string text;
    int status;
    std::string slug;
  };
  const std::vector<Row> rows = {
      {"nonsense\r\n\r\n", 400, "malformed-request"},
      {"GET / HTTP/1.1\r\n\r\n", 400, "malformed-request"},
      {"GET / HTTP/1.1\nHost: h\n\n", 400, "malformed-request"},
      {"\x16\x03\x01\x02\x00\x01"s, 400, "malformed-request"},
      {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505, "http-version"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "http-version"},
      {"GET /" + std::string(40'000, 'a'), 414, "target-too-long"},
      {"GET / HTTP/1.1\r\nX: " + std::string(40'000, 'a'), 431, "headers-too-large"},
      {"\r\nGET / HTTP/1.1\r\nX: " + std::string(40'000, 'a'), 431, "headers-too-large"},
  };
  for (const Row& row : rows) {
    auto client = connect();
    client->send(row.text);
    const Reply r = reply(client.get());
    EXPECT_EQ(r.status, row.status) << row.text.substr(0, 60);
    EXPECT_TRUE(r.closes());
    EXPECT_EQ(r.fields.at("content-type"), "application/problem+json");
    EXPECT_NE(r.body.find(row.slug), std::string::npos) << r.body;
    EXPECT_NE(r.body.find(r.fields.at("x-request-id")), std::string::npos) << r.body;
    EXPECT_TRUE(client->sees_end());
    EXPECT_FALSE(client->closed());  // a reset could take the answer away
    client->send(kGet);              // falls into the void
    EXPECT_EQ(client->wire->to_server, "");
    client->finish();
    EXPECT_TRUE(client->closed());
    EXPECT_EQ(client->take(), "");
  }
  EXPECT_TRUE(handler_.requests.empty());
  EXPECT_EQ(metrics_.requests.front(), "none none 400");
  EXPECT_EQ(log_.requests().front().at("end"), "malformed-request");
}

TEST_F(ConnectionTest, TooManyFields) {
  std::string text = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 200; ++i) text += "X: 1\r\n";
  auto client = connect();
  client->send(text + "\r\n");
  EXPECT_EQ(reply(client.get()).status, 431);
}

// What one of two servers could take for a second request is never answered.
TEST_F(ConnectionTest, SmuggledRequestsAreNeverSeen) {
  const std::string smuggled = "PUT /smuggled HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
  const std::vector<std::string> fields = {
      "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
      "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
      "Content-Length: 1, 1\r\n\r\nx",
      "Content-Length: +1\r\n\r\nx",
      "Content-Length: 0x1\r\n\r\nx",
      "Content-Length: 18446744073709551617\r\n\r\nx",
      "Content-Length:\r\n\r\nx",
      "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
      "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
      "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
      "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
      "X: 1\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "X: 1\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "X: \0\r\nContent-Length: 1\r\n\r\nx"s,
      ": x\r\nContent-Length: 1\r\n\r\nx",
      "Host: other\r\nContent-Length: 1\r\n\r\nx",
  };
  for (const std::string& rest : fields) {
    auto client = connect();
    client->send("PUT /a HTTP/1.1\r\nHost: h\r\n" + rest + smuggled);
    client->finish();
    const Reply r = reply(client.get());
    EXPECT_EQ(r.status, 400) << rest;
    EXPECT_TRUE(r.closes()) << rest;
    EXPECT_TRUE(client->closed()) << rest;
  }
  EXPECT_TRUE(handler_.requests.empty());
}

TEST_F(ConnectionTest, BrokenChunksEndTheConnection) {
  handler_.answer = problem_answer(core::Problem(core::ProblemType::kMalformedRequest), "id");
  auto client = connect();
  client->send("PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n" +
               kGet);
  client->finish();
  EXPECT_TRUE(reply(client.get()).closes());
  EXPECT_EQ(handler_.errors[0], Errc::kInvalidArgument);
  EXPECT_EQ(handler_.requests.size(), 1U);
}

TEST_F(ConnectionTest, OnlyOneExpectationIsKnown) {
  auto client = connect();
  client->send(put(5, "Expect: the-unexpected\r\n") + "hello" + kGet);
  const auto replies = parse_replies(client->take());
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[0].status, 417);
  EXPECT_EQ(handler_.requests.size(), 1U);  // the second one only
}

// --- time

TEST_F(ConnectionTest, ASlowHeadIsCutOffAtItsTime) {
  auto client = connect();
  const std::string head = "PUT /upload/a HTTP/1.1\r\nHost: h\r\n";
  client->send(head);
  for (int i = 0; i < 19; ++i) {
    world_.advance(seconds(1));
    client->send("X: 1\r\n");
  }
  EXPECT_EQ(client->take(), "");
  world_.advance(seconds(2));
  const Reply r = reply(client.get());
  EXPECT_EQ(r.status, 408);
  EXPECT_TRUE(r.closes());
  world_.advance(seconds(2));
  EXPECT_TRUE(client->closed());
}

TEST_F(ConnectionTest, ASilentConnectionEndsWithoutAWord) {
  auto client = connect();
  world_.advance(seconds(19));
  EXPECT_FALSE(client->closed());
  world_.advance(seconds(2));
  EXPECT_TRUE(client->closed());
  EXPECT_EQ(client->take(), "");
  EXPECT_TRUE(metrics_.requests.empty());
}

TEST_F(ConnectionTest, AnIdleConnectionIsKeptForAWhile) {
  auto client = connect();
  client->send(kGet);
  EXPECT_EQ(reply(client.get()).status, 200);
  world_.advance(seconds(74));
  EXPECT_FALSE(client->closed());
  world_.advance(seconds(2));
  EXPECT_TRUE(client->closed());
  EXPECT_EQ(client->take(), "");
}

TEST_F(ConnectionTest, AnIdleConnectionHoldsNoBuffer) {
  auto client = connect();
  EXPECT_TRUE(client->wire->capacities.empty());
  client->send(kGet);
  client->wire->capacities.clear();
  world_.run();
  EXPECT_TRUE(client->wire->capacities.empty());
  EXPECT_TRUE(client->wire->pending);
  EXPECT_EQ(client->wire->low_waters.back(), 1U);
  EXPECT_EQ(pool_.usage().taken, ByteCount());
}

TEST_F(ConnectionTest, ASilentBodyTimesOutAndIsAnswered) {
  handler_.answer = problem_answer(core::Problem(core::ProblemType::kRequestTimeout), "id");
  auto client = connect();
  client->send(put(20) + "0123456789");
  world_.advance(seconds(30));
  client->send("x");
  world_.advance(seconds(1));
  world_.advance(seconds(57));
  EXPECT_EQ(client->take(), "");
  world_.advance(seconds(5));
  const Reply r = reply(client.get());
  EXPECT_EQ(r.status, 408);
  EXPECT_TRUE(r.closes());
  EXPECT_EQ(handler_.errors[0], Errc::kTimedOut);
  EXPECT_EQ(handler_.bodies[0], "0123456789x");
}

TEST_F(ConnectionTest, AClientThatTakesNoAnswerIsGivenUp) {
  handler_.answer = text_answer(200, std::string(10'000, 'x'));
  auto client = connect();
  client->wire->window = 100;
  client->send(kGet);
  world_.advance(seconds(29));
  EXPECT_FALSE(client->closed());
  world_.advance(seconds(2));
  EXPECT_TRUE(client->closed());
  EXPECT_EQ(log_.requests().back().at("end"), "answer-not-taken");
  EXPECT_EQ(log_.requests().back().at("status"), "0");
}

// --- cuts

TEST_F(ConnectionTest, ACutBodyIsNotAnswered) {
  auto client = connect();
  client->send(put(20) + "0123456789");
  client->finish();
  EXPECT_EQ(handler_.errors[0], Errc::kDisconnected);
  EXPECT_EQ(handler_.bodies[0], "0123456789");
  EXPECT_EQ(client->take(), "");
  EXPECT_TRUE(client->closed());
  EXPECT_EQ(metrics_.requests.back(), "none PUT 0");
  EXPECT_EQ(log_.requests().back().at("bytes_in"), "10");
}

TEST_F(ConnectionTest, HalfCloseBehindTheBodyIsFine) {
  handler_.wait = true;
  auto client = connect();
  client->send(put(5) + "hello");
  client->finish();
  handler_.go();
  world_.run();
  EXPECT_EQ(reply(client.get()).status, 200);
  EXPECT_TRUE(client->closed());
}

TEST_F(ConnectionTest, FinInsideAHeadEndsQuietly) {
  auto client = connect();
  client->send("PUT /upload/a HT");
  client->finish();
  EXPECT_EQ(client->take(), "");
  EXPECT_TRUE(client->closed());
}

// --- Expect: 100-continue

TEST_F(ConnectionTest, ContinueIsSentWhenTheBodyIsWanted) {
  auto client = connect();
  client->send(put(5, "Expect: 100-continue\r\n"));
  EXPECT_EQ(client->take(), "HTTP/1.1 100 Continue\r\n\r\n");
  client->send("hello" + kGet);
  EXPECT_EQ(parse_replies(client->take()).size(), 2U);
  EXPECT_EQ(handler_.bodies[0], "hello");
}

TEST_F(ConnectionTest, RefusedWithoutContinue) {
  handler_.read_max = 0;
  handler_.answer = problem_answer(core::Problem(core::ProblemType::kForbidden), "id");
  auto client = connect();
  client->send(put(5, "Expect: 100-continue\r\n"));
  const Reply r = reply(client.get());
  EXPECT_EQ(r.status, 403);
  EXPECT_TRUE(r.closes());  // whether a body follows is the client's secret
  client->send("hello" + kGet);
  client->finish();
  EXPECT_EQ(client->take(), "");
  EXPECT_EQ(handler_.requests.size(), 1U);
}

TEST_F(ConnectionTest, AnEarlySuccessWithoutContinueDoesNotWait) {
  handler_.read_max = 0;
  auto client = connect();
  client->send(put(5, "Expect: 100-continue\r\n"));
  const Reply r = reply(client.get());
  EXPECT_EQ(r.status, 200);
  EXPECT_TRUE(r.closes());
}

// --- answers before the end of the body (ruling 12)

TEST_F(ConnectionTest, ARefusalWithASmallRestKeepsTheConnection) {
  handler_.read_max = 0;
  handler_.answer = problem_answer(core::Problem(core::ProblemType::kForbidden), "id");
  auto client = connect();
  client->send(put(100));
  const Reply r = reply(client.get());  // at once
  EXPECT_EQ(r.status, 403);
  EXPECT_FALSE(r.closes());
  client->send(std::string(100, 'x') + kGet);
  EXPECT_EQ(reply(client.get()).status, 403);
  EXPECT_EQ(handler_.requests.size(), 2U);
  EXPECT_EQ(handler_.requests[1]->head().method, "GET");
}

TEST_F(ConnectionTest, ARefusalWithASmallRestThatNeverComes) {
  handler_.read_max = 0;
  handler_.answer = problem_answer(core::Problem(core::ProblemType::kForbidden), "id");
  auto client = connect();
  client->send(put(100) + "x");
  EXPECT_EQ(reply(client.get()).status, 403);
  world_.advance(milliseconds(900));
  EXPECT_FALSE(client->closed());
  world_.advance(milliseconds(200));
  world_.advance(seconds(2));
  EXPECT_TRUE(client->closed());
}

TEST_F(ConnectionTest, ARefusalWithALargeRestIsSeenAndCostsLittle) {
  handler_.read_max = 0;
  handler_.answer = problem_answer(core::Problem(core::ProblemType::kTooLarge), "id");
  auto client = connect();
  client->send(put(1U << 30) + std::string(10'000, 'x'));
  const Reply r = reply(client.get());
  EXPECT_EQ(r.status, 413);
  EXPECT_TRUE(r.closes());
  EXPECT_TRUE(client->sees_end());  // half-closed
  EXPECT_FALSE(client->closed());   // and still read
  client->send(std::string(200'000, 'x'));
  EXPECT_FALSE(client->closed());
  EXPECT_EQ(client->wire->to_server, "");
  client->send(std::string(200'000, 'x'));
  EXPECT_TRUE(client->closed());
  EXPECT_FALSE(client->wire->to_server.empty());
  EXPECT_EQ(pool_.usage().taken, ByteCount());
}

TEST_F(ConnectionTest, LingeringEndsInTime) {
  handler_.read_max = 0;
  handler_.answer = problem_answer(core::Problem(core::ProblemType::kTooLarge), "id");
  auto client = connect();
  client->send(put(1U << 30));
  for (int i = 0; i < 9; ++i) {
    client->send("x");
    world_.advance(milliseconds(100));
  }
  EXPECT_FALSE(client->closed());
  world_.advance(milliseconds(200));
  EXPECT_TRUE(client->closed());
}

TEST_F(ConnectionTest, ASuccessWaitsForASmallRest) {
  handler_.read_max = 0;
  auto client = connect();
  client->send(put(1'000) + std::string(500, 'x'));
  EXPECT_EQ(client->take(), "");
  client->send(std::string(500, 'x') + kGet);
  const auto replies = parse_replies(client->take());
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_FALSE(replies[0].closes());
  EXPECT_EQ(handler_.requests.size(), 2U);
}

TEST_F(ConnectionTest, ASuccessDoesNotWaitForEver) {
  handler_.read_max = 0;
  auto client = connect();
  client->send(put(1'000) + std::string(500, 'x'));
  world_.advance(milliseconds(1'001));
  const Reply r = reply(client.get());
  EXPECT_EQ(r.status, 200);
  EXPECT_TRUE(r.closes());
}

TEST_F(ConnectionTest, ASuccessDoesNotReadALargeRest) {
  handler_.read_max = 0;
  auto client = connect();
  client->send(put(1U << 30) + std::string(1'000, 'x'));
  const Reply r = reply(client.get());
  EXPECT_EQ(r.status, 200);
  EXPECT_TRUE(r.closes());
}

TEST_F(ConnectionTest, ASuccessReadsTheEndOfAChunkedBody) {
  handler_.read_max = 5;
  auto client = connect();
  client->send("PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  EXPECT_EQ(client->take(), "");
  client->send("0\r\n\r\n" + kGet);
  EXPECT_EQ(parse_replies(client->take()).size(), 2U);
}

//
TEST_F(ConnectionTest, ALyingLengthIsAnsweredAtOnce) {
  handler_.read_max = 10;
  handler_.answer.close = true;
  auto client = connect();
  client->send(put(20) + "0123456789");
  const Reply r = reply(client.get());
  EXPECT_EQ(r.status, 200);
  EXPECT_TRUE(r.closes());
  EXPECT_EQ(handler_.bodies[0], "0123456789");
}

//
TEST_F(ConnectionTest, AnInterruptedRequestIsAnsweredAndClosed) {
  handler_.answer = problem_answer(core::Problem(core::ProblemType::kTakenOver), "id");
  auto client = connect();
  client->send(put(1U << 30) + std::string(50'000, 'x'));
  ASSERT_NE(handler_.body, nullptr);
  handler_.body->interrupt();
  world_.run();
  const Reply r = reply(client.get());
  EXPECT_EQ(r.status, 409);
  EXPECT_TRUE(r.closes());
  EXPECT_EQ(handler_.errors[0], Errc::kCancelled);
}

TEST_F(ConnectionTest, AnInterruptAtTheLastMomentDoesNotHitTheNextRequest) {
  handler_.wait = true;
  auto client = connect();
  client->send(put(5));
  client->send("hello");
  ASSERT_NE(handler_.body, nullptr);
  // The handler's end is queued before what interrupt() posts: by the time that runs, the
  // connection waits for its next request.
  handler_.go();
  handler_.body->interrupt();
  world_.run();
  EXPECT_EQ(reply(client.get()).status, 200);
  client->send(kGet);
  EXPECT_EQ(reply(client.get()).status, 200);
}

// --- the server

TEST_F(ConnectionTest, OneLogLineAndOneCountPerRequest) {
  handler_.answer.protocol = "put308";
  handler_.answer.upload = "a";
  handler_.answer.end = "complete";
  auto client = connect();
  client->send(put(5, "X-Request-Id: r1\r\n") + "hello");
  world_.run();
  ASSERT_EQ(log_.requests().size(), 1U);
  const auto line = log_.requests()[0];
  EXPECT_EQ(line.at("request_id"), "r1");
  EXPECT_EQ(line.at("client"), "192.0.2.7");
  EXPECT_EQ(line.at("method"), "PUT");
  EXPECT_EQ(line.at("upload"), "a");
  EXPECT_EQ(line.at("status"), "200");
  EXPECT_EQ(line.at("bytes_in"), "5");
  EXPECT_EQ(line.at("end"), "complete");
  EXPECT_EQ(metrics_.requests, std::vector<std::string>{"put308 PUT 200"});
  EXPECT_EQ(metrics_.received_bytes, ByteCount(5));
}

TEST_F(ConnectionTest, TooManyConnectionsAreTurnedAway) {
  options_.connections_max = 2;
  restart();
  auto one = connect();
  auto two = connect();
  auto three = connect();
  const Reply r = reply(three.get());
  EXPECT_EQ(r.status, 503);
  EXPECT_TRUE(r.closes());
  EXPECT_TRUE(r.has("retry-after"));
  EXPECT_NE(r.body.find("overloaded"), std::string::npos);
  EXPECT_TRUE(three->sees_end());
  three->finish();
  EXPECT_TRUE(three->closed());
  EXPECT_EQ(server_->connections(), 2U);
  one->finish();
  EXPECT_EQ(server_->connections(), 1U);
  auto four = connect();
  four->send(kGet);
  EXPECT_EQ(reply(four.get()).status, 200);
}

// Goal: thousands of connections leave less memory for blocks instead of growing beside them (G8).
TEST_F(ConnectionTest, ConnectionsComeOutOfTheMemoryBudget) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(connect());
  EXPECT_EQ(pool_.usage().budget, ByteCount((4U << 20) - (128U << 10)));
  for (const auto& client : clients) client->finish();
  EXPECT_EQ(server_->connections(), 0U);
  EXPECT_EQ(pool_.usage().budget, 4_MiB);
}

TEST_F(ConnectionTest, TurningAwayIsBoundedInTime) {
  options_.connections_max = 0;
  restart();
  auto client = connect();
  world_.advance(seconds(3));
  EXPECT_TRUE(client->closed());
}

TEST_F(ConnectionTest, AHandedOverStreamCountsAtOnce) {
  options_.connections_max = 1;
  restart();
  Client one(&world_);
  Client two(&world_);
  server_->serve(one.stream());
  server_->serve(two.stream());
  world_.run();
  EXPECT_EQ(parse_replies(two.take()).at(0).status, 503);
}

TEST_F(ConnectionTest, DrainEndsIdleConnectionsAndFinishesTheOthers) {
  auto idle = connect();
  auto used = connect();
  used->send(kGet);
  EXPECT_EQ(reply(used.get()).status, 200);
  auto busy = connect();
  busy->send(put(10) + "01234");
  drain(seconds(25));
  EXPECT_TRUE(idle->closed());
  EXPECT_TRUE(used->closed());
  EXPECT_FALSE(busy->closed());
  EXPECT_FALSE(drained_);
  busy->send("56789" + kGet);
  const Reply r = reply(busy.get());
  EXPECT_EQ(r.status, 200);
  EXPECT_TRUE(r.closes());
  EXPECT_EQ(handler_.bodies.back(), "0123456789");
  busy->finish();
  EXPECT_TRUE(busy->closed());
  EXPECT_TRUE(drained_);
}

TEST_F(ConnectionTest, DrainEndsAtItsDeadline) {
  auto busy = connect();
  busy->send(put(10) + "01234");
  drain(seconds(25));
  world_.advance(seconds(26));
  EXPECT_TRUE(drained_);
  EXPECT_TRUE(busy->closed());
  EXPECT_EQ(server_->connections(), 0U);
  EXPECT_EQ(handler_.running, 0);
}

TEST_F(ConnectionTest, DrainCancelsConnectionsThatNeverRan) {
  Client client(&world_);
  handler_.wait = true;
  server_->serve(client.stream());
  drain(seconds(0));
  EXPECT_TRUE(drained_);
  EXPECT_EQ(server_->connections(), 0U);
}

}  // namespace
}  // namespace sluice::http
