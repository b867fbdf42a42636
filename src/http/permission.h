// Permission: asks the application about one command, and turns its refusal into an answer (R-15 to
// R-18; ruling 12).
//
// The application is told the object's name: the key that the request asks for, or the upload's
// name. Executor: the caller's. Thread-safe: nothing changes after construction.
#pragma once

#include <functional>
#include <memory>
#include <variant>

#include "base/task.h"
#include "base/time.h"
#include "core/command.h"
#include "http/answer.h"
#include "http/request.h"
#include "ports/app.h"
#include "ports/clock.h"
#include "ports/log.h"

namespace sluice::http {

class Permission {
 public:
  // Borrowed; all outlive the object.
  struct Services {
    Clock* clock = nullptr;
    Log* log = nullptr;
    App* app = nullptr;
  };
  // How the request's protocol says a problem.
  using Refuse = std::function<Answer(const core::Outcome& refused)>;
  using Allowed = std::variant<core::Grant, Answer>;

  // `deadline`: time for the application's answer.
  Permission(Services services, Duration deadline) : services_(services), deadline_(deadline) {}

  Task<Allowed> ask(std::shared_ptr<const Request> request, core::Command command,
                    Refuse refuse) const;

 private:
  const Services services_;
  const Duration deadline_;
};

}  // namespace sluice::http
