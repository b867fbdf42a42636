// OpenApp: everybody may upload (auth = "none"). Key = name, no subject, no limit of its own.
#pragma once

#include "ports/app.h"

namespace sluice::hooks {

class OpenApp final : public App {
 public:
  Task<Result<AuthAnswer>> authorize(AuthRequest request, Deadline deadline) override;
};

}  // namespace sluice::hooks
