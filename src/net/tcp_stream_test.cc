// Real sockets on loopback: the Stream contract (ports/stream.h) for plain TCP.
#include "net/tcp_stream.h"

#include <atomic>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/system/system_error.hpp>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/loop_threads.h"
#include "net/socket.h"
#include "net/test_pair.h"

namespace sluice::net {
namespace {

using namespace testing;  // NOLINT: test helpers

Duration since(Instant start) {
  return steady_now() - start;
}

// What one background operation came to.
template <class T>
struct Outcome {
  std::optional<Result<T>> result;
  bool aborted = false;
};

Task<void> keep_read(Stream* stream, std::size_t size, Deadline deadline,
                     Outcome<std::string>* out) {
  std::string text(size, '\0');
  std::vector<MutableBuffer> into{
      MutableBuffer{reinterpret_cast<std::byte*>(text.data()), text.size()}};
  try {
    const auto n = co_await stream->read(into, deadline);
    if (n) {
      text.resize(*n);
      out->result.emplace(text);
    } else {
      out->result.emplace(fail(n.error()));
    }
  } catch (const boost::system::system_error& error) {
    out->aborted = error.code() == boost::asio::error::operation_aborted;
    throw;
  }
}

Task<void> keep_wait(Stream* stream, std::size_t low_water, Deadline deadline, Outcome<Ok>* out) {
  const auto waited = co_await stream->wait_readable(low_water, deadline);
  out->result.emplace(waited);
}

Task<void> keep_write(Stream* stream, std::shared_ptr<std::vector<std::byte>> bytes,
                      Deadline deadline, Outcome<Ok>* out) {
  const auto written = co_await write_bytes(stream, bytes, deadline);
  out->result.emplace(written);
}

// A raw client, for what a Stream cannot do.
int raw_connect(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = SocketAddress::parse("127.0.0.1", port).value();
  EXPECT_EQ(::connect(fd, address.data(), address.size()), 0);
  return fd;
}
void reset(int fd) {
  const linger hard{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  ::close(fd);
}

TEST(TcpStream, MovesBytesBothWaysAndKnowsItsPeer) {
  World world;
  Pair pair = world.connect();
  EXPECT_EQ(pair.server->peer(), "127.0.0.1");
  EXPECT_FALSE(pair.server->encrypted());
  EXPECT_TRUE(run(world.loop, write_text(pair.client.get(), "hello", in(5s))));
  EXPECT_EQ(run(world.loop, read_text(pair.server.get(), 5, in(5s))).value(), "hello");
  EXPECT_TRUE(run(world.loop, write_text(pair.server.get(), "welcome", in(5s))));
  EXPECT_EQ(run(world.loop, read_text(pair.client.get(), 7, in(5s))).value(), "welcome");
}

TEST(TcpStream, BigTransferArrivesUnchanged) {
  World world;
  Pair pair = world.connect();
  auto bytes = std::make_shared<std::vector<std::byte>>(pattern(48U << 20, 1));
  Outcome<Ok> written;
  world.start(keep_write(pair.client.get(), bytes, in(60s), &written));
  const auto got = run(world.loop, read_bytes(pair.server.get(), bytes->size(), in(60s)));
  ASSERT_TRUE(got);
  EXPECT_EQ(sha256(*got), sha256(*bytes));
  ASSERT_TRUE(written.result);
  EXPECT_TRUE(*written.result);
}

Task<Result<Ok>> write_list(Stream* stream, std::shared_ptr<std::vector<std::byte>> bytes,
                            std::size_t piece) {
  std::vector<ConstBuffer> from;
  for (std::size_t at = 0; at < bytes->size(); at += piece) {
    from.push_back({bytes->data() + at, std::min(piece, bytes->size() - at)});
    from.push_back({bytes->data(), 0});  // empty buffers are allowed
  }
  co_return co_await stream->write(std::move(from), in(20s));
}

Task<Result<std::size_t>> read_list(Stream* stream, std::vector<std::byte>* bytes,
                                    std::size_t piece) {
  std::size_t got = 0;
  while (got < bytes->size()) {
    std::vector<MutableBuffer> into;
    for (std::size_t at = got; at < bytes->size(); at += piece) {
      into.push_back({bytes->data() + at, std::min(piece, bytes->size() - at)});
    }
    const auto n = co_await stream->read(std::move(into), in(20s));
    if (!n) co_return fail(n.error());
    if (*n == 0) break;
    got += *n;
  }
  co_return got;
}

Task<void> write_list_of(Stream* stream, std::shared_ptr<std::vector<std::byte>> bytes) {
  const auto written = co_await write_list(stream, bytes, 700);
  EXPECT_TRUE(written);
}

TEST(TcpStream, ListsLongerThanOneSystemCallTakes) {
  World world;
  Pair pair = world.connect();
  auto bytes = std::make_shared<std::vector<std::byte>>(pattern(4'000'000, 2));
  std::vector<std::byte> got(bytes->size());
  world.start(write_list_of(pair.client.get(), bytes));
  EXPECT_EQ(run(world.loop, read_list(pair.server.get(), &got, 501)).value(), got.size());
  EXPECT_EQ(sha256(got), sha256(*bytes));
}

TEST(TcpStream, HalfCloseIsAnOrderlyEndAndTheOtherWayStaysOpen) {
  World world;
  Pair pair = world.connect();
  EXPECT_TRUE(run(world.loop, write_text(pair.client.get(), "all", in(5s))));
  pair.client->shutdown_write();
  EXPECT_EQ(run(world.loop, read_text(pair.server.get(), 100, in(5s))).value(), "all");
  EXPECT_EQ(run(world.loop, read_text(pair.server.get(), 100, in(5s))).value(), "");
  EXPECT_TRUE(run(world.loop, write_text(pair.server.get(), "thanks", in(5s))));
  EXPECT_EQ(run(world.loop, read_text(pair.client.get(), 6, in(5s))).value(), "thanks");
}

Task<Result<std::unique_ptr<Stream>>> accept(Acceptor* acceptor) {
  co_return co_await acceptor->accept();
}

TEST(TcpStream, ResetIsDisconnected) {
  World world;
  const int fd = raw_connect(world.acceptor->port());
  auto stream = run(world.loop, accept(world.acceptor.get())).value();
  Outcome<std::string> read;
  world.start(keep_read(stream.get(), 10, in(5s), &read));
  world.settle();
  ASSERT_FALSE(read.result);
  reset(fd);
  world.until([&] { return read.result.has_value(); });
  ASSERT_TRUE(read.result);
  ASSERT_FALSE(*read.result);
  EXPECT_EQ(read.result->error().code(), Errc::kDisconnected);
  const auto written = run(world.loop, write_text(stream.get(), "x", in(5s)));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), Errc::kDisconnected);
}

TEST(TcpStream, SilenceEndsAtTheDeadlineAndNothingIsLost) {
  World world;
  Pair pair = world.connect();
  const Instant start = steady_now();
  const auto waited = run(world.loop, read_text(pair.server.get(), 1, in(150ms)));
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code(), Errc::kTimedOut);
  EXPECT_GE(since(start), 150ms);
  EXPECT_LT(since(start), 2s);
  // The stream stays usable, both ways.
  EXPECT_TRUE(run(world.loop, write_text(pair.server.get(), "408", in(5s))));
  EXPECT_TRUE(run(world.loop, write_text(pair.client.get(), "late", in(5s))));
  EXPECT_EQ(run(world.loop, read_text(pair.server.get(), 4, in(5s))).value(), "late");
}

TEST(TcpStream, ALongDeadlineDoesNotHideAShorterOne) {
  World world;
  Pair pair = world.connect();
  Outcome<std::string> read;
  world.start(keep_read(pair.server.get(), 1, in(30s), &read));
  world.settle();
  auto bytes = std::make_shared<std::vector<std::byte>>(pattern(64U << 20, 3));
  Outcome<Ok> written;
  const Instant start = steady_now();
  world.start(keep_write(pair.server.get(), bytes, in(200ms), &written));
  world.until([&] { return written.result.has_value(); });
  ASSERT_TRUE(written.result);
  ASSERT_FALSE(*written.result);
  EXPECT_GE(since(start), 200ms);
  EXPECT_LT(since(start), 15s);
  EXPECT_EQ(written.result->error().code(), Errc::kTimedOut);
  EXPECT_FALSE(read.result);
  pair.server->close();
  world.until([&] { return read.result.has_value(); });
  ASSERT_TRUE(read.result);
  EXPECT_EQ(read.result->error().code(), Errc::kDisconnected);
}

TEST(TcpStream, CancelReadLeavesTheWriterAndTheStreamAlone) {
  World world;
  Pair pair = world.connect();
  auto bytes = std::make_shared<std::vector<std::byte>>(pattern(16U << 20, 4));
  Outcome<Ok> written;
  Outcome<std::string> read;
  world.start(keep_write(pair.server.get(), bytes, in(30s), &written));
  world.start(keep_read(pair.server.get(), 10, in(30s), &read));
  world.settle();
  ASSERT_FALSE(written.result);
  pair.server->cancel_read();
  world.until([&] { return read.result.has_value(); });
  ASSERT_TRUE(read.result);
  EXPECT_EQ(read.result->error().code(), Errc::kCancelled);
  EXPECT_FALSE(written.result);

  const auto got = run(world.loop, read_bytes(pair.client.get(), bytes->size(), in(30s)));
  ASSERT_TRUE(got);
  EXPECT_EQ(sha256(*got), sha256(*bytes));
  EXPECT_TRUE(run(world.loop, write_text(pair.client.get(), "more", in(5s))));
  EXPECT_EQ(run(world.loop, read_text(pair.server.get(), 4, in(5s))).value(), "more");
  ASSERT_TRUE(written.result);
  EXPECT_TRUE(*written.result);
}

TEST(TcpStream, CancelReadWithoutAReaderDoesNothing) {
  World world;
  Pair pair = world.connect();
  pair.server->cancel_read();
  EXPECT_TRUE(run(world.loop, write_text(pair.client.get(), "a", in(5s))));
  EXPECT_EQ(run(world.loop, read_text(pair.server.get(), 1, in(5s))).value(), "a");
}

TEST(TcpStream, LowWaterWakesOnceForManySegments) {
  World world;
  Pair pair = world.connect();
  Outcome<Ok> waited;
  world.start(keep_wait(pair.server.get(), 5000, in(20s), &waited));
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(run(world.loop, write_text(pair.client.get(), std::string(1000, 'x'), in(5s))));
    world.settle();
    EXPECT_FALSE(waited.result) << i;
  }
  EXPECT_TRUE(run(world.loop, write_text(pair.client.get(), std::string(1000, 'y'), in(5s))));
  world.until([&] { return waited.result.has_value(); });
  ASSERT_TRUE(waited.result);
  EXPECT_TRUE(*waited.result);
  // read() does not care about the mark.
  EXPECT_EQ(run(world.loop, read_text(pair.server.get(), 5000, in(5s))).value().size(), 5000U);
  Outcome<std::string> read;
  world.start(keep_read(pair.server.get(), 100, in(5s), &read));
  world.settle();
  EXPECT_TRUE(run(world.loop, write_text(pair.client.get(), "z", in(5s))));
  world.until([&] { return read.result.has_value(); });
  ASSERT_TRUE(read.result);
  EXPECT_EQ(read.result->value(), "z");
}

TEST(TcpStream, LowWaterIsWokenByTheEndAndByAReset) {
  World world;
  Pair pair = world.connect();
  Outcome<Ok> waited;
  world.start(keep_wait(pair.server.get(), 5000, in(20s), &waited));
  EXPECT_TRUE(run(world.loop, write_text(pair.client.get(), "tail", in(5s))));
  world.settle();
  EXPECT_FALSE(waited.result);
  pair.client->shutdown_write();
  world.until([&] { return waited.result.has_value(); });
  ASSERT_TRUE(waited.result);
  EXPECT_EQ(run(world.loop, read_text(pair.server.get(), 100, in(5s))).value(), "tail");

  const int fd = raw_connect(world.acceptor->port());
  auto stream = run(world.loop, accept(world.acceptor.get())).value();
  Outcome<Ok> other;
  world.start(keep_wait(stream.get(), 5000, in(20s), &other));
  world.settle();
  EXPECT_FALSE(other.result);
  reset(fd);
  world.until([&] { return other.result.has_value(); });
  ASSERT_TRUE(other.result);
}

TEST(TcpStream, ACancelledTaskIsAbortedAndTheStreamStaysUsable) {
  World world;
  Pair pair = world.connect();
  boost::asio::cancellation_signal cancel;
  Outcome<std::string> read;
  boost::asio::co_spawn(
      world.loop, keep_read(pair.server.get(), 10, in(20s), &read),
      boost::asio::bind_cancellation_slot(cancel.slot(), [](const std::exception_ptr&) {}));
  world.settle();
  cancel.emit(boost::asio::cancellation_type::terminal);
  world.until([&] { return read.aborted; });
  ASSERT_TRUE(read.aborted);
  EXPECT_TRUE(run(world.loop, write_text(pair.client.get(), "again", in(5s))));
  EXPECT_EQ(run(world.loop, read_text(pair.server.get(), 5, in(5s))).value(), "again");
}

TEST(TcpStream, DestroyingTheStreamEndsPendingOperations) {
  World world;
  Pair pair = world.connect();
  Outcome<std::string> read;
  world.start(keep_read(pair.server.get(), 10, in(20s), &read));
  world.settle();
  pair.server.reset();
  world.until([&] { return read.result.has_value(); });
  ASSERT_TRUE(read.result);
  EXPECT_EQ(read.result->error().code(), Errc::kDisconnected);
}

TEST(TcpStream, LosingTheLoopWithPendingOperationsLeaksNothing) {
  Outcome<std::string> read;
  Outcome<Ok> written;
  auto world = std::make_unique<World>();
  Pair pair = world->connect();
  auto bytes = std::make_shared<std::vector<std::byte>>(pattern(16U << 20, 5));
  world->start(keep_read(pair.server.get(), 10, in(20s), &read));
  world->start(keep_write(pair.server.get(), bytes, in(20s), &written));
  world->settle();
  pair.client.reset();
  pair.server.reset();
  world.reset();
  EXPECT_FALSE(read.result);
}

TEST(Acceptor, PauseWhenDescriptorsAreShort) {
  World world;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int fd = raw_connect(world.acceptor->port());
  // The lowest free number becomes the limit: nothing can be opened.
  const int next = ::dup(fd);
  ::close(next);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  std::optional<Result<std::unique_ptr<Stream>>> accepted;
  boost::asio::co_spawn(world.loop, accept(world.acceptor.get()),
                        [&](const std::exception_ptr&, Result<std::unique_ptr<Stream>> stream) {
                          accepted.emplace(std::move(stream));
                        });
  world.until([&] { return world.acceptor->shortages() >= 2; });
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_FALSE(accepted);
  EXPECT_GE(world.acceptor->shortages(), 2U);
  EXPECT_LE(world.acceptor->shortages(), 10U);
  world.until([&] { return accepted.has_value(); });
  ASSERT_TRUE(accepted);
  EXPECT_TRUE(*accepted);
  ::close(fd);
}

TEST(Acceptor, CloseEndsAPendingAccept) {
  World world;
  std::optional<Result<std::unique_ptr<Stream>>> accepted;
  boost::asio::co_spawn(world.loop, accept(world.acceptor.get()),
                        [&](const std::exception_ptr&, Result<std::unique_ptr<Stream>> stream) {
                          accepted.emplace(std::move(stream));
                        });
  world.settle();
  world.acceptor->close();
  world.until([&] { return accepted.has_value(); });
  ASSERT_TRUE(accepted);
  ASSERT_FALSE(*accepted);
  EXPECT_EQ(accepted->error().code(), Errc::kDisconnected);
}

TEST(Acceptor, RefusesWhatIsNoAddress) {
  World world;
  AcceptorOptions options;
  options.host = "not an address";
  const auto opened = Acceptor::open(world.loop.get_executor(), options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), Errc::kInvalidArgument);
}

TEST(Acceptor, TwoShareAPort) {
  World world;
  AcceptorOptions options;
  options.port = world.acceptor->port();
  EXPECT_TRUE(Acceptor::open(world.loop.get_executor(), options));
}

TEST(TcpDialer, RefusedIsUnavailable) {
  World world;
  const Endpoint endpoint = world.endpoint();
  world.acceptor->close();
  const auto stream = run(world.loop, World::dial(world.dialer.get(), endpoint));
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code(), Errc::kUnavailable);
}

TEST(TcpDialer, ResolvesNamesAndTriesEveryAddress) {
  // "localhost" is ::1 as well on most machines, where nobody listens here.
  World world;
  const auto stream = run(world.loop, World::dial(world.dialer.get(), world.endpoint("localhost")));
  ASSERT_TRUE(stream) << stream.error().detail();
  EXPECT_EQ((*stream)->peer(), "127.0.0.1");
}

TEST(TcpDialer, UnknownNameIsUnavailableOrTimesOut) {
  World world;
  const auto stream =
      run(world.loop, World::dial(world.dialer.get(), world.endpoint("no-such-host.invalid")));
  ASSERT_FALSE(stream);
  EXPECT_TRUE(stream.error().code() == Errc::kUnavailable ||
              stream.error().code() == Errc::kTimedOut)
      << stream.error().detail();
}

Task<Result<std::unique_ptr<Stream>>> dial_until(Dialer* dialer, Endpoint endpoint,
                                                 Deadline deadline) {
  co_return co_await dialer->connect(endpoint, deadline);
}

TEST(TcpDialer, AnAddressThatSwallowsEverythingTimesOut) {
  // A listener whose queue is full answers no further SYN.
  World world;
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto any = SocketAddress::parse("127.0.0.1", 0).value();
  ASSERT_EQ(::bind(listener, any.data(), any.size()), 0);
  ASSERT_EQ(::listen(listener, 0), 0);
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&bound), &size);
  const Endpoint endpoint("127.0.0.1", ntohs(bound.sin_port), false);
  std::vector<std::unique_ptr<Stream>> fill;
  std::optional<Error> error;
  for (int i = 0; i < 8 && !error; ++i) {
    auto stream = run(world.loop, dial_until(world.dialer.get(), endpoint, in(300ms)));
    if (stream) {
      fill.push_back(std::move(*stream));
    } else {
      error = stream.error();
    }
  }
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Errc::kTimedOut);
  ::close(listener);
}

// --- many connections on several threads

Task<void> echo(std::unique_ptr<Stream> stream) {
  std::vector<std::byte> buffer(64U << 10);
  while (true) {
    const auto ready = co_await stream->wait_readable(1, in(60s));
    if (!ready) co_return;
    std::vector<MutableBuffer> into{MutableBuffer{buffer.data(), buffer.size()}};
    const auto n = co_await stream->read(std::move(into), in(60s));
    if (!n || *n == 0) co_return;
    std::vector<ConstBuffer> from{ConstBuffer{buffer.data(), *n}};
    const auto written = co_await stream->write(std::move(from), in(60s));
    if (!written) co_return;
  }
}

Task<void> serve(Acceptor* acceptor, Executor executor) {
  while (true) {
    auto stream = co_await acceptor->accept();
    if (!stream) co_return;
    boost::asio::co_spawn(executor, echo(std::move(*stream)), [](const std::exception_ptr&) {});
  }
}

struct Tally {
  std::atomic<int> right{0};
  std::atomic<int> ended{0};
};

Task<void> send_all(Stream* stream, std::shared_ptr<std::vector<std::byte>> bytes) {
  static_cast<void>(co_await write_bytes(stream, bytes, in(60s)));
}

Task<void> ask(Executor executor, Dialer* dialer, Endpoint endpoint, unsigned seed, Tally* tally) {
  auto stream = co_await dialer->connect(endpoint, in(30s));
  if (stream) {
    auto bytes = std::make_shared<std::vector<std::byte>>(pattern(200'000 + seed, seed));
    boost::asio::co_spawn(executor, send_all(stream->get(), bytes),
                          [](const std::exception_ptr&) {});
    const auto got = co_await read_bytes(stream->get(), bytes->size(), in(60s));
    if (got && *got == *bytes) ++tally->right;
  }
  ++tally->ended;
}

TEST(LoopThreads, TwoHundredConnectionsOnTwoThreads) {
  constexpr int kConnections = 200;
  LoopThreads loops(2);
  std::vector<std::unique_ptr<Acceptor>> acceptors;
  std::vector<std::unique_ptr<TcpDialer>> dialers;
  AcceptorOptions options;
  for (std::size_t i = 0; i < loops.size(); ++i) {
    acceptors.push_back(Acceptor::open(loops.executor(i), options).value());
    options.port = acceptors.front()->port();
    dialers.push_back(std::make_unique<TcpDialer>(loops.executor(i), nullptr, DialerOptions()));
    boost::asio::co_spawn(loops.executor(i), serve(acceptors[i].get(), loops.executor(i)),
                          [](const std::exception_ptr&) {});
  }
  Tally tally;
  const Endpoint endpoint("127.0.0.1", options.port, false);
  for (unsigned i = 0; i < kConnections; ++i) {
    const std::size_t loop = i % loops.size();
    boost::asio::co_spawn(loops.executor(loop),
                          ask(loops.executor(loop), dialers[loop].get(), endpoint, i, &tally),
                          [](const std::exception_ptr&) {});
  }
  loops.start();
  const Instant start = steady_now();
  while (tally.ended < kConnections && since(start) < 90s) ::usleep(5000);
  EXPECT_EQ(tally.right, kConnections);
  // Acceptors belong to their threads: close them there.
  std::atomic<int> closed{0};
  for (std::size_t i = 0; i < loops.size(); ++i) {
    loops.post(i, [&, i] {
      acceptors[i]->close();
      ++closed;
    });
  }
  while (closed < 2) ::usleep(1000);
  loops.stop();
  loops.join();
}

}  // namespace
}  // namespace sluice::net
