// Handler: what a listener serves. The connection reads heads, frames bodies and writes answers;
// the handler decides what they say. Uploads: http/upload_handler.h; health and metrics:
// admin/admin_handler.h.
#pragma once

#include <memory>

#include "base/task.h"
#include "http/answer.h"
#include "http/body.h"
#include "http/request.h"

namespace sluice::http {

class Handler {
 public:
  virtual ~Handler() = default;

  // Answers one request. `body` is valid until the task ends; what is left unread is the
  // connection's to drain. Executor: the connection's. Errors are answers; only cancellation may
  // leave as an exception.
  virtual Task<Answer> handle(std::shared_ptr<const Request> request, Body* body) = 0;
};

}  // namespace sluice::http
