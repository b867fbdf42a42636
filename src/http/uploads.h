// Uploads: the door through which the front reaches the engine, as narrow as the front needs it.
// Production: one line over engine::UploadService; tests: a script.
#pragma once

#include "base/task.h"
#include "core/command.h"
#include "engine/body_source.h"

namespace sluice::http {

class Uploads {
 public:
  virtual ~Uploads() = default;
  // As engine::UploadService::execute().
  virtual Task<core::Outcome> execute(core::Command command, core::Grant grant,
                                      engine::BodySource* body) = 0;
};

}  // namespace sluice::http
