#include "telemetry/repeat_filter.h"

#include <algorithm>

namespace sluice::telemetry {

namespace {
// Messages are literals; should one be composed from data after all, memory stays bounded.
constexpr std::size_t kMessagesMax = 256;
}  // namespace

bool RepeatFilter::admit(std::string_view message, Instant now) {
  auto it = seen_.find(message);
  if (it == seen_.end()) {
    if (seen_.size() >= kMessagesMax) return true;
    it = seen_.emplace(std::string(message), Seen{now, 0}).first;
    next_end_ = std::min(next_end_, now + window_);
  }
  return ++it->second.lines <= burst_;
}

std::vector<std::pair<std::string, std::uint64_t>> RepeatFilter::ended(Instant now) {
  if (now < next_end_) return {};
  return take_before(now - window_);
}

std::vector<std::pair<std::string, std::uint64_t>> RepeatFilter::flush() {
  return take_before(Instant::max());
}

std::vector<std::pair<std::string, std::uint64_t>> RepeatFilter::take_before(Instant limit) {
  std::vector<std::pair<std::string, std::uint64_t>> counts;
  next_end_ = Instant::max();
  for (auto it = seen_.begin(); it != seen_.end();) {
    if (it->second.since <= limit) {
      if (it->second.lines > burst_) counts.emplace_back(it->first, it->second.lines - burst_);
      it = seen_.erase(it);
    } else {
      next_end_ = std::min(next_end_, it->second.since + window_);
      ++it;
    }
  }
  return counts;
}

}  // namespace sluice::telemetry
