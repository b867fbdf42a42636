// Makes the App of the configured mode.
#pragma once

#include <memory>

#include "base/result.h"
#include "fetch/http_client.h"
#include "hooks/options.h"
#include "ports/app.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "ports/metrics.h"

namespace sluice::hooks {

// One instance per thread, on the client's executor. The services outlive it; `client` may be null
// in mode none.
// Errors: kInvalidArgument: no mode was chosen, or the URL is not usable.
Result<std::unique_ptr<App>> make_app(AuthOptions options, fetch::HttpClient* client, Clock* clock,
                                      Metrics* metrics, Log* log);

}  // namespace sluice::hooks
