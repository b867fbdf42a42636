#include "statedb/state_db_contract.h"

#include "statedb/memory_state_db.h"

namespace sluice::statedb {
namespace {

std::unique_ptr<StateDb> make_memory() {
  return std::make_unique<MemoryStateDb>();
}

std::string name_of(const testing::TestParamInfo<std::pair<std::string, Factory>>& info) {
  return info.param.first;
}

INSTANTIATE_TEST_SUITE_P(Databases, StateDbContract,
                         testing::Values(std::pair<std::string, Factory>("Memory", make_memory)),
                         name_of);

}  // namespace
}  // namespace sluice::statedb
