// ForwardApp: asks the application about every request (auth = "forward"), before anything is read
// or stored. google-308 digest, ecosystem digest 4.2.
//
//   2xx        allow, see forward_answer.h
//   4xx        deny; the answer goes to the client
//   anything   kUnavailable: the client gets 503. 3xx is never followed; 5xx, silence, a broken
//   else       answer and an unreachable application are never permission.
//
// One retry, on a new connection, if the application could not be connected to; none otherwise.
// Executor: the client's. Cancellation: system_error(operation_aborted).
#pragma once

#include <memory>
#include <string>

#include "fetch/http_client.h"
#include "hooks/auth_url.h"
#include "hooks/options.h"
#include "ports/app.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "ports/metrics.h"

namespace sluice::hooks {

class ForwardApp final : public App {
 public:
  // The services are borrowed and outlive every task.
  ForwardApp(AuthOptions options, AuthUrl url, fetch::HttpClient* client, Clock* clock,
             Metrics* metrics, Log* log);

  Task<Result<AuthAnswer>> authorize(AuthRequest request, Deadline deadline) override;

 private:
  Task<Result<AuthAnswer>> ask(wire::Headers headers, Deadline deadline);
  Task<Result<std::unique_ptr<fetch::Response>>> send(wire::Headers headers, Deadline deadline);
  // nullopt: longer than a denial may be, or cut short.
  Task<std::optional<std::string>> body_of(fetch::Response* response, Deadline deadline);

  const AuthOptions options_;
  const AuthUrl url_;
  fetch::HttpClient* const client_;
  Clock* const clock_;
  Metrics* const metrics_;
  Log* const log_;
};

}  // namespace sluice::hooks
