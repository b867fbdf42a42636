#include "net/tls_stream.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <utility>

#include <sys/socket.h>

#include "base/check.h"
#include "base/signal.h"
#include "net/socket.h"

namespace sluice::net {

namespace {

// Plaintext of one send at most; the scratch holds it encrypted.
constexpr std::size_t kBatchMax = 1U << 20;
constexpr std::size_t kBatchMin = 64U << 10;
constexpr std::size_t kScratch = kBatchMax + (128U << 10);
constexpr std::size_t kHandshakeGulp = 16U << 10;

// One per thread: used only between two suspensions.
std::span<std::byte> scratch() {
  thread_local const std::unique_ptr<std::byte[]> memory(new std::byte[kScratch]);
  return {memory.get(), kScratch};
}

std::size_t total(const std::vector<MutableBuffer>& buffers) noexcept {
  std::size_t sum = 0;
  for (const MutableBuffer& buffer : buffers) sum += buffer.size;
  return sum;
}

}  // namespace

struct TlsStream::State {
  State(std::shared_ptr<TcpSocket> s, std::unique_ptr<TlsEngine> e)
      : socket(std::move(s)), engine(std::move(e)) {}

  int fd() const noexcept { return socket->io->fd(); }

  // What one look at the socket and at OpenSSL brought.
  enum class Pull : std::uint8_t { kBytes, kWait, kEnd, kFailed };

  // Receives ciphertext, as much as the buffers hold of plaintext, and decrypts it. kWait: there is
  // nothing.
  Pull pull(const std::vector<MutableBuffer>& into, std::size_t& got);
  // A step of the handshake, as far as the input goes. Pull::kBytes: it is done.
  Pull shake();
  // Receives into the scratch and makes it the engine's input.
  Moved receive_ciphertext(std::size_t want);
  // Sends what is queued, without waiting, unless a writer is about it. A failure is left to the
  // next operation to find.
  void flush_quietly() noexcept;
  // Encrypts and sends one batch.
  Result<Moved> send_batch(const std::vector<ConstBuffer>& from, Cursor& at);
  Moved send_pending();
  // First bytes of the next record, as far as they have arrived in the socket.
  std::size_t peek(std::span<std::byte> into) const noexcept;
  void goodbye() noexcept;

  const std::shared_ptr<TcpSocket> socket;
  const std::unique_ptr<TlsEngine> engine;
  Error error{Errc::kDisconnected, "connection closed by us"};  // with Pull::kFailed
  bool shaking = false;                                         // some operation does the handshake
  Signal shaken;           // it has ended, one way or the other
  bool writing = false;    // pending ciphertext is the writer's business
  bool cut_short = false;  // a write failed in the middle
  bool said_goodbye = false;
  // Plaintext of the next batch: grows while the socket takes all, shrinks when it does not, so
  // that a slow peer costs little memory.
  std::size_t batch = 4 * kBatchMin;
};

TlsStream::TlsStream(std::shared_ptr<TcpSocket> socket, std::unique_ptr<TlsEngine> engine)
    : state_(std::make_shared<State>(std::move(socket), std::move(engine))) {}

TlsStream::~TlsStream() {
  close();
}

Task<Result<Ok>> TlsStream::handshake(Deadline deadline) {
  return establish(state_, deadline);
}

Task<Result<Ok>> TlsStream::wait_readable(std::size_t low_water, Deadline deadline) {
  return wait_on(state_, low_water, deadline);
}

Task<Result<std::size_t>> TlsStream::read(std::vector<MutableBuffer> into, Deadline deadline) {
  return read_from(state_, std::move(into), deadline);
}

Task<Result<Ok>> TlsStream::write(std::vector<ConstBuffer> from, Deadline deadline) {
  return write_to(state_, std::move(from), deadline);
}

void TlsStream::cancel_read() noexcept {
  state_->socket->io->cancel_read();
}

void TlsStream::shutdown_write() noexcept {
  state_->goodbye();
  if (state_->fd() >= 0) static_cast<void>(::shutdown(state_->fd(), SHUT_WR));
}

void TlsStream::close() noexcept {
  state_->goodbye();
  state_->socket->io->close();
}

const std::string& TlsStream::peer() const noexcept {
  return state_->socket->peer;
}

namespace {

// Ends the handshake phase on every path, cancellation included.
template <class State>
class ShakeGuard {
 public:
  explicit ShakeGuard(State* state) : state_(state) { state_->shaking = true; }
  ~ShakeGuard() {
    state_->shaking = false;
    state_->shaken.notify_all();
  }
  ShakeGuard(const ShakeGuard&) = delete;
  ShakeGuard& operator=(const ShakeGuard&) = delete;

 private:
  State* const state_;
};

template <class State>
class WriteGuard {
 public:
  explicit WriteGuard(State* state) : state_(state) { state_->writing = true; }
  ~WriteGuard() {
    state_->writing = false;
    if (!complete_) state_->cut_short = true;
  }
  void complete() noexcept { complete_ = true; }
  WriteGuard(const WriteGuard&) = delete;
  WriteGuard& operator=(const WriteGuard&) = delete;

 private:
  State* const state_;
  bool complete_ = false;
};

}  // namespace

Task<Result<Ok>> TlsStream::establish(StatePtr state, Deadline deadline) {
  while (true) {
    const Signal::Seen seen = state->shaken.seen();
    if (state->engine->established()) co_return Ok{};
    if (!state->shaking) break;
    co_await state->shaken.wait(seen);
  }
  const ShakeGuard guard(state.get());
  while (true) {
    const State::Pull step = state->shake();
    while (!state->engine->pending().empty()) {
      const Moved moved = state->send_pending();
      if (moved.error != 0) co_return fail(connection_error(moved.error));
      if (!moved.would_block) break;
      const Wake wake = co_await state->socket->io->wait_writable(deadline);
      if (wake != Wake::kReady) co_return fail(wake_error(wake));
    }
    if (step == State::Pull::kBytes) co_return Ok{};
    if (step != State::Pull::kWait) co_return fail(state->error);
    state->socket->low_water(1);
    const Wake wake = co_await state->socket->io->wait_readable(deadline);
    if (wake != Wake::kReady) co_return fail(wake_error(wake));
  }
}

Task<Result<Ok>> TlsStream::wait_on(StatePtr state, std::size_t low_water, Deadline deadline) {
  if (!state->engine->established()) {
    auto established = co_await establish(state, deadline);
    if (!established) co_return fail(std::move(established).error());
  }
  if (state->engine->readable()) co_return Ok{};
  state->socket->economize(low_water, deadline);
  const std::size_t kept = state->engine->kept();
  std::size_t want = std::max(low_water > kept ? low_water - kept : 1, state->engine->missing({}));
  while (true) {
    state->socket->low_water(want);
    const Wake wake = co_await state->socket->io->wait_readable(deadline);
    if (wake != Wake::kReady) co_return fail(wake_error(wake));
    // Fewer bytes than the mark: an end or an error, which read() reports.
    const std::size_t arrived = queued_bytes(state->fd());
    if (arrived < want) co_return Ok{};
    std::array<std::byte, 5> header{};
    const std::size_t peeked = state->peek(header);
    const std::size_t missing = state->engine->missing(std::span(header).first(peeked));
    if (arrived >= missing) co_return Ok{};
    want = missing;
  }
}

Task<Result<std::size_t>> TlsStream::read_from(StatePtr state, std::vector<MutableBuffer> into,
                                               Deadline deadline) {
  SLUICE_CHECK(total(into) > 0);
  if (!state->engine->established()) {
    auto established = co_await establish(state, deadline);
    if (!established) co_return fail(std::move(established).error());
  }
  while (true) {
    std::size_t got = 0;
    const State::Pull step = state->pull(into, got);
    if (got > 0) co_return got;
    if (step == State::Pull::kEnd) co_return std::size_t{0};
    if (step == State::Pull::kFailed) co_return fail(state->error);
    state->socket->low_water(state->engine->missing({}));
    const Wake wake = co_await state->socket->io->wait_readable(deadline);
    if (wake != Wake::kReady) co_return fail(wake_error(wake));
  }
}

Task<Result<Ok>> TlsStream::write_to(StatePtr state, std::vector<ConstBuffer> from,
                                     Deadline deadline) {
  if (!state->engine->established()) {
    auto established = co_await establish(state, deadline);
    if (!established) co_return fail(std::move(established).error());
  }
  WriteGuard guard(state.get());
  Cursor at;
  while (true) {
    if (state->fd() < 0) co_return fail(wake_error(Wake::kClosed));
    const auto batch = state->send_batch(from, at);
    if (!batch) co_return fail(batch.error());
    if (batch->error != 0) co_return fail(connection_error(batch->error));
    if (!batch->would_block) {
      if (at.index < from.size()) continue;
      guard.complete();
      co_return Ok{};
    }
    const Wake wake = co_await state->socket->io->wait_writable(deadline);
    if (wake != Wake::kReady) co_return fail(wake_error(wake));
  }
}

// ---------------------------------------------------------------------------------------------

TlsStream::State::Pull TlsStream::State::pull(const std::vector<MutableBuffer>& into,
                                              std::size_t& got) {
  using Step = TlsEngine::Step;
  // First what is here already.
  engine->feed_kept();
  Step step = engine->decrypt(into, got);
  engine->keep_rest();
  const std::size_t capacity = total(into);
  while (step == Step::kWantInput) {
    const std::size_t plain = capacity - got;
    const std::size_t records = plain / TlsEngine::kRecordData + 1;
    const Moved moved = receive_ciphertext(plain + records * TlsEngine::kRecordOverhead);
    if (moved.would_block) break;
    if (moved.error != 0) {
      error = connection_error(moved.error);
      return Pull::kFailed;
    }
    if (moved.bytes == 0) {
      error = Error(Errc::kDisconnected, "TLS connection ended without close_notify");
      return Pull::kFailed;
    }
    step = engine->decrypt(into, got);
    engine->keep_rest();
    // One gulp is a batch; only records without data (tickets) make us look again.
    if (got > 0) break;
  }
  flush_quietly();
  switch (step) {
    case Step::kDone:
      return Pull::kBytes;
    case Step::kWantInput:
      return got > 0 ? Pull::kBytes : Pull::kWait;
    case Step::kEnded:
      return Pull::kEnd;
    case Step::kFailed:
      break;
  }
  error = engine->error();
  return Pull::kFailed;
}

TlsStream::State::Pull TlsStream::State::shake() {
  using Step = TlsEngine::Step;
  engine->feed_kept();
  Step step = engine->handshake();
  engine->keep_rest();
  while (step == Step::kWantInput) {
    const Moved moved = receive_ciphertext(kHandshakeGulp);
    if (moved.would_block) return Pull::kWait;
    if (moved.error != 0 || moved.bytes == 0) {
      error = moved.error != 0
                  ? connection_error(moved.error)
                  : Error(Errc::kDisconnected, "connection ended during the TLS handshake");
      return Pull::kFailed;
    }
    step = engine->handshake();
    engine->keep_rest();
    if (!engine->pending().empty() && step == Step::kWantInput) return Pull::kWait;
  }
  if (step == Step::kDone) return Pull::kBytes;
  error = engine->error();
  return Pull::kFailed;
}

Moved TlsStream::State::receive_ciphertext(std::size_t want) {
  Moved moved;
  if (fd() < 0) {
    moved.error = ENOTCONN;
    return moved;
  }
  const std::size_t kept = engine->kept();
  const std::span<std::byte> memory = scratch();
  const std::size_t size = std::min(want, memory.size() - kept);
  const MutableBuffer room{memory.data() + kept, size};
  moved = receive(fd(), std::span(&room, 1));
  if (moved.bytes > 0) engine->feed(memory.data(), moved.bytes);
  return moved;
}

void TlsStream::State::flush_quietly() noexcept {
  if (writing || fd() < 0 || engine->pending().empty()) return;
  static_cast<void>(send_pending());
}

Moved TlsStream::State::send_pending() {
  Moved moved;
  if (engine->pending().empty()) return moved;
  moved = send_bytes(fd(), engine->pending());
  engine->sent(moved.bytes);
  return moved;
}

Result<Moved> TlsStream::State::send_batch(const std::vector<ConstBuffer>& from, Cursor& at) {
  Moved moved = send_pending();
  if (moved.error != 0 || moved.would_block) return moved;
  const std::span<std::byte> memory = scratch();
  const std::size_t limit =
      batch + (batch / TlsEngine::kRecordData + 1) * TlsEngine::kRecordOverhead;
  SLUICE_TRY(const std::size_t size,
             engine->encrypt(from, at, memory.first(std::min(limit, memory.size()))));
  moved = send_bytes(fd(), memory.first(size));
  if (moved.error != 0) return moved;
  if (moved.bytes < size) {
    engine->keep_unsent(memory.subspan(moved.bytes, size - moved.bytes));
    if (moved.bytes < size / 2) batch = std::max(kBatchMin, batch / 2);
  } else {
    batch = std::min(kBatchMax, batch * 2);
  }
  return moved;
}

std::size_t TlsStream::State::peek(std::span<std::byte> into) const noexcept {
  const ssize_t n = ::recv(fd(), into.data(), into.size(), MSG_PEEK | MSG_DONTWAIT);
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

void TlsStream::State::goodbye() noexcept {
  // Behind a message that was cut short it would tell the peer that all had arrived.
  if (said_goodbye || writing || cut_short || fd() < 0 || !engine->pending().empty()) return;
  said_goodbye = true;
  engine->say_goodbye();
  flush_quietly();
}

}  // namespace sluice::net
