// RepeatFilter: a flood of the same warning becomes a few lines and a count. Pure; not thread-safe
// (the log's lock protects it).
//
// The same warning: the same message text. Messages are literals of the program, so a broken store
// that fails ten thousand uploads is one warning, not ten thousand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace sluice::telemetry {

class RepeatFilter {
 public:
  // At most `burst` lines per message in a window that begins with the first of them.
  RepeatFilter(std::uint64_t burst, Duration window) : burst_(burst), window_(window) {}

  // True: write it. False: counted as suppressed.
  bool admit(std::string_view message, Instant now);

  // Messages whose window has ended, with the number of their suppressed lines (never 0); they are
  // forgotten here.
  std::vector<std::pair<std::string, std::uint64_t>> ended(Instant now);
  // The same for all messages, whether the window has ended or not.
  std::vector<std::pair<std::string, std::uint64_t>> flush();

 private:
  struct Seen {
    Instant since;
    std::uint64_t lines = 0;
  };
  std::vector<std::pair<std::string, std::uint64_t>> take_before(Instant limit);

  const std::uint64_t burst_;
  const Duration window_;
  std::map<std::string, Seen, std::less<>> seen_;
  Instant next_end_ = Instant::max();  // earliest end of a window
};

}  // namespace sluice::telemetry
