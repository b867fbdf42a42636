#include "gateway/store_factory.h"

#include <utility>
#include <variant>

#include "stores/local/local_store.h"
#include "stores/retrying_store.h"
#include "stores/s3/s3_store.h"

namespace sluice::gateway {

namespace {

Result<std::unique_ptr<ObjectStore>> open_bare(const stores::StoreOptions& options,
                                               const StoreParts& parts) {
  if (const auto* local = std::get_if<stores::LocalOptions>(&options)) {
    stores::LocalServices services;
    services.clock = parts.clock;
    services.random = parts.random;
    return stores::open_local(*local, services);
  }
  stores::S3Services services;
  services.http = parts.client;
  services.clock = parts.clock;
  services.random = parts.random;
  services.log = parts.log;
  services.metrics = parts.metrics;
  return stores::open_s3(std::get<stores::S3Options>(options), std::move(services));
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> open_store(const config::ProgramOptions& options,
                                                const StoreParts& parts) {
  SLUICE_TRY(std::unique_ptr<ObjectStore> store, open_bare(options.store, parts));
  stores::RetryServices retry;
  retry.clock = parts.clock;
  retry.random = parts.random;
  retry.metrics = parts.metrics;
  return stores::make_retrying_store(std::move(store), options.store_retry, retry);
}

}  // namespace sluice::gateway
