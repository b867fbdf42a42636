#include "statedb/state_db_contract.h"

#include "statedb/memory_state_db.h"
#include "statedb/sqlite/sqlite_state_db.h"
#include "ports/temp_dir.h"

namespace sluice::statedb {
namespace {

// A database file that lives as long as its directory.
class OnDisk final : public StateDb {
 public:
  OnDisk() : db_(open_sqlite(SqliteOptions(directory_.file("state.db"))).value()) {}

  Task<Result<FenceToken>> create(UploadRow row, std::optional<UploadId> replaces) override {
    return db_->create(std::move(row), std::move(replaces));
  }
  Task<Result<FenceToken>> claim(UploadId id, ByteRange range) override {
    return db_->claim(std::move(id), range);
  }
  Task<Result<Ok>> commit(Mutation mutation) override { return db_->commit(std::move(mutation)); }
  Task<Result<UploadRow>> load(UploadId id) override { return db_->load(std::move(id)); }
  Task<Result<UploadRow>> find(std::string subject, std::string name) override {
    return db_->find(std::move(subject), std::move(name));
  }
  Task<Result<UploadId>> find_multipart(MultipartId multipart) override {
    return db_->find_multipart(std::move(multipart));
  }
  Task<Result<std::vector<UploadRow>>> list(UploadFilter filter) override {
    return db_->list(std::move(filter));
  }
  Task<Result<std::uint64_t>> forget_finished(WallTime before) override {
    return db_->forget_finished(before);
  }
  Task<Result<std::vector<OutboxRow>>> outbox(std::size_t limit) override {
    return db_->outbox(limit);
  }
  Task<Result<Ok>> mark_delivered(std::string event_id, WallTime now) override {
    return db_->mark_delivered(std::move(event_id), now);
  }
  Task<Result<Ok>> probe() override { return db_->probe(); }

 private:
  TempDir directory_;
  std::unique_ptr<StateDb> db_;
};

std::unique_ptr<StateDb> make_memory() {
  return std::make_unique<MemoryStateDb>();
}
std::unique_ptr<StateDb> make_sqlite() {
  return std::make_unique<OnDisk>();
}

std::string name_of(const testing::TestParamInfo<std::pair<std::string, Factory>>& info) {
  return info.param.first;
}

INSTANTIATE_TEST_SUITE_P(Databases, StateDbContract,
                         testing::Values(std::pair<std::string, Factory>("Memory", make_memory),
                                         std::pair<std::string, Factory>("Sqlite", make_sqlite)),
                         name_of);

}  // namespace
}  // namespace sluice::statedb
