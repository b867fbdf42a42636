// Process: one running gateway: real engine, real retrying store, real sweeper; simulated ports.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/block_pool.h"
#include "base/task_scope.h"
#include "core/command.h"
#include "engine/upload_service.h"
#include "sim/body.h"
#include "sim/checker.h"
#include "sim/line.h"
#include "sim/outside.h"
#include "sim/silent.h"
#include "sim/state_db.h"

namespace sluice::sim {

// What a client waits for. Shared, because either side may vanish first.
struct Reply {
  std::optional<core::Outcome> outcome;
  bool broken = false;  // the process died, or the client has given up
  Signal moved;
};

class Process {
 public:
  Process(Outside* outside, std::uint32_t place, std::uint64_t seed);
  // Precondition: killed, or stopped.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  ProcessId id() const noexcept { return id_; }
  const std::string& name() const noexcept { return line_.name(); }

  // A request arrives on a connection; `body` may be null.
  void receive(core::Command command, std::shared_ptr<SimBody> body, std::shared_ptr<Reply> reply);

  // kill -9. Everything it had is gone when this returns.
  void kill();
  // Orderly end; `ended` tells when it is over.
  void shut_down(bool* ended);
  void sweep(bool* ended);
  void recover(bool* ended);
  void jump_clock(Duration by);

  // Violations if anything is held although nothing happens.
  void check_idle();
  BlockPool::Usage memory() const { return pool_.usage(); }

 private:
  class LaneClock;
  struct Thread;
  struct Connection {
    std::shared_ptr<SimBody> body;
    std::shared_ptr<Reply> reply;
  };

  Task<void> serve(Thread* thread, core::Command command, std::shared_ptr<SimBody> body,
                   std::shared_ptr<Reply> reply);
  Task<void> housekeeping();
  Task<void> stop_all();
  Task<void> shut_down_all(bool* ended);
  Task<void> sweep_all(bool* ended);
  Task<void> recover_all(bool* ended);

  Outside* const outside_;
  const ProcessId id_;
  Draw draw_;
  Line line_;
  SilentLog log_;
  SilentMetrics metrics_;
  SimStateDb state_;
  BlockPool pool_;
  Duration wall_skew_{};
  std::shared_ptr<engine::Registry> registry_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::vector<std::weak_ptr<Reply>> replies_;
  std::vector<std::weak_ptr<SimBody>> bodies_;
  std::unique_ptr<TaskScope> tasks_;
  std::size_t next_thread_ = 0;
  std::size_t serving_ = 0;  // requests, from their arrival on
  Signal served_;
  bool ended_ = false;
};

}  // namespace sluice::sim
