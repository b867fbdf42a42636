// UploadHandler: what the upload listener serves. Finds the route, lets the dialect read the head,
// asks the application, hands the command to the engine, and renders the outcome.
//
//   path below a route   the put308 dialect; OPTIONS: preflight or Allow
//   everything else      404
//
// Nothing is read from the body, and nothing stored, before the application has allowed it.
// Source: google-308 digest section 5; ecosystem digest 3.3 and 5.4; rulings 1 and 12.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/task.h"
#include "base/units.h"
#include "core/command.h"
#include "core/problem.h"
#include "engine/body_source.h"
#include "http/answer.h"
#include "http/cors.h"
#include "http/handler.h"
#include "http/options.h"
#include "http/request.h"
#include "http/uploads.h"
#include "ports/app.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "protocols/put308.h"

namespace sluice::http {

class UploadHandler final : public Handler {
 public:
  // Borrowed; all outlive the handler, which outlives every request.
  struct Services {
    Clock* clock = nullptr;
    Log* log = nullptr;
    App* app = nullptr;
    Uploads* uploads = nullptr;
  };

  // `size_max`: the largest object accepted, bytes (EngineOptions::size_max).
  UploadHandler(Services services, const HttpOptions& options, ByteCount size_max);

  Task<Answer> handle(std::shared_ptr<const Request> request, engine::BodySource* body) override;

 private:
  const protocols::Put308Options* route_of(const Request& request) const;
  Task<Answer> serve(std::shared_ptr<const Request> request, const protocols::Put308Options* route,
                     core::Command command, engine::BodySource* body);
  Answer options_answer(const Request& request) const;

  const Services services_;
  const std::vector<protocols::Put308Options> routes_;  // longest prefix first
  const Cors cors_;
  const Duration auth_deadline_;
};

}  // namespace sluice::http
