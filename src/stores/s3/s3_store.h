// S3 and what speaks its API, as an ObjectStore. One instance per thread.
//
// Source: s3-multipart digest; differences between servers are rows of preset.h. Beyond the
// ObjectStore contract:
//   - The upload's token is the object's metadata "sluice-token" (x-amz-meta-sluice-token).
//   - Bodies are sent with UNSIGNED-PAYLOAD, also over plain http, unless the options ask for a
//     signed hash; payloads with parked pieces always are, for their hash is not known beforehand.
//   - A part is sent once. complete() is not followed by a HEAD, except when the reply has no ETag.
//   - put_part() with parked pieces needs two connections; at most a quarter of connections_max are
//     used that way at once, so that they cannot wait for each other for ever.
#pragma once

#include <memory>

#include "base/result.h"
#include "base/task.h"
#include "fetch/http_client.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "ports/metrics.h"
#include "ports/object_store.h"
#include "ports/random.h"
#include "stores/options.h"
#include "stores/s3/credential_sources.h"

namespace sluice::stores {

struct S3Services {
  fetch::HttpClient* http = nullptr;  // not owned, like all of these; they outlive the store
  Clock* clock = nullptr;
  Random* random = nullptr;
  Log* log = nullptr;
  Metrics* metrics = nullptr;
  CredentialSources credential_sources = CredentialSources::system();
};

// kInvalidArgument: the options contradict themselves; the detail names the option.
// Nothing is sent yet: probe() does that.
Result<std::unique_ptr<ObjectStore>> open_s3(S3Options options, S3Services services);

}  // namespace sluice::stores
