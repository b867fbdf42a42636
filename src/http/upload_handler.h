// UploadHandler: what the upload listener serves. Finds the route, lets its dialect read the head,
// asks the application, hands the command to the engine, and renders the outcome.
//
//   Google's addresses   http/google_handler.h
//   POST to a route      http/form_handler.h
//   path below a route   the dialect of http/dialects.h; OPTIONS: preflight or its own answer
//   everything else      404
//
// Nothing is read from the body, and nothing stored, before the application has allowed it.
// Source: google-308 digest section 5; ecosystem digest 3.3 and 5.4; rulings 1 and 12.
#pragma once

#include <memory>
#include <string>

#include "base/task.h"
#include "base/units.h"
#include "core/command.h"
#include "core/problem.h"
#include "http/answer.h"
#include "http/body.h"
#include "http/cors.h"
#include "http/dialects.h"
#include "http/form_handler.h"
#include "http/google_handler.h"
#include "http/handler.h"
#include "http/options.h"
#include "http/permission.h"
#include "http/request.h"
#include "http/uploads.h"
#include "ports/app.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "ports/random.h"
#include "protocols/dialect.h"

namespace sluice::http {

class UploadHandler final : public Handler {
 public:
  // Borrowed; all outlive the handler, which outlives every request.
  struct Services {
    Clock* clock = nullptr;
    Random* random = nullptr;  // names of uploads that have none yet
    Log* log = nullptr;
    App* app = nullptr;
    Uploads* uploads = nullptr;
  };

  // `size_max`: the largest object accepted, bytes (EngineOptions::size_max).
  UploadHandler(Services services, const HttpOptions& options, ByteCount size_max);

  Task<Answer> handle(std::shared_ptr<const Request> request, Body* body) override;

 private:
  // What a dialect is told of a request, and what that refers to.
  struct Spoken;

  Task<Answer> serve(const Spoken* spoken, core::Command command, Body* body);
  Answer options_answer(const Request& request) const;
  Task<Answer> nameless(std::shared_ptr<const Request> request, engine::BodySource* body) const;

  const Services services_;
  const Permission permission_;
  const Dialects dialects_;
  const FormHandler forms_;
  const GoogleHandler google_;
  const Cors cors_;
  const bool forwarded_;
  const bool interim_;
};

}  // namespace sluice::http
