// TlsEngine: one TLS connection without its socket: ciphertext in, plaintext out, and the reverse.
// Synchronous and never waiting; the stream around it moves the ciphertext.
//
// Ciphertext arrives in big gulps in a buffer of the caller's and is handed to OpenSSL through a
// BIO of our own, record by record; outgoing records gather in a buffer of the caller's and leave
// in one send (limits.md 5: half the cost of libssl on a descriptor). Between calls an idle
// connection holds only an incomplete record, never OpenSSL's 16 KiB buffers.
//
// Not thread-safe: the connection's executor only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/socket.h"
#include "ports/stream.h"

struct ssl_st;
struct ssl_ctx_st;

namespace sluice::net {

class TlsEngine {
 public:
  // Largest record on the wire, with header and the most generous padding a peer may add.
  static constexpr std::size_t kRecordMax = 5 + 16384 + 2048;
  // What one record adds at most to its plaintext, in what we send.
  static constexpr std::size_t kRecordOverhead = 64;
  static constexpr std::size_t kRecordData = 16384;

  static std::unique_ptr<TlsEngine> server(std::shared_ptr<ssl_ctx_st> context);
  // Verifies the peer's certificate against `host`, a name (sent as SNI) or an address literal.
  static Result<std::unique_ptr<TlsEngine>> client(ssl_ctx_st* context, const std::string& host);
  ~TlsEngine();
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;

  enum class Step : std::uint8_t {
    kDone,       // handshake finished, or bytes were moved
    kWantInput,  // nothing to be had without more ciphertext
    kEnded,      // the peer said goodbye in due form
    kFailed,     // see error()
  };

  // --- ciphertext from the peer

  // Input is `room`: its owner left space for kept() bytes at the front, `fresh` bytes follow them.
  // Stays in use until keep_rest().
  void feed(std::byte* room, std::size_t fresh);
  // Input is what was kept, without anything fresh.
  void feed_kept() noexcept;
  // Ends the use of the input: what OpenSSL has not taken is copied into memory of our own.
  void keep_rest();
  std::size_t kept() const noexcept { return kept_.size(); }

  // Plaintext or a whole record is there: decrypt() will not want input.
  bool readable() const noexcept;
  // Bytes of the first record that are still missing, given its header may be partly in `peeked`
  // (what follows the kept bytes). 1 to kRecordMax.
  std::size_t missing(std::span<const std::byte> peeked) const noexcept;

  // --- plaintext

  Step handshake();
  bool established() const noexcept { return established_; }
  // Fills the buffers as far as the input goes; adds to `got`. kDone: all buffers are full.
  Step decrypt(std::span<const MutableBuffer> into, std::size_t& got);
  // Encrypts from the cursor on until all is done or `sink` cannot take another record. Answers the
  // bytes in the sink.
  Result<std::size_t> encrypt(std::span<const ConstBuffer> from, Cursor& at,
                              std::span<std::byte> sink);
  // Queues the goodbye.
  void say_goodbye() noexcept;

  // --- ciphertext to the peer that found no place elsewhere; goes out before anything else

  std::span<const std::byte> pending() const noexcept;
  void sent(std::size_t bytes);
  // Unsent rest of a sink, in front of what OpenSSL queued meanwhile.
  void keep_unsent(std::span<const std::byte> bytes);

  const Error& error() const noexcept { return error_; }

 private:
  struct Bio;  // the callbacks
  TlsEngine(ssl_ctx_st* context, bool is_server);
  Step failed(int ssl_result);
  int give_input(char* out, int size);
  void follow_records(const std::byte* data, std::size_t size) noexcept;
  int take_output(const char* data, int size);

  const bool is_server_;
  ssl_st* ssl_ = nullptr;
  bool established_ = false;
  bool broken_ = false;  // error_ is set; OpenSSL must not be asked again
  Error error_;

  // Input: the kept bytes, and the window OpenSSL reads from now.
  std::vector<std::byte> kept_;
  const std::byte* in_ = nullptr;
  std::size_t in_size_ = 0;
  bool in_kept_ = false;  // the window lies in kept_
  // Where OpenSSL's reading stands in the record layer.
  std::array<std::uint8_t, 5> header_{};
  std::size_t header_size_ = 0;  // 5: inside a record's body, body_left_ bytes of it to go
  std::size_t body_left_ = 0;

  // Output: the sink of the running encrypt(), else pending_.
  std::span<std::byte> sink_;  // empty: none
  std::size_t sink_size_ = 0;
  std::vector<std::byte> pending_;
  std::size_t pending_sent_ = 0;
};

}  // namespace sluice::net
