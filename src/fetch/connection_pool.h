// ConnectionPool: the connections to one endpoint. Keeps idle ones, opens new ones, and lets
// callers wait in arrival order when the limit is reached.
//
// Executor: the client's. Owned by shared_ptr: connections on loan know their pool only weakly, so
// they may outlive it. Suspended callers hold signals that the pool owns: dropping the pool drops
// them too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "base/result.h"
#include "base/signal.h"
#include "base/task.h"
#include "base/time.h"
#include "fetch/http_client.h"
#include "ports/clock.h"
#include "ports/stream.h"

namespace sluice::fetch {

class ConnectionPool;

// A connection on loan. Destroying it closes it and makes room for the next caller.
class Connection {
 public:
  Connection(std::weak_ptr<ConnectionPool> pool, std::unique_ptr<Stream> stream, bool reused)
      : pool_(std::move(pool)), stream_(std::move(stream)), reused_(reused) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Stream* stream() const noexcept { return stream_.get(); }
  // It has carried a request before: the peer may have closed it in the meantime.
  bool reused() const noexcept { return reused_; }

  // Ends the loan of a connection that is fit for another request.
  static void give_back(std::unique_ptr<Connection> connection);

 private:
  const std::weak_ptr<ConnectionPool> pool_;
  std::unique_ptr<Stream> stream_;
  const bool reused_;
};

enum class Reuse : std::uint8_t {
  kAny,    // any idle connection: the request can be sent again
  kQuiet,  // only one that was looked at: neither closed nor talking out of turn
  kNever,  // a new one
};

class ConnectionPool : public std::enable_shared_from_this<ConnectionPool> {
 public:
  ConnectionPool(Executor executor, Clock* clock, Dialer* dialer, Endpoint endpoint,
                 ClientOptions options);
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // Errors: the dialer's; kTimedOut: no connection became free in time. The pool outlives the call.
  Task<Result<std::unique_ptr<Connection>>> take(Reuse reuse, Deadline deadline);

  // A signal whose owner is the pool, for as long as the lease lives.
  class SignalLease {
   public:
    explicit SignalLease(const std::shared_ptr<ConnectionPool>& pool);
    ~SignalLease();
    SignalLease(const SignalLease&) = delete;
    SignalLease& operator=(const SignalLease&) = delete;
    Signal* get() const noexcept { return &*at_; }

   private:
    const std::weak_ptr<ConnectionPool> pool_;
    const std::list<Signal>::iterator at_;
  };

 private:
  friend class Connection;
  class Turn;

  struct Idle {
    Idle(std::unique_ptr<Stream> s, Instant t) : stream(std::move(s)), since(t) {}
    std::unique_ptr<Stream> stream;
    Instant since;
  };

  bool has_room() const noexcept;
  void leave();  // a connection on loan, or a turn that was not used, is gone
  void admit();  // gives free room to those who wait
  void keep(std::unique_ptr<Stream> stream);
  void drop_expired();
  Task<Result<Ok>> wait_turn(Turn* turn, Deadline deadline);

  // Constant after construction.
  const Executor executor_;
  Clock* const clock_;
  Dialer* const dialer_;
  const Endpoint endpoint_;
  const ClientOptions options_;

  std::vector<Idle> idle_;   // oldest first
  std::size_t on_loan_ = 0;  // connections, and turns that are about to become one
  std::list<Turn*> waiting_;
  std::list<Signal> signals_;
};

}  // namespace sluice::fetch
