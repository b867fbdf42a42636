// AdminHandler: what the admin listener answers.
//
//   /livez, /healthz   200, or 503 when an event loop hangs: restart me
//   /readyz            200, or 503 while starting, draining or over a hard limit: send me nobody.
//                      A store that is down is not a reason: every replica would leave at once
//                      (ecosystem digest 2.1 and 5.4).
//   /metrics           Prometheus text
//
// The first two list their checks with ?verbose, and always when one fails. GET and HEAD only;
// bodies of requests are ignored. Other paths: 404, other methods: 405, as problem documents.
//
// Thread-safe if the checks are. Checks run on the caller's thread and must not block.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "http/body.h"
#include "http/handler.h"
#include "telemetry/prometheus_metrics.h"

namespace sluice::admin {

struct Check {
  std::string name;  // one word
  // An error's detail is shown to whoever can reach the listener.
  std::function<Result<Ok>()> passes;
};

class AdminHandler final : public http::Handler {
 public:
  // `metrics` is borrowed. No checks: always good.
  AdminHandler(std::vector<Check> live, std::vector<Check> ready,
               const telemetry::PrometheusMetrics* metrics);

  // One instance may serve every thread. Never suspends.
  Task<http::Answer> handle(std::shared_ptr<const http::Request> request,
                            http::Body* body) override;

  // The same as a function. The body of the answer to HEAD is the connection's to leave out.
  http::Answer answer(const http::Request& request) const;

 private:
  const std::vector<Check> live_;
  const std::vector<Check> ready_;
  const telemetry::PrometheusMetrics* const metrics_;
};

}  // namespace sluice::admin
