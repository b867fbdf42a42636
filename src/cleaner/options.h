// Options of the sweeper.
#pragma once

#include <chrono>

namespace sluice::cleaner {

struct CleanerOptions {
  std::chrono::seconds interval{3600};            // key: sweep.interval
  std::chrono::seconds expire_after{7 * 24 * 3600};  // key: expire_after
  std::chrono::seconds keep_finished{7 * 24 * 3600}; // key: keep_finished; at least a day
  // Orphans younger than this are never touched. Key: sweep.grace.
  std::chrono::seconds grace{24 * 3600};
  // The store's prefix belongs to Sluice alone: orphans found there may be removed. Key:
  // sweep.exclusive. False: they are only reported.
  bool exclusive = false;
};

}  // namespace sluice::cleaner
