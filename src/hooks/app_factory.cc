#include "hooks/app_factory.h"

#include <utility>

#include "hooks/auth_url.h"
#include "hooks/forward_app.h"
#include "hooks/open_app.h"

namespace sluice::hooks {

Result<std::unique_ptr<App>> make_app(AuthOptions options, fetch::HttpClient* client, Clock* clock,
                                      Metrics* metrics, Log* log) {
  switch (options.mode) {
    case AuthOptions::Mode::kUnset:
      return fail(Errc::kInvalidArgument, "auth must be chosen: \"none\" or \"forward\"");
    case AuthOptions::Mode::kNone:
      return std::make_unique<OpenApp>();
    case AuthOptions::Mode::kForward:
      break;
  }
  SLUICE_TRY(AuthUrl url, parse_auth_url(options.url));
  return std::make_unique<ForwardApp>(std::move(options), std::move(url), client, clock, metrics,
                                      log);
}

}  // namespace sluice::hooks
