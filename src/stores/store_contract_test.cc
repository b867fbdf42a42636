#include "stores/store_contract.h"

#include "stores/local/local_world.h"
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

class InDirectory final : public StoreSubject {
 public:
  InDirectory() : store_(world_.open()) {}
  ObjectStore* store() override { return store_.get(); }
  bool takes_any_key() const override { return false; }
  bool keeps_token() const override { return false; }

 private:
  local::LocalWorld world_;
  const std::unique_ptr<ObjectStore> store_;
};

template <class Subject>
std::unique_ptr<StoreSubject> make(boost::asio::io_context& /*context*/) {
  return std::make_unique<Subject>();
}

using Named = std::pair<std::string, StoreFactory>;

INSTANTIATE_TEST_SUITE_P(Stores, StoreContract,
                         testing::Values(Named("Memory", make<InMemory>),
                                         Named("Local", make<InDirectory>)),
                         [](const testing::TestParamInfo<Named>& named) {
                           return named.param.first;
                         });

}  // namespace
}  // namespace sluice::stores
