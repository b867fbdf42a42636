// SimStateDb: the state database as one process sees it. Calls travel on the process's line; the
// checker sees every change.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ports/state_db.h"
#include "sim/line.h"
#include "sim/outside.h"

namespace sluice::sim {

class SimStateDb final : public StateDb {
 public:
  SimStateDb(Outside* outside, Line* line) : outside_(outside), line_(line) {}

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

 private:
  // A call of the model that needs no checking.
  template <class T>
  Task<Result<T>> plain(const char* operation, std::function<Task<Result<T>>()> ask) {
    std::function<Result<T>()> effect = [out = outside_, ask = std::move(ask)] {
      return out->immediate.run(ask());
    };
    return line_->call<T>(Far::kDatabase, operation, std::move(effect), Deadline::never());
  }

  Outside* const outside_;
  Line* const line_;
};

}  // namespace sluice::sim
