// The body of a request over a connection that the test holds. Rows: R-34, R-35 (a cut is never an
// end), R-47, R-53 (interrupt); limits digest 3 (slow clients cost few wake-ups and no memory).
#include "http/request_body.h"

#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/task_scope.h"
#include "http/testing/world.h"

namespace sluice::http {
namespace {

using literals::operator""_KiB;
using literals::operator""_MiB;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Client;
using testing::World;

wire::RequestHead sized(std::uint64_t length) {
  wire::RequestHead head;
  head.framing = wire::BodyFraming::kContentLength;
  head.content_length = ByteCount(length);
  return head;
}

wire::RequestHead chunked() {
  wire::RequestHead head;
  head.framing = wire::BodyFraming::kChunked;
  return head;
}

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>('a' + (i * 31 + i / 251) % 26);
  return out;
}

std::string as_chunks(const std::string& data, std::size_t chunk) {
  std::string out;
  for (std::size_t at = 0; at < data.size(); at += chunk) {
    const std::string piece = data.substr(at, chunk);
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
    out += size + piece + "\r\n";
  }
  return out + "0\r\n\r\n";
}

class RequestBodyTest : public ::testing::Test {
 protected:
  ~RequestBodyTest() override {
    scope_.cancel();
    world_.run();
  }

  void begin(const wire::RequestHead& head, std::string early = {}) {
    body_.reset();
    stream_.reset();
    client_.wire->server_closed = false;
    client_.wire->server_finished = false;
    stream_ = client_.stream();
    RequestBody::Services services;
    services.executor = world_.executor();
    services.stream = stream_.get();
    services.pool = &pool_;
    services.clock = &clock_;
    services.metrics = &metrics_;
    services.options = &options_;
    body_.emplace(services, head, std::move(early));
  }

  // Reads until the end or an error, as fast as it comes.
  void read_all(ByteCount max = 1_MiB) {
    scope_.spawn(reader(this, max));
    world_.run();
  }
  static Task<void> reader(RequestBodyTest* t, ByteCount max) {
    t->reading_ = true;
    while (true) {
      auto got = co_await t->body_->read(max);
      if (!got) {
        t->error_ = got.error().code();
        break;
      }
      if (got->empty()) {
        t->ended_ = true;
        break;
      }
      EXPECT_LE(got->size(), max);
      t->sizes_.push_back(got->size().value());
      t->data_ += got->to_string();
      t->slices_ += got->slices().size();
      if (t->keep_) t->kept_.append(std::move(*got));
    }
    t->reading_ = false;
  }
  void drain(std::size_t bytes_max, Duration time) {
    scope_.spawn(drainer(this, bytes_max, Deadline(world_.now + time)));
    world_.run();
  }
  static Task<void> drainer(RequestBodyTest* t, std::size_t bytes_max, Deadline deadline) {
    const bool drained = co_await t->body_->drain(bytes_max, deadline);
    t->drained_ = drained;
  }

  ByteCount taken() const { return pool_.usage().taken; }

  World world_;
  testing::FakeClock clock_{&world_};
  testing::FakeMetrics metrics_;
  BlockPool pool_{4_MiB};
  HttpOptions options_;
  Client client_{&world_};
  std::unique_ptr<Stream> stream_;
  std::optional<RequestBody> body_;
  TaskScope scope_{world_.executor()};

  bool keep_ = false;
  Bytes kept_;
  std::string data_;
  std::vector<std::uint64_t> sizes_;
  std::size_t slices_ = 0;
  bool reading_ = false;
  bool ended_ = false;
  std::optional<Errc> error_;
  std::optional<bool> drained_;
};

TEST_F(RequestBodyTest, ContentLengthBody) {
  begin(sized(11));
  read_all();
  client_.send("hello ");
  world_.advance(seconds(1));
  EXPECT_EQ(data_, "hello ");
  client_.send("worldGET / HTTP/1.1");
  EXPECT_TRUE(ended_);
  EXPECT_EQ(data_, "hello world");
  EXPECT_TRUE(body_->finished());
  EXPECT_EQ(body_->received(), ByteCount(11));
  // What follows stays in the stream.
  EXPECT_EQ(client_.wire->to_server, "GET / HTTP/1.1");
  EXPECT_EQ(body_->take_behind(), "");
}

TEST_F(RequestBodyTest, NoBodyEndsAtOnce) {
  begin(wire::RequestHead(), "next");
  EXPECT_TRUE(body_->finished());
  read_all();
  EXPECT_TRUE(ended_);
  EXPECT_EQ(body_->take_behind(), "next");
  EXPECT_EQ(taken(), ByteCount());
}

TEST_F(RequestBodyTest, EarlyBytesComeFirst) {
  begin(sized(10), "0123");
  read_all(ByteCount(3));
  EXPECT_EQ(data_, "0123");
  EXPECT_EQ(sizes_, (std::vector<std::uint64_t>{3, 1}));
  client_.send("456789");
  EXPECT_TRUE(ended_);
  EXPECT_EQ(data_, "0123456789");
}

TEST_F(RequestBodyTest, EarlyBytesBehindTheBodyAreKept) {
  begin(sized(4), "0123GET /");
  read_all();
  EXPECT_TRUE(ended_);
  EXPECT_EQ(data_, "0123");
  EXPECT_EQ(body_->take_behind(), "GET /");
}

TEST_F(RequestBodyTest, NeverMoreThanAskedFor) {
  const std::string data = pattern(300'000);
  begin(sized(data.size()));
  client_.send(data);
  read_all(ByteCount(70'001));
  EXPECT_TRUE(ended_);
  EXPECT_EQ(data_, data);
}

TEST_F(RequestBodyTest, BatchesGrowWhileReadsComeBackFull) {
  options_.receive_batch = 1U << 20;
  const std::string data = pattern(6U << 20);
  begin(sized(data.size()));
  client_.send(data);
  read_all(8_MiB);
  EXPECT_TRUE(ended_);
  EXPECT_EQ(data_, data);
  const auto& capacities = client_.wire->capacities;
  EXPECT_EQ(capacities.front(), 64U << 10);
  EXPECT_EQ(*std::max_element(capacities.begin(), capacities.end()), options_.receive_batch);
  EXPECT_LT(capacities.size(), 12U);
}

TEST_F(RequestBodyTest, BatchesShrinkAndUnusedBlocksGoBack) {
  const std::string data = pattern(2U << 20);
  begin(sized(data.size() + 100'000));
  client_.send(data);
  read_all(4_MiB);
  client_.wire->capacities.clear();
  for (int i = 0; i < 8; ++i)
    client_.send(pattern(6'000) + pattern(6'000)), world_.advance(seconds(1));
  world_.advance(seconds(12));  // who has become slow is looked at less often
  EXPECT_EQ(data_.size(), data.size() + 8 * 12'000);
  EXPECT_LE(client_.wire->capacities.back(), 64U << 10);
  // Only the block with the unfilled rest is still held.
  EXPECT_LE(taken(), 64_KiB);
  body_->let_go();
  world_.run();
  EXPECT_EQ(taken(), ByteCount());
}

TEST_F(RequestBodyTest, SmallReadsShareABlock) {
  keep_ = true;
  begin(sized(60'000));
  read_all();
  for (int i = 0; i < 60; ++i) {
    client_.send(pattern(1'000));
    world_.advance(seconds(1));
  }
  EXPECT_TRUE(ended_);
  EXPECT_EQ(sizes_.size(), 60U);
  EXPECT_EQ(taken(), 64_KiB);
  EXPECT_EQ(kept_.slices().size(), 1U);
}

TEST_F(RequestBodyTest, NothingIsHeldWhileTheClientIsSilent) {
  begin(sized(1'000'000));
  read_all();
  EXPECT_TRUE(reading_);
  EXPECT_EQ(taken(), ByteCount());
  client_.send("x");
  world_.advance(seconds(1));
  EXPECT_EQ(taken(), 64_KiB);
  body_->let_go();
  world_.run();
  EXPECT_EQ(taken(), ByteCount());
  client_.send("y");
  world_.advance(seconds(1));
  EXPECT_EQ(data_, "xy");
}

TEST_F(RequestBodyTest, SlowClientsAreWaitedForUntilItPays) {
  begin(sized(1'000'000));
  read_all();
  ASSERT_FALSE(client_.wire->low_waters.empty());
  EXPECT_EQ(client_.wire->low_waters.back(), 16U << 10);
  client_.send(pattern(10'000));
  EXPECT_EQ(data_, "");  // not worth a call yet
  client_.send(pattern(10'000));
  EXPECT_EQ(data_.size(), 20'000U);
  client_.send("x");
  world_.advance(seconds(1));  // but nobody waits for ever
  EXPECT_EQ(data_.size(), 20'001U);
}

// Goal: thousands of slow clients wait in the kernel until each fills a block, instead of being
// looked at every second and put aside in small pieces. Method: 6 kB/s, then a fast one.
TEST_F(RequestBodyTest, ASlowClientIsWaitedForUntilABlockIsFull) {
  begin(sized(1'000'000));
  read_all();
  client_.send(pattern(6'000));
  world_.advance(seconds(1));
  ASSERT_EQ(data_.size(), 6'000U);
  EXPECT_EQ(client_.wire->low_waters.back(), 65'536U - 6'000U);  // the rest of the block
  client_.send(pattern(12'000));
  world_.advance(seconds(2));
  EXPECT_EQ(data_.size(), 6'000U);
  client_.send(pattern(47'536));
  EXPECT_EQ(data_.size(), 65'536U);
  EXPECT_EQ(taken(), ByteCount());  // and nothing of the next one
  EXPECT_EQ(client_.wire->low_waters.back(), 65'536U);
  client_.send(pattern(40'000));
  world_.advance(seconds(11));
  EXPECT_EQ(data_.size(), 65'536U);
  world_.advance(seconds(1));  // but nobody waits for ever
  EXPECT_EQ(data_.size(), 105'536U);
  client_.send(pattern(100'000));
  EXPECT_EQ(client_.wire->low_waters.back(), 16U << 10);  // not slow any more
  world_.advance(seconds(1));
  EXPECT_EQ(data_.size(), 205'536U);
}

// Goal: a slow client that brings bytes all the time is not taken for a silent one.
TEST_F(RequestBodyTest, ASlowClientIsReadBeforeItsTimeIsOver) {
  options_.body_timeout = seconds(5);
  begin(sized(1'000'000));
  read_all();
  for (int i = 0; i < 20; ++i) client_.send(pattern(2'000)), world_.advance(seconds(1));
  EXPECT_FALSE(error_);
  EXPECT_GE(data_.size(), 34'000U);
}

TEST_F(RequestBodyTest, TheLastBytesAreNotWaitedFor) {
  begin(sized(10));
  read_all();
  EXPECT_EQ(client_.wire->low_waters.back(), 10U);
  client_.send("0123456789");
  EXPECT_TRUE(ended_);
}

//
TEST_F(RequestBodyTest, FinInsideTheBodyIsACut) {
  begin(sized(20));
  read_all();
  client_.send("0123456789ab");
  client_.finish();
  EXPECT_EQ(data_, "0123456789ab");
  EXPECT_EQ(error_, Errc::kDisconnected);
  EXPECT_FALSE(ended_);
  EXPECT_TRUE(body_->failed());
  EXPECT_FALSE(body_->finished());
  EXPECT_EQ(taken(), ByteCount());
}

TEST_F(RequestBodyTest, ResetInsideTheBodyIsACut) {
  begin(sized(20));
  read_all();
  client_.send("0123");
  client_.reset();
  EXPECT_EQ(data_, "0123");  // what the system still had is not lost
  EXPECT_EQ(error_, Errc::kDisconnected);
}

TEST_F(RequestBodyTest, TimeOutCountsFromTheLastByte) {
  begin(sized(20));
  read_all();
  for (int i = 0; i < 10; ++i) {
    world_.advance(seconds(50));
    client_.send("x");
    world_.advance(seconds(1));
  }
  EXPECT_FALSE(error_);
  EXPECT_EQ(data_.size(), 10U);
  world_.advance(seconds(58));
  EXPECT_FALSE(error_);
  world_.advance(seconds(3));
  EXPECT_EQ(error_, Errc::kTimedOut);
}

TEST_F(RequestBodyTest, ContinueIsSaidOnTheFirstRead) {
  wire::RequestHead head = sized(5);
  head.expects_continue = true;
  begin(head);
  world_.run();
  EXPECT_EQ(client_.wire->to_client, "");
  EXPECT_TRUE(body_->awaits_continue());
  read_all();
  EXPECT_EQ(client_.wire->to_client, "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_FALSE(body_->awaits_continue());
  client_.send("he");
  world_.advance(seconds(1));
  client_.send("llo");
  EXPECT_TRUE(ended_);
  EXPECT_EQ(client_.wire->to_client, "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_F(RequestBodyTest, NoContinueForABodyThatIsAlreadyComing) {
  wire::RequestHead head = sized(5);
  head.expects_continue = true;
  begin(head, "he");
  read_all();
  client_.send("llo");
  EXPECT_TRUE(ended_);
  EXPECT_EQ(client_.wire->to_client, "");
}

// --- interrupt

TEST_F(RequestBodyTest, InterruptEndsAPendingRead) {
  begin(sized(20));
  read_all();
  client_.send("0123");
  world_.advance(seconds(1));
  body_->interrupt();
  EXPECT_FALSE(error_);  // nothing happens inside the call
  world_.run();
  EXPECT_EQ(error_, Errc::kCancelled);
  EXPECT_FALSE(body_->failed());
  read_all();
  EXPECT_EQ(error_, Errc::kCancelled);
}

TEST_F(RequestBodyTest, InterruptBeforeARead) {
  begin(sized(20), "0123");
  body_->interrupt();
  world_.run();
  read_all();
  EXPECT_EQ(error_, Errc::kCancelled);
  EXPECT_EQ(data_, "");
  EXPECT_EQ(client_.wire->cancels, 0U);
}

TEST_F(RequestBodyTest, InterruptWhileContinueIsBeingSent) {
  wire::RequestHead head = sized(20);
  head.expects_continue = true;
  client_.wire->window = 5;
  begin(head);
  read_all();
  body_->interrupt();
  world_.run();
  EXPECT_FALSE(error_);
  client_.wire->window = 1'000;
  world_.run();
  EXPECT_EQ(error_, Errc::kCancelled);
}

TEST_F(RequestBodyTest, InterruptFromAnotherThread) {
  begin(sized(20));
  read_all();
  std::thread other([this] { body_->interrupt(); });
  other.join();
  world_.run();
  EXPECT_EQ(error_, Errc::kCancelled);
}

TEST_F(RequestBodyTest, InterruptEndsTheWaitForMemory) {
  auto all = pool_.try_take(1'000);
  begin(sized(20));
  read_all();
  client_.send("0123456789");
  world_.advance(seconds(12));  // memory is short: not for less than fills a block
  EXPECT_EQ(pool_.usage().waiting, 1U);
  body_->interrupt();
  world_.run();
  EXPECT_EQ(error_, Errc::kCancelled);
  EXPECT_EQ(pool_.usage().waiting, 0U);
}

TEST_F(RequestBodyTest, ALateInterruptHitsNobody) {
  begin(sized(4));
  read_all();
  client_.send("0123");
  ASSERT_TRUE(ended_);
  body_->interrupt();
  body_.reset();
  world_.run();
  EXPECT_EQ(client_.wire->cancels, 0U);
}

TEST_F(RequestBodyTest, TheRestCanBeDrainedAfterAnInterrupt) {
  begin(sized(20));
  read_all();
  body_->interrupt();
  drain(100, seconds(1));
  EXPECT_EQ(error_, Errc::kCancelled);
  client_.send("01234567890123456789NEXT");
  EXPECT_EQ(drained_, true);
  EXPECT_EQ(client_.wire->to_server, "NEXT");
}

// --- memory

TEST_F(RequestBodyTest, WaitsForMemoryInsteadOfTakingMore) {
  auto all = pool_.try_take(1'000);
  ASSERT_EQ(all.size(), 64U);
  begin(sized(10));
  read_all();
  client_.send("0123456789");
  EXPECT_EQ(data_, "");
  EXPECT_EQ(client_.wire->to_server, "0123456789");  // still the client's
  world_.advance(seconds(600));                      // not the client's fault, however long
  EXPECT_FALSE(error_);
  all.pop_back();
  world_.run();
  EXPECT_TRUE(ended_);
  EXPECT_EQ(data_, "0123456789");
}

TEST_F(RequestBodyTest, MakesDoWithFewBlocks) {
  auto all = pool_.try_take(63);
  const std::string data = pattern(1U << 20);
  begin(sized(data.size()));
  client_.send(data);
  read_all();
  EXPECT_TRUE(ended_);
  EXPECT_EQ(data_, data);
}

// --- chunked

TEST_F(RequestBodyTest, ChunkedBody) {
  begin(chunked());
  read_all();
  client_.send("5\r\nhello\r\n");
  EXPECT_EQ(data_, "hello");
  client_.send("6;x=y\r\n wor");
  EXPECT_EQ(data_, "hello wor");
  client_.send("ld\r\n0\r\nT: 1\r\n\r");
  world_.advance(seconds(1));
  EXPECT_EQ(data_, "hello world");
  EXPECT_FALSE(ended_);
  client_.send("\nGET / HTTP/1.1\r\n");
  EXPECT_TRUE(ended_);
  EXPECT_EQ(body_->take_behind() + client_.wire->to_server, "GET / HTTP/1.1\r\n");
  EXPECT_EQ(body_->received(), ByteCount(11));
}

// The same body in every chunk size, over every piece size of the network, asked for in many sizes.
TEST_F(RequestBodyTest, ChunkedBodiesOfAllShapes) {
  const std::string data = pattern(70'000);
  for (const std::size_t chunk : {1U, 2U, 7U, 100U, 4'095U, 4'096U, 4'097U, 65'536U, 70'000U}) {
    const std::string message = as_chunks(data, chunk) + "NEXT";
    for (const std::size_t piece :
         {std::size_t{1'000}, std::size_t{65'536}, std::size_t{1} << 30}) {
      for (const std::uint64_t max : {1'000U, 65'536U, 1U << 20}) {
        data_.clear();
        ended_ = false;
        error_.reset();
        client_.wire->to_server.clear();
        client_.wire->piece = piece;
        begin(chunked());
        client_.send(message);
        read_all(ByteCount(max));
        ASSERT_TRUE(ended_) << chunk << " " << piece << " " << max;
        ASSERT_TRUE(data_ == data) << chunk << " " << piece << " " << max;
        EXPECT_EQ(body_->take_behind() + client_.wire->to_server, "NEXT");
      }
    }
  }
  body_.reset();
  EXPECT_EQ(taken(), ByteCount());
}

TEST_F(RequestBodyTest, LargeChunksAreNotCopiedAndSmallOnesAreJoined) {
  const std::string data = pattern(60'000);
  begin(chunked());
  client_.send(as_chunks(data, 1));
  read_all();
  ASSERT_TRUE(ended_);
  EXPECT_EQ(data_, data);
  // 360,000 bytes with framing: a slice per receive call and block, not one per byte.
  EXPECT_LT(slices_, 20U);
}

TEST_F(RequestBodyTest, JoinedChunksLeaveRoomInTheirBlock) {
  keep_ = true;
  begin(chunked());
  const std::string data = pattern(60'000);
  client_.send(as_chunks(data, 10));  // 150 % framing
  read_all();
  ASSERT_TRUE(ended_);
  EXPECT_EQ(kept_.to_string(), data);
  EXPECT_LE(taken(), 128_KiB);
}

TEST_F(RequestBodyTest, EarlyChunks) {
  begin(chunked(), "5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1");
  read_all(ByteCount(2));
  EXPECT_TRUE(ended_);
  EXPECT_EQ(data_, "hello");
  EXPECT_EQ(body_->take_behind(), "GET / HTTP/1.1");
}

//
TEST_F(RequestBodyTest, ACutChunkedBodyNeverEnds) {
  const std::string message = "5\r\nhello\r\n0\r\n\r\n";
  for (std::size_t n = 0; n < message.size(); ++n) {
    client_.wire->to_server.clear();
    client_.wire->client_finished = false;
    error_.reset();
    data_.clear();
    begin(chunked());
    read_all();
    ASSERT_TRUE(reading_);
    client_.send(message.substr(0, n));
    client_.finish();
    EXPECT_EQ(error_, Errc::kDisconnected) << n;
    EXPECT_FALSE(ended_) << n;
    EXPECT_EQ(data_, std::string("hello").substr(0, n < 3 ? 0 : n - 3)) << n;
  }
}

TEST_F(RequestBodyTest, BrokenFramingComesAfterTheDataBeforeIt) {
  begin(chunked());
  client_.send("5\r\nhello\r\nX\r\n");
  read_all();
  EXPECT_EQ(data_, "hello");
  EXPECT_EQ(error_, Errc::kInvalidArgument);
  EXPECT_TRUE(body_->failed());
}

TEST_F(RequestBodyTest, OversizedFramingIsBrokenFraming) {
  begin(chunked(), "5;" + std::string(10'000, 'x'));
  read_all();
  EXPECT_EQ(error_, Errc::kInvalidArgument);
}

TEST_F(RequestBodyTest, SlowChunksAreWaitedForInside) {
  begin(chunked());
  read_all();
  EXPECT_EQ(client_.wire->low_waters.back(), 1U);
  client_.send("186A0\r\n");
  EXPECT_EQ(client_.wire->low_waters.back(), 16U << 10);
  client_.send(pattern(100'000) + "\r\n");
  EXPECT_EQ(client_.wire->low_waters.back(), 1U);
  EXPECT_EQ(data_, pattern(100'000));
}

// --- drain

TEST_F(RequestBodyTest, DrainReadsASmallRest) {
  begin(sized(20), "0123");
  drain(100, seconds(1));
  EXPECT_FALSE(drained_);
  client_.send("456789012345678NEXT");
  EXPECT_EQ(drained_, true);
  EXPECT_EQ(body_->take_behind() + client_.wire->to_server, "EXT");
}

TEST_F(RequestBodyTest, DrainDoesNotEvenBeginALargeRest) {
  begin(sized(1'000'000));
  drain(1'000, seconds(1));
  EXPECT_EQ(drained_, false);
  EXPECT_TRUE(client_.wire->capacities.empty());
}

TEST_F(RequestBodyTest, DrainEndsAtItsTime) {
  begin(sized(20));
  drain(100, milliseconds(500));
  client_.send("0123");
  world_.advance(milliseconds(501));
  EXPECT_EQ(drained_, false);
  EXPECT_FALSE(body_->finished());
}

TEST_F(RequestBodyTest, DrainFollowsChunks) {
  begin(chunked());
  drain(1'000, seconds(1));
  client_.send("5\r\nhello\r\n");
  EXPECT_FALSE(drained_);
  client_.send("0\r\n\r\nNEXT");
  EXPECT_EQ(drained_, true);
  EXPECT_EQ(body_->take_behind() + client_.wire->to_server, "NEXT");
}

TEST_F(RequestBodyTest, DrainGivesUpOnEndlessChunks) {
  begin(chunked());
  client_.send(as_chunks(pattern(100'000), 1'000));
  drain(10'000, seconds(1));
  EXPECT_EQ(drained_, false);
}

TEST_F(RequestBodyTest, ReceivedBytesAreCountedOnce) {
  begin(sized(3U << 20));
  client_.send(pattern(3U << 20));
  read_all();
  ASSERT_TRUE(ended_);
  body_.reset();
  EXPECT_EQ(metrics_.received_bytes, 3_MiB);
}

// 104: the address before the first byte is waited for, progress between two reads (ruling 11).
Hints hints() {
  Hints out;
  out.announcement = "HTTP/1.1 104 A\r\n\r\n";
  out.progress = [](ByteOffset end) {
    return "HTTP/1.1 104 " + std::to_string(end.value()) + "\r\n\r\n";
  };
  return out;
}

TEST_F(RequestBodyTest, TheAnnouncementComesBeforeTheBody) {
  begin(sized(5));
  body_->hint(hints());
  EXPECT_EQ(client_.take(), "");
  read_all();
  EXPECT_EQ(client_.take(), "HTTP/1.1 104 A\r\n\r\n");
  client_.send("hello");
  world_.advance(seconds(1));
  EXPECT_TRUE(ended_);
  EXPECT_EQ(client_.take(), "");

  // Also if the body came with the head.
  ended_ = false;
  begin(sized(5), "hello");
  body_->hint(hints());
  read_all();
  EXPECT_TRUE(ended_);
  EXPECT_EQ(client_.take(), "HTTP/1.1 104 A\r\n\r\n");

  // Of nothing there is nothing to announce: the answer comes at once.
  begin(sized(0));
  body_->hint(hints());
  read_all();
  EXPECT_EQ(client_.take(), "");
}

TEST_F(RequestBodyTest, TheAnnouncementDoesNotReplace100) {  // IETF R-72
  wire::RequestHead head = sized(5);
  head.expects_continue = true;
  begin(head);
  body_->hint(hints());
  read_all();
  EXPECT_EQ(client_.take(), "HTTP/1.1 104 A\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
}

TEST_F(RequestBodyTest, ProgressOnceASecondAndOnlyWhenThereIsSome) {  // IETF P-13, R-62
  begin(sized(1'000'000));
  body_->hint(hints());
  read_all();
  client_.take();
  const auto more = [this](Duration pause) {
    world_.advance(pause);
    client_.send(pattern(20'000));
    world_.run();
    return client_.take();
  };
  EXPECT_EQ(more(milliseconds(500)), "");
  body_->durable(ByteOffset(300));
  EXPECT_EQ(more(milliseconds(400)), "");
  EXPECT_EQ(more(milliseconds(200)), "HTTP/1.1 104 300\r\n\r\n");
  EXPECT_EQ(more(seconds(5)), "");
  body_->durable(ByteOffset(500));
  body_->durable(ByteOffset(400));  // never backwards
  EXPECT_EQ(more(seconds(1)), "HTTP/1.1 104 500\r\n\r\n");
}

// What a client never reads must not fill its socket's buffer for ever.
TEST_F(RequestBodyTest, ProgressGetsRarer) {
  begin(sized(1U << 30));
  body_->hint(hints());
  read_all();
  client_.take();
  std::size_t told = 0;
  for (std::uint64_t second = 1; second <= 6'400; ++second) {
    body_->durable(ByteOffset(second));
    world_.advance(seconds(1));
    client_.send("x");
    world_.run();
    if (!client_.take().empty()) ++told;
  }
  EXPECT_GT(told, 64U);
  EXPECT_LT(told, 64U + 64U * 5);  // 64 (1 + ln 100)
}

TEST_F(RequestBodyTest, WithoutHintsNothingIsSaid) {
  begin(sized(100'000));
  read_all();
  body_->durable(ByteOffset(300));
  world_.advance(seconds(10));
  client_.send(pattern(20'000));
  world_.run();
  EXPECT_EQ(client_.take(), "");
}

}  // namespace
}  // namespace sluice::http
