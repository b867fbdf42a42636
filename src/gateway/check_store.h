// Tries what the server will do with its store: reach it, begin a multipart upload, send a part,
// abort; store an object, find it again with its token, remove it; list what the sweeper lists.
// Everything happens below ".sluice/check/" and is taken back.
#pragma once

#include <string>
#include <vector>

#include "base/task.h"
#include "gateway/gateway.h"
#include "ports/clock.h"
#include "ports/object_store.h"
#include "ports/random.h"

namespace sluice::gateway {

// Borrowed services; on the store's executor.
Task<std::vector<Finding>> check_store(ObjectStore* store, Clock* clock, Random* random);

}  // namespace sluice::gateway
