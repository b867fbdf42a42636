// Opens the configured store for one thread, with its wrappers.
#pragma once

#include <memory>

#include "base/result.h"
#include "config/options.h"
#include "fetch/http_client.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "ports/metrics.h"
#include "ports/object_store.h"
#include "ports/random.h"

namespace sluice::gateway {

// Borrowed; outlive the store.
struct StoreParts {
  fetch::HttpClient* client = nullptr;
  Clock* clock = nullptr;
  Random* random = nullptr;
  Log* log = nullptr;
  Metrics* metrics = nullptr;
};

Result<std::unique_ptr<ObjectStore>> open_store(const config::ProgramOptions& options,
                                                const StoreParts& parts);

}  // namespace sluice::gateway
