// TlsStream: a Stream over TLS. Ciphertext goes through a scratch buffer of the thread (1 MiB),
// never held across a suspension: an idle connection owns no buffer, one in the middle of a record
// owns its bytes, one whose peer is slow to take data owns the encrypted rest of one batch.
//
// The handshake is done by handshake(), or by whichever operation comes first, within that
// operation's deadline. An end without the peer's close_notify is kDisconnected, since somebody on
// the way may have cut the connection; kRejected: the peer's certificate was refused.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/tcp_stream.h"
#include "net/tls_engine.h"
#include "ports/stream.h"

namespace sluice::net {

class TlsStream final : public Stream {
 public:
  TlsStream(std::shared_ptr<TcpSocket> socket, std::unique_ptr<TlsEngine> engine);
  ~TlsStream() override;

  // Repeating is harmless.
  Task<Result<Ok>> handshake(Deadline deadline);

  Task<Result<Ok>> wait_readable(std::size_t low_water, Deadline deadline) override;
  Task<Result<std::size_t>> read(std::vector<MutableBuffer> into, Deadline deadline) override;
  Task<Result<Ok>> write(std::vector<ConstBuffer> from, Deadline deadline) override;
  void cancel_read() noexcept override;
  void shutdown_write() noexcept override;
  void close() noexcept override;
  const std::string& peer() const noexcept override;
  bool encrypted() const noexcept override { return true; }

 private:
  struct State;  // what pending operations hold on to
  using StatePtr = std::shared_ptr<State>;
  static Task<Result<Ok>> establish(StatePtr state, Deadline deadline);
  static Task<Result<Ok>> wait_on(StatePtr state, std::size_t low_water, Deadline deadline);
  static Task<Result<std::size_t>> read_from(StatePtr state, std::vector<MutableBuffer> into,
                                             Deadline deadline);
  static Task<Result<Ok>> write_to(StatePtr state, std::vector<ConstBuffer> from,
                                   Deadline deadline);
  const StatePtr state_;
};

}  // namespace sluice::net
