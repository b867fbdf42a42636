// The Stream contract over TLS, certificates and their renewal.
#include "net/tls_stream.h"

#include <openssl/ssl.h>
#include <sys/socket.h>

#include "net/test_pair.h"

namespace sluice::net {
namespace {

using namespace testing;  // NOLINT: test helpers

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() {
    const auto issued = authority_.issue("DNS:localhost,IP:127.0.0.1");
    certificate_ = dir_.write("cert.pem", issued.certificate);
    key_ = dir_.write("key.pem", issued.key);
    ca_ = dir_.write("ca.pem", authority_.certificate_pem());
    server_ = TlsServerContext::open(certificate_, key_).value();
    client_ = TlsClientContext::open(ca_).value();
    world_ = std::make_unique<World>(server_, client_);
  }

  Pair connect() {
    Pair pair = world_->connect();
    EXPECT_EQ(run(world_->loop, read_text(pair.client.get(), 1, in(5s))).value(), "!");
    return pair;
  }

  TestAuthority authority_;
  TempDir dir_;
  std::string certificate_;
  std::string key_;
  std::string ca_;
  std::shared_ptr<TlsServerContext> server_;
  std::shared_ptr<TlsClientContext> client_;
  std::unique_ptr<World> world_;
  std::unique_ptr<Stream> served_;
};

Task<void> send_in_background(Stream* stream, std::shared_ptr<std::vector<std::byte>> bytes,
                              bool* done) {
  const auto written = co_await write_bytes(stream, bytes, in(60s));
  *done = written.has_value();
}

TEST_F(TlsTest, BigTransfersBothWaysAtOnce) {
  Pair pair = connect();
  EXPECT_TRUE(pair.client->encrypted());
  EXPECT_TRUE(pair.server->encrypted());
  auto up = std::make_shared<std::vector<std::byte>>(pattern(24U << 20, 1));
  auto down = std::make_shared<std::vector<std::byte>>(pattern(8U << 20, 2));
  bool up_sent = false;
  bool down_sent = false;
  world_->start(send_in_background(pair.client.get(), up, &up_sent));
  world_->start(send_in_background(pair.server.get(), down, &down_sent));
  const auto at_server = run(world_->loop, read_bytes(pair.server.get(), up->size(), in(60s)));
  const auto at_client = run(world_->loop, read_bytes(pair.client.get(), down->size(), in(60s)));
  ASSERT_TRUE(at_server) << at_server.error().detail();
  ASSERT_TRUE(at_client) << at_client.error().detail();
  EXPECT_EQ(sha256(*at_server), sha256(*up));
  EXPECT_EQ(sha256(*at_client), sha256(*down));
  EXPECT_TRUE(up_sent);
  EXPECT_TRUE(down_sent);
}

TEST_F(TlsTest, SmallAndOddReadsLoseNothing) {
  for (const std::size_t batch : {std::size_t{7}, std::size_t{1000}, std::size_t{16384},
                                  std::size_t{20000}, std::size_t{100'001}}) {
    Pair pair = connect();
    auto bytes =
        std::make_shared<std::vector<std::byte>>(pattern(batch < 100 ? 60'000 : 3'000'000, batch));
    bool sent = false;
    world_->start(send_in_background(pair.client.get(), bytes, &sent));
    const auto got =
        run(world_->loop, read_bytes(pair.server.get(), bytes->size(), in(60s), batch));
    ASSERT_TRUE(got) << batch << got.error().detail();
    EXPECT_EQ(sha256(*got), sha256(*bytes)) << batch;
  }
}

TEST_F(TlsTest, ManySmallBuffersInOneWrite) {
  Pair pair = connect();
  const auto bytes = pattern(300'000, 9);
  std::vector<ConstBuffer> from;
  for (std::size_t at = 0; at < bytes.size(); at += 97) {
    from.push_back({bytes.data() + at, std::min<std::size_t>(97, bytes.size() - at)});
  }
  std::optional<Result<Ok>> written;
  boost::asio::co_spawn(world_->loop, pair.client->write(from, in(20s)),
                        [&](const std::exception_ptr&, Result<Ok> result) { written = result; });
  const auto got = run(world_->loop, read_bytes(pair.server.get(), bytes.size(), in(20s)));
  ASSERT_TRUE(got);
  EXPECT_EQ(sha256(*got), sha256(bytes));
  ASSERT_TRUE(written);
  EXPECT_TRUE(*written);
}

TEST_F(TlsTest, WaitingLooksAtDecryptedBytes) {
  Pair pair = connect();
  EXPECT_TRUE(run(world_->loop, write_text(pair.client.get(), std::string(1000, 'a'), in(5s))));
  EXPECT_EQ(run(world_->loop, read_text(pair.server.get(), 10, in(5s))).value().size(), 10U);
  // The rest of the record is in OpenSSL, nothing is in the socket.
  EXPECT_TRUE(run(world_->loop, pair.server->wait_readable(500, in(5s))));
  EXPECT_EQ(run(world_->loop, read_text(pair.server.get(), 990, in(5s))).value().size(), 990U);
  const auto nothing = run(world_->loop, pair.server->wait_readable(1, in(100ms)));
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code(), Errc::kTimedOut);
  EXPECT_TRUE(run(world_->loop, write_text(pair.server.get(), "still here", in(5s))));
  EXPECT_EQ(run(world_->loop, read_text(pair.client.get(), 10, in(5s))).value(), "still here");
}

// Forwards ciphertext in small pieces, as a slow line does.
Task<void> drip(Stream* from, Stream* to, std::size_t piece, int* forwarded) {
  std::vector<std::byte> buffer(piece);
  while (true) {
    const auto ready = co_await from->wait_readable(1, in(60s));
    if (!ready) co_return;
    std::vector<MutableBuffer> into{MutableBuffer{buffer.data(), buffer.size()}};
    const auto n = co_await from->read(std::move(into), in(60s));
    if (!n || *n == 0) break;
    std::vector<ConstBuffer> out{ConstBuffer{buffer.data(), *n}};
    const auto written = co_await to->write(std::move(out), in(60s));
    if (!written) co_return;
    ++*forwarded;
  }
  to->shutdown_write();
}

Task<void> count_wakes(Stream* stream, std::size_t low_water, std::vector<std::byte>* got,
                       int* wakes) {
  std::vector<std::byte> buffer(64U << 10);
  while (true) {
    const auto ready = co_await stream->wait_readable(low_water, in(60s));
    if (!ready) co_return;
    ++*wakes;
    std::vector<MutableBuffer> into{MutableBuffer{buffer.data(), buffer.size()}};
    const auto n = co_await stream->read(std::move(into), in(60s));
    if (!n || *n == 0) co_return;
    got->insert(got->end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*n));
  }
}

TEST_F(TlsTest, RecordsInPiecesWakeTheReaderOncePerRecord) {
  // client (TLS) → relay → server (TLS)
  World relay;
  auto middle = Acceptor::open(world_->loop.get_executor(), AcceptorOptions()).value();
  TcpDialer plain(world_->loop.get_executor(), nullptr, DialerOptions());
  std::unique_ptr<Stream> relay_in;
  std::unique_ptr<Stream> relay_out;
  std::unique_ptr<Stream> server;
  auto keep = [](std::unique_ptr<Stream>* out) {
    return [out](const std::exception_ptr&, Result<std::unique_ptr<Stream>> stream) {
      *out = std::move(*stream);
    };
  };
  boost::asio::co_spawn(world_->loop, middle->accept(), keep(&relay_in));
  boost::asio::co_spawn(world_->loop, world_->acceptor->accept(), keep(&server));
  const Endpoint real("127.0.0.1", world_->acceptor->port(), false);
  relay_out = run(world_->loop, World::dial(&plain, real)).value();
  int up = 0;
  int down = 0;
  const Endpoint through("127.0.0.1", middle->port(), true);
  std::unique_ptr<Stream> client;
  boost::asio::co_spawn(world_->loop, World::dial(world_->dialer.get(), through), keep(&client));
  world_->until([&] { return relay_in && server; });
  world_->start(drip(relay_in.get(), relay_out.get(), 300, &up));
  world_->start(drip(relay_out.get(), relay_in.get(), 300, &down));
  std::vector<std::byte> got;
  int wakes = 0;
  world_->start(count_wakes(server.get(), 4096, &got, &wakes));
  world_->until([&] { return client != nullptr; });
  const int handshake = up;
  auto bytes = std::make_shared<std::vector<std::byte>>(pattern(400'000, 11));
  EXPECT_TRUE(run(world_->loop, write_bytes(client.get(), bytes, in(30s))));
  world_->until([&] { return got.size() >= bytes->size(); });
  EXPECT_EQ(sha256(got), sha256(*bytes));
  EXPECT_GT(up - handshake, 1000);
  // 25 records of 16 KiB; a wake-up for every forwarded piece would be over 1300.
  EXPECT_LT(wakes, 120);
}

TEST_F(TlsTest, AnOrderlyEndIsTheEndAndACutIsNot) {
  Pair pair = connect();
  EXPECT_TRUE(run(world_->loop, write_text(pair.client.get(), "all", in(5s))));
  pair.client->shutdown_write();
  EXPECT_EQ(run(world_->loop, read_text(pair.server.get(), 100, in(5s))).value(), "all");
  EXPECT_EQ(run(world_->loop, read_text(pair.server.get(), 100, in(5s))).value(), "");
  // Half-closed only.
  EXPECT_TRUE(run(world_->loop, write_text(pair.server.get(), "answer", in(5s))));
  EXPECT_EQ(run(world_->loop, read_text(pair.client.get(), 6, in(5s))).value(), "answer");
}

TEST_F(TlsTest, ACutWithoutGoodbyeIsDisconnected) {
  // A relay that closes its side, as a proxy does, without TLS's goodbye.
  auto middle = Acceptor::open(world_->loop.get_executor(), AcceptorOptions()).value();
  TcpDialer plain(world_->loop.get_executor(), nullptr, DialerOptions());
  std::unique_ptr<Stream> relay_in;
  std::unique_ptr<Stream> server;
  std::unique_ptr<Stream> client;
  auto keep = [](std::unique_ptr<Stream>* out) {
    return [out](const std::exception_ptr&, Result<std::unique_ptr<Stream>> stream) {
      *out = std::move(*stream);
    };
  };
  boost::asio::co_spawn(world_->loop, middle->accept(), keep(&relay_in));
  boost::asio::co_spawn(world_->loop, world_->acceptor->accept(), keep(&server));
  const Endpoint real("127.0.0.1", world_->acceptor->port(), false);
  auto relay_out = run(world_->loop, World::dial(&plain, real)).value();
  int up = 0;
  int down = 0;
  const Endpoint through("127.0.0.1", middle->port(), true);
  boost::asio::co_spawn(world_->loop, World::dial(world_->dialer.get(), through), keep(&client));
  world_->until([&] { return relay_in && server; });
  world_->start(drip(relay_in.get(), relay_out.get(), 9000, &up));
  world_->start(drip(relay_out.get(), relay_in.get(), 9000, &down));
  std::optional<Result<std::string>> got;
  boost::asio::co_spawn(
      world_->loop, read_text(server.get(), 100, in(20s)),
      [&](const std::exception_ptr&, Result<std::string> text) { got.emplace(std::move(text)); });
  world_->until([&] { return client != nullptr; });
  EXPECT_TRUE(run(world_->loop, write_text(client.get(), "half", in(5s))));
  world_->settle();
  EXPECT_FALSE(got);
  relay_out->shutdown_write();
  world_->until([&] { return got.has_value(); });
  ASSERT_TRUE(got);
  ASSERT_FALSE(*got);
  EXPECT_EQ(got->error().code(), Errc::kDisconnected);
}

TEST_F(TlsTest, CancelReadAndConcurrentWriter) {
  Pair pair = connect();
  auto bytes = std::make_shared<std::vector<std::byte>>(pattern(16U << 20, 4));
  bool sent = false;
  world_->start(send_in_background(pair.server.get(), bytes, &sent));
  std::optional<Result<std::string>> read;
  boost::asio::co_spawn(
      world_->loop, read_text(pair.server.get(), 100, in(20s)),
      [&](const std::exception_ptr&, Result<std::string> text) { read.emplace(std::move(text)); });
  world_->settle();
  EXPECT_FALSE(sent);
  pair.server->cancel_read();
  world_->until([&] { return read.has_value(); });
  ASSERT_TRUE(read);
  EXPECT_EQ(read->error().code(), Errc::kCancelled);
  const auto got = run(world_->loop, read_bytes(pair.client.get(), bytes->size(), in(30s)));
  ASSERT_TRUE(got);
  EXPECT_EQ(sha256(*got), sha256(*bytes));
  EXPECT_TRUE(run(world_->loop, write_text(pair.client.get(), "more", in(5s))));
  EXPECT_EQ(run(world_->loop, read_text(pair.server.get(), 4, in(5s))).value(), "more");
}

TEST_F(TlsTest, VerifiesNameAddressAndIssuer) {
  // The certificate names localhost and 127.0.0.1.
  const auto name_ok = world_->connect();
  EXPECT_TRUE(name_ok.client);

  const auto other = authority_.issue("DNS:other.example");
  world_->server_tls = TlsServerContext::open(dir_.write("c2.pem", other.certificate),
                                              dir_.write("k2.pem", other.key))
                           .value();
  AcceptorOptions options;
  options.tls = world_->server_tls;
  auto acceptor = Acceptor::open(world_->loop.get_executor(), options).value();
  const auto drive = [&](Acceptor* which) {
    boost::asio::co_spawn(
        world_->loop, which->accept(),
        [this](const std::exception_ptr&, Result<std::unique_ptr<Stream>> stream) {
          served_ = std::move(*stream);
          boost::asio::co_spawn(world_->loop, read_text(served_.get(), 1, in(5s)),
                                [](const std::exception_ptr&, const Result<std::string>&) {});
        });
  };
  for (const char* host : {"127.0.0.1", "localhost"}) {
    drive(acceptor.get());
    const Endpoint endpoint(host, acceptor->port(), true);
    const auto refused = run(world_->loop, World::dial(world_->dialer.get(), endpoint));
    ASSERT_FALSE(refused) << host;
    EXPECT_EQ(refused.error().code(), Errc::kRejected) << refused.error().detail();
  }
  const TestAuthority stranger;
  auto strange = TlsClientContext::open(dir_.write("ca2.pem", stranger.certificate_pem())).value();
  TcpDialer dialer(world_->loop.get_executor(), strange, DialerOptions());
  drive(world_->acceptor.get());
  const auto refused = run(world_->loop, World::dial(&dialer, world_->endpoint()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kRejected) << refused.error().detail();

  drive(world_->acceptor.get());
  const auto by_name =
      run(world_->loop, World::dial(world_->dialer.get(), world_->endpoint("localhost")));
  EXPECT_TRUE(by_name) << by_name.error().detail();
}

TEST_F(TlsTest, AServerThatSpeaksNoTlsIsUnavailable) {
  auto acceptor = Acceptor::open(world_->loop.get_executor(), AcceptorOptions()).value();
  std::unique_ptr<Stream> served;
  boost::asio::co_spawn(world_->loop, acceptor->accept(),
                        [&](const std::exception_ptr&, Result<std::unique_ptr<Stream>> stream) {
                          served = std::move(*stream);
                          boost::asio::co_spawn(
                              world_->loop,
                              write_text(served.get(), "HTTP/1.1 400 Bad Request\r\n\r\n", in(5s)),
                              [](const std::exception_ptr&, const Result<Ok>&) {});
                        });
  const Endpoint endpoint("127.0.0.1", acceptor->port(), true);
  const auto refused = run(world_->loop, World::dial(world_->dialer.get(), endpoint));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kUnavailable) << refused.error().detail();
}

TEST_F(TlsTest, PlainHttpOnATlsPortEndsAtOnce) {
  TcpDialer plain(world_->loop.get_executor(), nullptr, DialerOptions());
  std::unique_ptr<Stream> server;
  boost::asio::co_spawn(world_->loop, world_->acceptor->accept(),
                        [&](const std::exception_ptr&, Result<std::unique_ptr<Stream>> stream) {
                          server = std::move(*stream);
                        });
  const Endpoint endpoint("127.0.0.1", world_->acceptor->port(), false);
  auto client = run(world_->loop, World::dial(&plain, endpoint)).value();
  EXPECT_TRUE(run(world_->loop, write_text(client.get(), "GET / HTTP/1.1\r\n\r\n", in(5s))));
  world_->until([&] { return server != nullptr; });
  const auto read = run(world_->loop, read_text(server.get(), 10, in(5s)));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), Errc::kDisconnected);
}

TEST_F(TlsTest, ASilentClientHoldsUpNobodyAndTimesOut) {
  TcpDialer plain(world_->loop.get_executor(), nullptr, DialerOptions());
  std::unique_ptr<Stream> silent_server;
  boost::asio::co_spawn(world_->loop, world_->acceptor->accept(),
                        [&](const std::exception_ptr&, Result<std::unique_ptr<Stream>> stream) {
                          silent_server = std::move(*stream);
                        });
  const Endpoint endpoint("127.0.0.1", world_->acceptor->port(), false);
  auto silent = run(world_->loop, World::dial(&plain, endpoint)).value();
  world_->until([&] { return silent_server != nullptr; });
  std::optional<Result<Ok>> waited;
  boost::asio::co_spawn(world_->loop, silent_server->wait_readable(1, in(200ms)),
                        [&](const std::exception_ptr&, Result<Ok> result) { waited = result; });
  Pair other = connect();  // meanwhile
  EXPECT_TRUE(other.client);
  world_->until([&] { return waited.has_value(); });
  ASSERT_TRUE(waited);
  ASSERT_FALSE(*waited);
  EXPECT_EQ(waited->error().code(), Errc::kTimedOut);
}

// --- certificates

// The names of the certificate that a new connection is shown, as subject alternative names.
bool shows(World& world, const std::string& host) {
  std::unique_ptr<Stream> served;
  boost::asio::co_spawn(world.loop, world.acceptor->accept(),
                        [&](const std::exception_ptr&, Result<std::unique_ptr<Stream>> stream) {
                          served = std::move(*stream);
                          boost::asio::co_spawn(
                              world.loop, write_text(served.get(), "!", in(5s)),
                              [](const std::exception_ptr&, const Result<Ok>&) {});
                        });
  return run(world.loop, World::dial(world.dialer.get(), world.endpoint(host))).has_value();
}

TEST_F(TlsTest, NewCertificatesAreForNewConnections) {
  EXPECT_EQ(server_->reload_if_changed().value(), false);
  EXPECT_TRUE(shows(*world_, "127.0.0.1"));
  EXPECT_TRUE(shows(*world_, "localhost"));
  Pair old = connect();

  const auto renewed = authority_.issue("DNS:localhost");
  dir_.write("cert.pem", renewed.certificate);
  // Only half of the pair has been replaced so far: the old one stays in use.
  const auto half = server_->reload_if_changed();
  ASSERT_FALSE(half);
  EXPECT_EQ(half.error().code(), Errc::kInvalidArgument);
  EXPECT_TRUE(shows(*world_, "127.0.0.1"));
  // Said once for each change.
  EXPECT_EQ(server_->reload_if_changed().value(), false);

  dir_.write("key.pem", renewed.key);
  EXPECT_EQ(server_->reload_if_changed().value(), true);
  EXPECT_FALSE(shows(*world_, "127.0.0.1"));
  EXPECT_TRUE(shows(*world_, "localhost"));
  // The old connection goes on.
  EXPECT_TRUE(run(world_->loop, write_text(old.client.get(), "on", in(5s))));
  EXPECT_EQ(run(world_->loop, read_text(old.server.get(), 2, in(5s))).value(), "on");

  dir_.write("cert.pem", "garbage");
  ASSERT_FALSE(server_->reload());
  EXPECT_TRUE(shows(*world_, "localhost"));
  std::filesystem::remove(certificate_);
  ASSERT_FALSE(server_->reload_if_changed());
  EXPECT_TRUE(shows(*world_, "localhost"));
}

TEST_F(TlsTest, BrokenFilesAreRefusedAtStart) {
  EXPECT_FALSE(TlsServerContext::open(dir_.file("none.pem"), key_));
  EXPECT_FALSE(TlsServerContext::open(certificate_, certificate_));
  const auto other = authority_.issue("DNS:localhost");
  const auto mismatch = TlsServerContext::open(certificate_, dir_.write("k.pem", other.key));
  ASSERT_FALSE(mismatch);
  EXPECT_EQ(mismatch.error().detail().find("PRIVATE"), std::string::npos);
  EXPECT_FALSE(TlsClientContext::open(dir_.file("none.pem")));
  EXPECT_TRUE(TlsClientContext::open(""));
}

TEST_F(TlsTest, TwoHundredConnections) {
  std::vector<Pair> pairs;
  pairs.reserve(200);
  for (int i = 0; i < 200; ++i) pairs.push_back(connect());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    auto bytes = std::make_shared<std::vector<std::byte>>(pattern(50'000, i));
    bool sent = false;
    world_->start(send_in_background(pairs[i].client.get(), bytes, &sent));
    const auto got = run(world_->loop, read_bytes(pairs[i].server.get(), bytes->size(), in(30s)));
    ASSERT_TRUE(got);
    EXPECT_EQ(*got, *bytes);
  }
}

TEST_F(TlsTest, LosingTheLoopWithPendingOperationsLeaksNothing) {
  std::unique_ptr<Pair> pair = std::make_unique<Pair>(connect());
  bool sent = false;
  auto bytes = std::make_shared<std::vector<std::byte>>(pattern(16U << 20, 5));
  world_->start(send_in_background(pair->server.get(), bytes, &sent));
  boost::asio::co_spawn(world_->loop, read_text(pair->server.get(), 10, in(20s)),
                        [](const std::exception_ptr&, const Result<std::string>&) {});
  world_->settle();
  pair.reset();
  world_.reset();
  EXPECT_FALSE(sent);
}

}  // namespace
}  // namespace sluice::net
