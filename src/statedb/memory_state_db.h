// MemoryStateDb: the state database as a model in memory, for tests and the simulator. The same
// semantics as statedb/sqlite (both pass state_db_contract.h), without threads and without
// durability: what the object holds is "the disk"; keep it while the process under test "restarts".
//
// Thread-safe (a mutex, never held across a suspension). Every call answers at once, on the
// caller's executor, unless `before_call` suspends it. Deterministic.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "ports/fault_plan.h"
#include "ports/state_db.h"
#include "statedb/rules.h"

namespace sluice::statedb {

class MemoryStateDb final : public StateDb {
 public:
  MemoryStateDb() = default;

  // Which calls fail. Names: "create", "claim", "commit", "load", "find", "find_multipart", "list",
  // "forget_finished", "outbox", "mark_delivered", "probe". On the caller's thread.
  FaultPlan& faults() noexcept { return faults_; }
  // Awaited before each call, for example to hold it back or to make it slow.
  void before_call(std::function<Task<void>(std::string)> hook) { hook_ = std::move(hook); }

  Task<Result<FenceToken>> create(UploadRow row, std::optional<UploadId> replaces) override;
  Task<Result<FenceToken>> claim(UploadId id, ByteRange range) override;
  Task<Result<Ok>> commit(Mutation mutation) override;
  Task<Result<UploadRow>> load(UploadId id) override;
  Task<Result<UploadRow>> find(std::string subject, std::string name) override;
  Task<Result<UploadId>> find_multipart(MultipartId multipart) override;
  Task<Result<std::vector<UploadRow>>> list(UploadFilter filter) override;
  Task<Result<std::uint64_t>> forget_finished(WallTime before) override;
  Task<Result<std::vector<OutboxRow>>> outbox(std::size_t limit) override;
  Task<Result<Ok>> mark_delivered(std::string event_id, WallTime now) override;
  Task<Result<Ok>> probe() override;

  // For assertions: a copy of all rows, ascending by id.
  std::vector<UploadRow> snapshot() const;

 private:
  struct Upload {
    UploadRow row;
    std::vector<ClaimRow> claims;  // disjoint
    FenceToken last_token = 0;
    std::uint64_t last_event = 0;
  };
  struct StoredEvent {
    OutboxRow row;
    bool delivered = false;
  };

  // Runs `call` under the lock, before or after an injected fault.
  template <class T, class Call>
  Result<T> run(std::optional<Fault> fault, Call call);
  Task<std::optional<Fault>> enter(std::string operation);

  Result<FenceToken> create_now(UploadRow row, std::optional<UploadId> replaces);
  Result<FenceToken> claim_now(const UploadId& id, ByteRange range);
  Result<Ok> commit_now(const Mutation& mutation);
  std::uint64_t forget_now(WallTime before);

  std::function<Task<void>(std::string)> hook_;
  FaultPlan faults_;

  mutable std::mutex mutex_;
  // Under mutex_.
  std::map<UploadId, Upload> uploads_;
  std::map<std::pair<std::string, std::string>, UploadId> current_;
  std::vector<StoredEvent> events_;
};

}  // namespace sluice::statedb
