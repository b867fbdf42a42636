// UploadService: the engine's one door. Executes commands of any dialect against store and state.
//
// One instance per thread; an upload is owned by the thread whose connection woke it, and instances
// hand each other bytes through `Registry`. Services are borrowed and outlive the instance.
//
// Promises kept here: G1-G5, G7-G9 of DESIGN section 1.
#pragma once

#include <memory>

#include "base/block_pool.h"
#include "base/task.h"
#include "base/time.h"
#include "core/command.h"
#include "engine/body_source.h"
#include "engine/options.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "ports/metrics.h"
#include "ports/object_store.h"
#include "ports/random.h"
#include "ports/state_db.h"

namespace sluice::engine {

// Which thread owns which live upload. Shared by all instances of one process; thread-safe.
class Registry;
std::shared_ptr<Registry> make_registry();

struct Services {
  Executor executor;       // of this thread
  Clock* clock = nullptr;
  Random* random = nullptr;
  Log* log = nullptr;
  Metrics* metrics = nullptr;
  StateDb* state = nullptr;
  ObjectStore* store = nullptr;  // this thread's instance
  BlockPool* pool = nullptr;     // the process's
};

class UploadService {
 public:
  UploadService(Services services, EngineOptions options, std::shared_ptr<Registry> registry);
  ~UploadService();
  UploadService(const UploadService&) = delete;
  UploadService& operator=(const UploadService&) = delete;

  // Runs one command to its outcome. `body` is read by Append only; the caller keeps it alive until
  // the task ends. Never throws for anything a client, a store or a database did; cancellation ends
  // with system_error(operation_aborted) and loses nothing that was acknowledged.
  Task<core::Outcome> execute(core::Command command, core::Grant grant, BodySource* body);

  // At start, on one instance: finishes what a former process left in completing or aborting.
  Task<void> recover();

  // Aborts an upload for the sweeper or an operator, whoever owns it. kNotFound, kConflict (it is
  // complete or completing).
  Task<Result<Ok>> abort(UploadId id, std::string reason);

  // No new appends. Running ones may end by themselves until the deadline; then reading stops and
  // they end with Refused{kDraining}. Ends when nothing is executing any more and every tail is
  // parked, at the latest some seconds behind the deadline.
  Task<void> drain(Deadline deadline);
  // Ends what runs in the background, when every instance has drained. Commands are refused from
  // now on. Afterwards the instance may be destroyed.
  Task<void> stop();

  // Asks for memory back: parks the largest tail. Called by the pool's pressure hook, from any
  // thread.
  void relieve_pressure() noexcept;

  struct Status {
    std::size_t live_uploads = 0;   // with state in memory
    std::size_t writers = 0;        // connections sending
    ByteCount resident;             // upload bytes in memory, not yet durable
  };
  Status status() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::engine
