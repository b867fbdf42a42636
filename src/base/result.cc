#include "base/result.h"

namespace sluice {

std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::kInvalidArgument: return "invalid argument";
    case Errc::kUnauthorized: return "unauthorized";
    case Errc::kNotFound: return "not found";
    case Errc::kConflict: return "conflict";
    case Errc::kFenced: return "fenced";
    case Errc::kTooLarge: return "too large";
    case Errc::kThrottled: return "throttled";
    case Errc::kUnavailable: return "unavailable";
    case Errc::kOutcomeUnknown: return "outcome unknown";
    case Errc::kCorrupt: return "corrupt";
    case Errc::kRejected: return "rejected";
    case Errc::kTimedOut: return "timed out";
    case Errc::kDisconnected: return "disconnected";
    case Errc::kCancelled: return "cancelled";
  }
  return "unknown";
}

}  // namespace sluice
