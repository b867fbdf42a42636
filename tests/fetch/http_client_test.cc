// The outgoing client against real sockets: reuse, staleness, early answers, framing, limits.
#include "fetch/http_client.h"

#include <array>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <gtest/gtest.h>

#include "base/signal.h"
#include "net/asio_clock.h"
#include "net/tcp_dialer.h"
#include "tests/fetch/origin.h"

namespace sluice::testing {
namespace {

using namespace std::chrono_literals;
using fetch::BodyProducer;
using fetch::ClientOptions;
using fetch::FullResponse;
using fetch::HttpClient;
using fetch::Request;
using fetch::Response;
using PeerPtr = std::shared_ptr<Peer>;
using net::testing::run;

// Real time that a test can move forward.
class ShiftedClock final : public Clock {
 public:
  Instant now() const noexcept override { return real_.now() + shift; }
  WallTime wall_now() const noexcept override { return real_.wall_now(); }
  Task<void> sleep_until(Instant when) override { return real_.sleep_until(when - shift); }
  Duration shift{0};

 private:
  net::AsioClock real_;
};

class HttpClientTest : public ::testing::Test {
 protected:
  explicit HttpClientTest(ClientOptions options = ClientOptions())
      : dialer_(loop_.get_executor(), nullptr, net::DialerOptions()),
        client_(loop_.get_executor(), &clock_, &dialer_, options),
        origin_(&loop_) {}

  Request request(std::string method, std::string target) const {
    return Request(origin_.endpoint(), std::move(method), std::move(target));
  }
  Result<FullResponse> fetch(Request r, Duration time = 20s, bool fresh = false) {
    return run(loop_, client_.fetch(std::move(r), 1U << 20, in(time), fresh));
  }
  // Lets everything happen that can happen now.
  void settle() {
    loop_.restart();
    while (loop_.poll() > 0) {
    }
  }
  template <class Condition>
  void until(Condition condition) {
    const auto end = clock_.now() + 30s;
    while (!condition()) {
      ASSERT_LT(clock_.now(), end);
      loop_.restart();
      loop_.run_one_for(10ms);
    }
  }

  boost::asio::io_context loop_{1};
  ShiftedClock clock_;
  net::TcpDialer dialer_;
  HttpClient client_;
  Origin origin_;
};

constexpr const char* kEmpty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

Task<void> answer_each(PeerPtr peer, int count, std::string answer,
                       std::vector<std::string>* heads) {
  for (int i = 0; i < count; ++i) {
    const std::string head = co_await Peer::head(peer);
    if (head.empty()) co_return;
    if (heads != nullptr) heads->push_back(head);
    co_await Peer::say(peer, answer);
  }
}

// Answers `count` requests without bodies, then closes.
Script answers(int count, std::string answer, std::vector<std::string>* heads = nullptr) {
  return [=](PeerPtr peer) { return answer_each(peer, count, answer, heads); };
}

TEST_F(HttpClientTest, SendsWhatIsAskedAndReadsTheAnswer) {
  std::vector<std::string> heads;
  origin_.script(
      answers(1, "HTTP/1.1 404 Not Found\r\nX-Id: 7\r\nContent-Length: 5\r\n\r\nnope!", &heads));
  Request get = request("GET", "/a/b?c=d");
  get.headers.add("Accept", "*/*");
  const auto answer = fetch(std::move(get));
  ASSERT_TRUE(answer) << answer.error().detail();
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(*answer->headers.find("x-id"), "7");
  EXPECT_EQ(answer->body, "nope!");
  ASSERT_EQ(heads.size(), 1U);
  EXPECT_EQ(heads[0], "GET /a/b?c=d HTTP/1.1\r\nHost: 127.0.0.1:" +
                          std::to_string(origin_.endpoint().port) + "\r\nAccept: */*\r\n\r\n");
}

TEST_F(HttpClientTest, OneConnectionServesManyRequests) {
  origin_.script(answers(5, kEmpty));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(fetch(request("GET", "/")));
  EXPECT_EQ(origin_.connections(), 1U);
}

TEST_F(HttpClientTest, FreshMeansANewConnection) {
  origin_.script(answers(5, kEmpty));
  origin_.script(answers(5, kEmpty));
  EXPECT_TRUE(fetch(request("GET", "/")));
  EXPECT_TRUE(fetch(request("GET", "/"), 20s, true));
  EXPECT_EQ(origin_.connections(), 2U);
}

TEST_F(HttpClientTest, ConnectionCloseIsHonoured) {
  origin_.script(answers(1, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
  origin_.script(answers(1, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
  origin_.script(answers(1, kEmpty));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(fetch(request("GET", "/")));
  EXPECT_EQ(origin_.connections(), 3U);
}

TEST_F(HttpClientTest, IdleConnectionsAreNotKeptForEver) {
  origin_.script(answers(5, kEmpty));
  origin_.script(answers(5, kEmpty));
  EXPECT_TRUE(fetch(request("GET", "/")));
  clock_.shift += 49s;
  EXPECT_TRUE(run(loop_, client_.fetch(request("GET", "/"), 100, Deadline(clock_.now() + 20s))));
  EXPECT_EQ(origin_.connections(), 1U);
  clock_.shift += 51s;
  EXPECT_TRUE(run(loop_, client_.fetch(request("GET", "/"), 100, Deadline(clock_.now() + 20s))));
  EXPECT_EQ(origin_.connections(), 2U);
}

TEST_F(HttpClientTest, AStaleConnectionIsReplacedAndTheRequestSentAgain) {
  std::vector<std::string> heads;
  origin_.script(answers(1, kEmpty, &heads));  // then it closes
  origin_.script(answers(1, kEmpty, &heads));
  EXPECT_TRUE(fetch(request("GET", "/1")));
  Request second = request("PUT", "/2");
  second.body = Bytes::copy_of("again");
  EXPECT_TRUE(fetch(std::move(second)));
  ASSERT_EQ(heads.size(), 2U);
  EXPECT_NE(heads[1].find("PUT /2"), std::string::npos);
  EXPECT_NE(heads[1].find("Content-Length: 5"), std::string::npos);
}

struct Gate {
  std::size_t waiting = 0;
  Signal opened;
  bool open = false;
};

constexpr const char* kIdleTooLong =
    "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

Task<void> answer_and_leave(PeerPtr peer, Gate* gate) {
  const std::string head = co_await Peer::head(peer);
  co_await Peer::say(peer, kEmpty);
  while (true) {
    const Signal::Seen seen = gate->opened.seen();
    if (gate->open) break;
    co_await gate->opened.wait(seen);
  }
  co_await Peer::say(peer, kIdleTooLong);
}

TEST_F(HttpClientTest, AFarewellOnAnIdleConnectionIsNoAnswer) {
  Gate idle_too_long;
  origin_.script([&](PeerPtr peer) { return answer_and_leave(peer, &idle_too_long); });
  origin_.script(answers(1, kEmpty));
  origin_.script(answers(1, kIdleTooLong));
  EXPECT_EQ(fetch(request("GET", "/1")).value().status, 200);
  idle_too_long.open = true;
  idle_too_long.opened.notify_all();
  settle();
  EXPECT_EQ(origin_.connections(), 1U);
  EXPECT_EQ(fetch(request("GET", "/2")).value().status, 200);
  EXPECT_EQ(origin_.connections(), 2U);
  // On a new connection it is an answer.
  EXPECT_EQ(fetch(request("GET", "/3"), 20s, true).value().status, 408);
}

Task<void> answer_then_swallow(PeerPtr peer, int* swallowed) {
  const std::string first = co_await Peer::head(peer);
  co_await Peer::say(peer, kEmpty);
  const std::string second = co_await Peer::head(peer);
  if (!second.empty()) ++*swallowed;
  peer->stream->close();
}

TEST_F(HttpClientTest, ARequestThatMustNotRunTwiceIsNotSentAgain) {
  int swallowed = 0;
  origin_.script([&](PeerPtr peer) { return answer_then_swallow(peer, &swallowed); });
  EXPECT_TRUE(fetch(request("GET", "/")));
  Request once = request("POST", "/once");
  once.resend_safe = false;
  const auto answer = fetch(std::move(once));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::kOutcomeUnknown);
  EXPECT_EQ(swallowed, 1);
  EXPECT_EQ(origin_.connections(), 1U);
}

TEST_F(HttpClientTest, ARequestThatMustNotRunTwiceAvoidsClosedConnections) {
  origin_.script(answers(1, kEmpty));  // then it closes
  origin_.script(answers(1, kEmpty));
  EXPECT_TRUE(fetch(request("GET", "/")));
  settle();
  Request once = request("POST", "/once");
  once.resend_safe = false;
  const auto answer = fetch(std::move(once));
  EXPECT_TRUE(answer) << answer.error().detail();
  EXPECT_EQ(origin_.connections(), 2U);
}

TEST_F(HttpClientTest, AFreshConnectionThatDiesIsNotTriedAgain) {
  origin_.script(answers(0, ""));
  const auto answer = fetch(request("GET", "/"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::kOutcomeUnknown);
  EXPECT_EQ(origin_.connections(), 1U);
}

TEST_F(HttpClientTest, RefusedIsUnavailable) {
  const Request get = request("GET", "/");
  origin_.close();
  const auto answer = fetch(get);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::kUnavailable);
}

Task<void> silent(PeerPtr peer) {
  static_cast<void>(co_await Peer::sees_end(peer));
}

TEST_F(HttpClientTest, SilenceIsOutcomeUnknownAtTheDeadline) {
  origin_.script(silent);
  const Instant start = clock_.now();
  const auto answer = fetch(request("GET", "/"), 200ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::kOutcomeUnknown);
  EXPECT_GE(clock_.now() - start, 200ms);
  EXPECT_LT(clock_.now() - start, 10s);
}

TEST_F(HttpClientTest, InterimAnswersAreSkipped) {
  origin_.script(answers(2,
                         "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                         "HTTP/1.1 102 Processing\r\n\r\n"
                         "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"));
  for (int i = 0; i < 2; ++i) {
    const auto answer = fetch(request("GET", "/"));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 201);
    EXPECT_EQ(answer->body, "ok");
  }
  EXPECT_EQ(origin_.connections(), 1U);
}

TEST_F(HttpClientTest, ChunkedAnswersOfAllShapes) {
  const std::string big(100'000, 'x');
  char size[16];
  std::snprintf(size, sizeof size, "%zx", big.size());
  origin_.script(answers(1,
                         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\nabc\r\n1;ext=1\r\nd\r\n" +
                             std::string(size) + "\r\n" + big + "\r\n0\r\nTrailer: t\r\n\r\n"));
  const auto answer = fetch(request("GET", "/"));
  ASSERT_TRUE(answer) << answer.error().detail();
  EXPECT_EQ(answer->body, "abcd" + big);
}

TEST_F(HttpClientTest, AConnectionIsKeptAfterAChunkedAnswer) {
  origin_.script(
      answers(3, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(fetch(request("GET", "/")).value().body, "ok");
  EXPECT_EQ(origin_.connections(), 1U);
}

TEST_F(HttpClientTest, MalformedChunksAreOutcomeUnknown) {
  origin_.script(
      answers(1, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokX\r\n0\r\n\r\n"));
  const auto answer = fetch(request("GET", "/"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::kOutcomeUnknown);
}

TEST_F(HttpClientTest, TruncatedAnswersAreOutcomeUnknown) {
  origin_.script(answers(1, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"));
  origin_.script(answers(1, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf"));
  origin_.script(answers(1, "HTTP/1.1 200 OK\r\nContent-Le"));
  for (int i = 0; i < 3; ++i) {
    const auto answer = fetch(request("GET", "/"));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code(), Errc::kOutcomeUnknown);
  }
}

TEST_F(HttpClientTest, ABodyUntilTheEndOfTheConnection) {
  origin_.script(answers(1, "HTTP/1.1 200 OK\r\n\r\neverything"));
  origin_.script(answers(1, kEmpty));
  EXPECT_EQ(fetch(request("GET", "/")).value().body, "everything");
  EXPECT_TRUE(fetch(request("GET", "/")));
  EXPECT_EQ(origin_.connections(), 2U);
}

TEST_F(HttpClientTest, HeadAnd204HaveNoBody) {
  origin_.script(answers(1, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"));
  EXPECT_EQ(fetch(request("HEAD", "/")).value().body, "");
  settle();
  origin_.script(answers(2, "HTTP/1.1 204 No Content\r\n\r\n"));
  EXPECT_EQ(fetch(request("DELETE", "/")).value().status, 204);
  EXPECT_EQ(fetch(request("DELETE", "/")).value().status, 204);
  EXPECT_EQ(origin_.connections(), 2U);
}

TEST_F(HttpClientTest, BytesBehindTheAnswerSpoilTheConnection) {
  origin_.script(answers(1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n"));
  origin_.script(answers(1, kEmpty));
  EXPECT_EQ(fetch(request("GET", "/")).value().body, "ok");
  EXPECT_TRUE(fetch(request("GET", "/")));
  EXPECT_EQ(origin_.connections(), 2U);
}

TEST_F(HttpClientTest, OversizedHeadsAndBodiesAreRefused) {
  origin_.script(answers(1, "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n"));
  const auto head = fetch(request("GET", "/"));
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error().code(), Errc::kOutcomeUnknown);

  for (const std::size_t max : {std::size_t{9}, std::size_t{0}}) {
    origin_.script(answers(1, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"));
    const auto body = run(loop_, client_.fetch(request("GET", "/"), max, in(20s)));
    ASSERT_FALSE(body);
    EXPECT_EQ(body.error().code(), Errc::kTooLarge);
  }
  origin_.script(answers(1, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"));
  const auto body = run(loop_, client_.fetch(request("GET", "/"), 10, in(20s)));
  ASSERT_TRUE(body);
  EXPECT_EQ(body->body.size(), 10U);
}

TEST_F(HttpClientTest, WhatCannotBeSentIsRefused) {
  Request bad = request("GET", "/");
  bad.headers.add("X-Name", "a\r\nInjected: yes");
  EXPECT_EQ(fetch(bad).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(fetch(request("GET", "/a b")).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(fetch(request("G T", "/")).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(origin_.connections(), 0U);
}

// --- request bodies

std::string text_of(std::size_t size, unsigned seed) {
  const auto bytes = net::testing::pattern(size, seed);
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Task<void> take_body(PeerPtr peer, std::size_t size, std::string* body, std::string* head) {
  *head = co_await Peer::head(peer);
  *body = co_await Peer::body(peer, size);
  co_await Peer::say(peer, kEmpty);
  static_cast<void>(co_await Peer::sees_end(peer));
}

Task<void> take_bodies(PeerPtr peer, int count, std::size_t size) {
  for (int i = 0; i < count; ++i) {
    const std::string head = co_await Peer::head(peer);
    if (head.empty()) co_return;
    const std::string body = co_await Peer::body(peer, size);
    co_await Peer::say(peer, kEmpty);
  }
}

TEST_F(HttpClientTest, BigResidentBodies) {
  const std::string text = text_of(20'000'000, 1);
  std::string body;
  std::string head;
  origin_.script([&](PeerPtr peer) { return take_body(peer, text.size(), &body, &head); });
  Request put = request("PUT", "/big");
  for (std::size_t at = 0; at < text.size(); at += 65'536) {
    put.body.append(Bytes::copy_of(std::string_view(text).substr(at, 65'536)));
  }
  const auto answer = fetch(std::move(put), 60s);
  ASSERT_TRUE(answer) << answer.error().detail();
  EXPECT_TRUE(body == text);
  EXPECT_NE(head.find("Content-Length: 20000000\r\n"), std::string::npos);
}

// Yields a text in pieces, with pauses.
class TextProducer final : public BodyProducer {
 public:
  TextProducer(Clock* clock, std::string text, std::size_t piece, std::size_t fail_at)
      : clock_(clock), text_(std::move(text)), piece_(piece), fail_at_(fail_at) {}
  Task<Result<Bytes>> next() override {
    ++calls;
    if (at_ >= fail_at_) co_return fail(Errc::kNotFound, "the source is gone");
    if (at_ % (8 * piece_) == 0) co_await clock_->sleep_until(clock_->now() + 1ms);
    const std::size_t n = std::min(piece_, text_.size() - at_);
    Bytes bytes = Bytes::copy_of(std::string_view(text_).substr(at_, n));
    at_ += n;
    co_return bytes;
  }
  int calls = 0;

 private:
  Clock* const clock_;
  const std::string text_;
  const std::size_t piece_;
  const std::size_t fail_at_;
  std::size_t at_ = 0;
};

constexpr std::size_t kNever = ~std::size_t{0};

TEST_F(HttpClientTest, ProducedBodies) {
  const std::string text = text_of(3'000'000, 2);
  std::string body;
  std::string head;
  origin_.script([&](PeerPtr peer) { return take_body(peer, text.size(), &body, &head); });
  Request put = request("PUT", "/produced");
  put.producer = std::make_shared<TextProducer>(&clock_, text, 50'000, kNever);
  put.producer_length = ByteCount(text.size());
  const auto answer = fetch(std::move(put));
  ASSERT_TRUE(answer) << answer.error().detail();
  EXPECT_TRUE(body == text);
  EXPECT_NE(head.find("Content-Length: 3000000\r\n"), std::string::npos);
}

TEST_F(HttpClientTest, AConnectionIsKeptAfterAProducedBody) {
  origin_.script([](PeerPtr peer) { return take_bodies(peer, 3, 100'000); });
  for (int i = 0; i < 3; ++i) {
    Request put = request("PUT", "/produced");
    put.producer =
        std::make_shared<TextProducer>(&clock_, std::string(100'000, 'p'), 30'000, kNever);
    put.producer_length = ByteCount(100'000);
    const auto answer = fetch(std::move(put));
    ASSERT_TRUE(answer) << answer.error().detail();
  }
  EXPECT_EQ(origin_.connections(), 1U);
}

TEST_F(HttpClientTest, ABrokenProducerBreaksTheRequest) {
  for (const std::size_t fail_at : {std::size_t{0}, std::size_t{200'000}}) {
    origin_.script(silent);
    const Instant start = clock_.now();
    Request put = request("PUT", "/produced");
    put.producer =
        std::make_shared<TextProducer>(&clock_, std::string(1'000'000, 'p'), 50'000, fail_at);
    put.producer_length = ByteCount(1'000'000);
    const auto answer = fetch(std::move(put));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code(), Errc::kNotFound);
    EXPECT_EQ(answer.error().detail(), "the source is gone");
    EXPECT_LT(clock_.now() - start, 10s);  // not at the deadline
  }
}

TEST_F(HttpClientTest, AProducerOfAnotherLengthIsNoticed) {
  origin_.script(silent);
  Request put = request("PUT", "/produced");
  put.producer = std::make_shared<TextProducer>(&clock_, std::string(100'000, 'p'), 60'000, kNever);
  put.producer_length = ByteCount(100'001);
  const auto answer = fetch(std::move(put));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::kCorrupt);
}

Task<void> refuse_early(PeerPtr peer, bool* ended) {
  const std::string head = co_await Peer::head(peer);
  co_await Peer::say(peer, "HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\ndenied");
  *ended = co_await Peer::sees_end(peer);
}

TEST_F(HttpClientTest, AnEarlyAnswerEndsTheSending) {
  bool ended = false;
  origin_.script([&](PeerPtr peer) { return refuse_early(peer, &ended); });
  origin_.script(answers(1, kEmpty));
  Request put = request("PUT", "/produced");
  auto producer =
      std::make_shared<TextProducer>(&clock_, std::string(400'000'000, 'p'), 100'000, kNever);
  put.producer = producer;
  put.producer_length = ByteCount(400'000'000);
  const auto answer = fetch(std::move(put), 60s);
  ASSERT_TRUE(answer) << answer.error().detail();
  EXPECT_EQ(answer->status, 403);
  EXPECT_EQ(answer->body, "denied");
  EXPECT_LT(producer->calls, 4000);
  until([&] { return ended; });
  // The connection was not kept: half a request is on it.
  EXPECT_TRUE(fetch(request("GET", "/")));
  EXPECT_EQ(origin_.connections(), 2U);
}

Task<void> refuse_unread(PeerPtr peer) {
  // Answers without reading at all, then stops sending; what the client sends fills the buffers.
  co_await Peer::say(peer, "HTTP/1.1 503 Slow Down\r\nContent-Length: 4\r\n\r\nslow");
  peer->stream->shutdown_write();
  static_cast<void>(co_await Peer::sees_end(peer));
}

TEST_F(HttpClientTest, AnAnswerToABodyNobodyReads) {
  origin_.script(refuse_unread);
  Request put = request("PUT", "/big");
  put.body = Bytes::copy_of(std::string(30'000'000, 'x'));
  const auto answer = fetch(std::move(put), 60s);
  ASSERT_TRUE(answer) << answer.error().detail();
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->body, "slow");
}

Task<void> expect(PeerPtr peer, std::string first, std::size_t size, std::string* body) {
  const std::string head = co_await Peer::head(peer);
  EXPECT_NE(head.find("Expect: 100-continue\r\n"), std::string::npos);
  if (!first.empty()) co_await Peer::say(peer, first);
  *body = co_await Peer::body(peer, size);
  if (body->size() == size) co_await Peer::say(peer, kEmpty);
}

TEST_F(HttpClientTest, ExpectContinueWaitsForTheServer) {
  for (const std::size_t size : {std::size_t{1000}, std::size_t{1'000'000}}) {
    for (const bool produced : {false, true}) {
      std::string body;
      origin_.script(
          [&](PeerPtr peer) { return expect(peer, "HTTP/1.1 100 Continue\r\n\r\n", size, &body); });
      const std::string text(size, 'e');
      Request put = request("PUT", "/x");
      put.expect_continue = true;
      if (produced) {
        put.producer = std::make_shared<TextProducer>(&clock_, text, 300, kNever);
        put.producer_length = ByteCount(size);
      } else {
        put.body = Bytes::copy_of(text);
      }
      const auto answer = fetch(std::move(put), 20s, true);
      ASSERT_TRUE(answer) << answer.error().detail();
      EXPECT_EQ(body, text);
    }
  }
}

TEST_F(HttpClientTest, ExpectContinueAndARefusalSendsNoBody) {
  std::string body;
  origin_.script([&](PeerPtr peer) {
    return expect(peer, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", 10, &body);
  });
  Request put = request("PUT", "/x");
  put.expect_continue = true;
  put.body = Bytes::copy_of("0123456789");
  EXPECT_EQ(fetch(std::move(put)).value().status, 401);
  settle();
  EXPECT_EQ(body, "");
}

TEST_F(HttpClientTest, ExpectContinueDoesNotWaitForEver) {
  std::string body;
  origin_.script([&](PeerPtr peer) { return expect(peer, "", 10, &body); });
  Request put = request("PUT", "/x");
  put.expect_continue = true;
  put.body = Bytes::copy_of("0123456789");
  const Instant start = clock_.now();
  EXPECT_TRUE(fetch(std::move(put)));
  EXPECT_GE(clock_.now() - start, 1s);
  EXPECT_EQ(body, "0123456789");
}

// --- responses read by the caller

Task<void> answer_and_watch(PeerPtr peer, std::string answer, bool* ended) {
  const std::string head = co_await Peer::head(peer);
  co_await Peer::say(peer, answer);
  *ended = co_await Peer::sees_end(peer);
}

TEST_F(HttpClientTest, AnAbandonedResponseClosesItsConnection) {
  bool ended = false;
  origin_.script([&](PeerPtr peer) {
    return answer_and_watch(peer, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", &ended);
  });
  auto response = run(loop_, client_.send(request("GET", "/"), in(20s))).value();
  EXPECT_EQ(response->status(), 200);
  settle();
  EXPECT_FALSE(ended);
  response.reset();
  until([&] { return ended; });
}

TEST_F(HttpClientTest, AResponseMayOutliveTheClient) {
  bool ended = false;
  origin_.script([&](PeerPtr peer) {
    return answer_and_watch(peer, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast", &ended);
  });
  auto client =
      std::make_unique<HttpClient>(loop_.get_executor(), &clock_, &dialer_, ClientOptions());
  auto response = run(loop_, client->send(request("GET", "/"), in(20s))).value();
  client.reset();
  std::array<std::byte, 100> buffer{};
  const MutableBuffer into{buffer.data(), buffer.size()};
  EXPECT_EQ(run(loop_, response->read(into, in(5s))).value(), 4U);
  EXPECT_EQ(run(loop_, response->read(into, in(5s))).value(), 0U);
  until([&] { return ended; });
}

TEST_F(HttpClientTest, ASlowBodyIsOutcomeUnknown) {
  bool ended = false;
  origin_.script([&](PeerPtr peer) {
    return answer_and_watch(peer, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", &ended);
  });
  const auto answer = fetch(request("GET", "/"), 200ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::kOutcomeUnknown);
  until([&] { return ended; });
}

// --- the limit of connections

class LimitedTest : public HttpClientTest {
 protected:
  static ClientOptions limited() {
    ClientOptions options;
    options.connections_max = 2;
    return options;
  }
  LimitedTest() : HttpClientTest(limited()) {}
};

Task<void> gated(PeerPtr peer, Gate* gate) {
  while (true) {
    const std::string head = co_await Peer::head(peer);
    if (head.empty()) co_return;
    ++gate->waiting;
    while (true) {
      const Signal::Seen seen = gate->opened.seen();
      if (gate->open) break;
      co_await gate->opened.wait(seen);
    }
    co_await Peer::say(peer, kEmpty);
  }
}

TEST_F(LimitedTest, RequestsWaitForAFreeConnection) {
  Gate gate;
  for (int i = 0; i < 2; ++i) {
    origin_.script([&](PeerPtr peer) { return gated(peer, &gate); });
  }
  constexpr int kRequests = 20;
  std::vector<int> finished;
  for (int i = 0; i < kRequests; ++i) {
    boost::asio::co_spawn(loop_, client_.fetch(request("GET", "/"), 100, in(60s)),
                          [&, i](const std::exception_ptr&, const Result<FullResponse>& answer) {
                            EXPECT_TRUE(answer);
                            finished.push_back(i);
                          });
  }
  until([&] { return gate.waiting == 2; });
  settle();
  EXPECT_EQ(gate.waiting, 2U);
  EXPECT_TRUE(finished.empty());
  // One that cannot wait that long.
  const auto hasty = fetch(request("GET", "/"), 150ms);
  ASSERT_FALSE(hasty);
  EXPECT_EQ(hasty.error().code(), Errc::kTimedOut);
  gate.open = true;
  gate.opened.notify_all();
  until([&] { return finished.size() == kRequests; });
  EXPECT_EQ(origin_.connections(), 2U);
  // In arrival order, but for the two that run side by side.
  for (int i = 0; i < kRequests; ++i) EXPECT_NEAR(finished[static_cast<std::size_t>(i)], i, 1);
}

TEST_F(LimitedTest, WhoeverIsCancelledWhileWaitingPassesTheRoomOn) {
  Gate gate;
  for (int i = 0; i < 2; ++i) {
    origin_.script([&](PeerPtr peer) { return gated(peer, &gate); });
  }
  int finished = 0;
  int aborted = 0;
  const auto count = [&](const std::exception_ptr& error, const Result<FullResponse>& answer) {
    if (error) {
      ++aborted;
    } else if (answer) {
      ++finished;
    }
  };
  std::array<boost::asio::cancellation_signal, 6> cancels;
  for (auto& cancel : cancels) {
    boost::asio::co_spawn(loop_, client_.fetch(request("GET", "/"), 100, in(60s)),
                          boost::asio::bind_cancellation_slot(cancel.slot(), count));
  }
  until([&] { return gate.waiting == 2; });
  cancels[2].emit(boost::asio::cancellation_type::terminal);
  gate.open = true;
  gate.opened.notify_all();
  cancels[3].emit(boost::asio::cancellation_type::terminal);
  until([&] { return finished + aborted == 6; });
  EXPECT_EQ(finished, 4);
  EXPECT_EQ(aborted, 2);
  EXPECT_TRUE(fetch(request("GET", "/")));
}

Task<void> watch(PeerPtr peer, bool* ended) {
  *ended = co_await Peer::sees_end(peer);
}

TEST_F(HttpClientTest, CancellingDuringALargeBodyLeavesNothingBehind) {
  bool ended = false;
  origin_.script([&](PeerPtr peer) { return watch(peer, &ended); });
  Request put = request("PUT", "/produced");
  put.producer =
      std::make_shared<TextProducer>(&clock_, std::string(300'000'000, 'p'), 100'000, kNever);
  put.producer_length = ByteCount(300'000'000);
  std::exception_ptr thrown;
  bool done = false;
  boost::asio::cancellation_signal cancel;
  boost::asio::co_spawn(
      loop_, client_.fetch(std::move(put), 100, in(60s)),
      boost::asio::bind_cancellation_slot(
          cancel.slot(), [&](const std::exception_ptr& error, const Result<FullResponse>&) {
            thrown = error;
            done = true;
          }));
  until([&] { return origin_.connections() == 1; });
  cancel.emit(boost::asio::cancellation_type::terminal);
  until([&] { return done && ended; });
  EXPECT_TRUE(thrown);
}

TEST_F(HttpClientTest, LosingTheLoopDuringAnExchangeLeaksNothing) {
  boost::asio::io_context loop;
  auto dialer =
      std::make_unique<net::TcpDialer>(loop.get_executor(), nullptr, net::DialerOptions());
  auto client =
      std::make_unique<HttpClient>(loop.get_executor(), &clock_, dialer.get(), ClientOptions());
  origin_.script(silent);
  Request put = request("PUT", "/big");
  put.body = Bytes::copy_of(std::string(30'000'000, 'x'));
  boost::asio::co_spawn(loop, client->fetch(std::move(put), 100, in(60s)),
                        [](const std::exception_ptr&, const Result<FullResponse>&) {});
  const auto end = clock_.now() + 30s;
  while (origin_.connections() == 0 && clock_.now() < end) {
    settle();
    loop.restart();
    loop.poll();
  }
  loop.poll();
  client.reset();
}

// --- TLS

TEST(HttpClientTls, TalksToAServerItCanVerify) {
  const net::testing::TestAuthority authority;
  const net::testing::TempDir dir;
  const auto issued = authority.issue("IP:127.0.0.1");
  auto server = net::TlsServerContext::open(dir.write("c.pem", issued.certificate),
                                            dir.write("k.pem", issued.key))
                    .value();
  auto trust =
      net::TlsClientContext::open(dir.write("ca.pem", authority.certificate_pem())).value();
  const net::testing::TestAuthority stranger;
  auto other = net::TlsClientContext::open(dir.write("o.pem", stranger.certificate_pem())).value();

  boost::asio::io_context loop{1};
  net::AsioClock clock;
  Origin origin(&loop, server);
  std::string body;
  std::string head;
  const std::string text = text_of(5'000'000, 3);
  origin.script([&](PeerPtr peer) { return take_body(peer, text.size(), &body, &head); });
  net::TcpDialer dialer(loop.get_executor(), trust, net::DialerOptions());
  HttpClient client(loop.get_executor(), &clock, &dialer, ClientOptions());
  Request put(origin.endpoint(), "PUT", "/");
  put.body = Bytes::copy_of(text);
  const auto answer = run(loop, client.fetch(std::move(put), 100, in(60s)));
  ASSERT_TRUE(answer) << answer.error().detail();
  EXPECT_TRUE(body == text);

  net::TcpDialer distrustful(loop.get_executor(), other, net::DialerOptions());
  HttpClient strict(loop.get_executor(), &clock, &distrustful, ClientOptions());
  origin.script([](PeerPtr peer) { return silent(peer); });
  const auto refused =
      run(loop, strict.fetch(Request(origin.endpoint(), "GET", "/"), 100, in(20s)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kRejected);
}

}  // namespace
}  // namespace sluice::testing
