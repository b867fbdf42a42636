#include "stores/store_contract.h"

#include "stores/memory_store.h"

namespace sluice::stores {
namespace {

class InMemory final : public StoreSubject {
 public:
  InMemory() : store_(options()) {}
  ObjectStore* store() override { return &store_; }

 private:
  static MemoryStoreOptions options() {
    MemoryStoreOptions options;
    options.limits.part_min = ByteCount(500);
    return options;
  }
  MemoryStore store_;
};

std::unique_ptr<StoreSubject> make_memory(boost::asio::io_context& /*context*/) {
  return std::make_unique<InMemory>();
}

std::string name_of(const testing::TestParamInfo<std::pair<std::string, StoreFactory>>& info) {
  return info.param.first;
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreContract,
                         testing::Values(std::pair<std::string, StoreFactory>("Memory",
                                                                              make_memory)),
                         name_of);

}  // namespace
}  // namespace sluice::stores
