#include "ports/state_db.h"

namespace sluice {

std::string_view to_string(UploadState state) noexcept {
  switch (state) {
    case UploadState::kOpen: return "open";
    case UploadState::kCompleting: return "completing";
    case UploadState::kComplete: return "complete";
    case UploadState::kAborting: return "aborting";
    case UploadState::kAborted: return "aborted";
  }
  return "unknown";
}

}  // namespace sluice
