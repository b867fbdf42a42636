// sluice_sim: runs schedules of the simulated world and says which seed breaks a promise.
//
//   sluice_sim --seeds N | A..B     so many seeds from 1 on, or a range
//   sluice_sim --seeds N --fresh    from a start that nobody ran before
//   sluice_sim --seed X [--trace]   one of them, readable
//   sluice_sim --regressions FILE   the seeds of a list
//     --seconds S                   ends after that time, whatever is left
//     --twice K                     every Kth schedule is run twice: both must be the same
//     --digest                      one line per seed: to compare two builds
//     --keep-going                  not only the first that fails
// Exit code: 0 no promise was broken, 1 one was, 2 usage.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "sim/world.h"

namespace sluice::sim {
namespace {

struct Arguments {
  std::uint64_t first = 1;
  std::uint64_t last = 1'000;
  std::vector<std::uint64_t> listed;
  bool trace = false;
  bool digest = false;
  bool keep_going = false;
  std::uint64_t twice = 50;
  double seconds = std::numeric_limits<double>::infinity();
};

// A failed check of the engine ends the program: the seed must be known then.
char crash_note[96];

void on_abort(int number) {
  const ssize_t ignored = ::write(STDERR_FILENO, crash_note, std::strlen(crash_note));
  static_cast<void>(ignored);
  std::signal(number, SIG_DFL);
  static_cast<void>(std::raise(number));
}

Verdict run_once(std::uint64_t seed, bool trace) {
  std::snprintf(crash_note, sizeof crash_note,
                "sluice_sim: died in seed %llu; replay: sluice_sim --seed %llu --trace\n",
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(seed));
  auto world = std::make_unique<World>(seed, trace);
  Verdict verdict = world->run();
  // A broken world cannot be taken apart in good order; the program ends soon anyway.
  if (verdict.violation) static_cast<void>(world.release());
  return verdict;
}

class Runner {
 public:
  explicit Runner(Arguments arguments) : arguments_(std::move(arguments)) {}

  int run() {
    const auto began = std::chrono::steady_clock::now();
    const auto elapsed = [began] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    };
    bool good = true;
    const auto enough = [&] {
      return (!good && !arguments_.keep_going) || elapsed() >= arguments_.seconds;
    };
    for (const std::uint64_t seed : arguments_.listed) {
      if (!enough()) good = one(seed) && good;
    }
    if (arguments_.listed.empty()) {
      for (std::uint64_t seed = arguments_.first; seed <= arguments_.last && !enough(); ++seed) {
        good = one(seed) && good;
      }
    }
    const double seconds = elapsed();
    std::printf("%llu schedules in %.1f s (%.0f/s), %llu steps, %llu restarts, digest %016llx\n",
                static_cast<unsigned long long>(schedules_), seconds,
                static_cast<double>(schedules_) / seconds, static_cast<unsigned long long>(steps_),
                static_cast<unsigned long long>(crashes_),
                static_cast<unsigned long long>(digest_));
    return good ? 0 : 1;
  }

 private:
  bool one(std::uint64_t seed) {
    const Verdict verdict = run_once(seed, arguments_.trace);
    ++schedules_;
    steps_ += verdict.steps;
    crashes_ += verdict.crashes;
    digest_ = digest_ * 31 + verdict.trace_hash;
    if (arguments_.digest) {
      std::printf("%llu %016llx\n", static_cast<unsigned long long>(seed),
                  static_cast<unsigned long long>(verdict.trace_hash));
    }
    if (verdict.violation) {
      std::printf(
          "seed %llu, schedule %llu: %s\n  replay: build/release/sim/sluice_sim --seed %llu"
          " --trace\n",
          static_cast<unsigned long long>(seed), static_cast<unsigned long long>(schedules_),
          verdict.violation->c_str(), static_cast<unsigned long long>(seed));
      return false;
    }
    if (arguments_.twice > 0 && schedules_ % arguments_.twice == 0) {
      const Verdict again = run_once(seed, false);
      if (again.trace_hash != verdict.trace_hash) {
        std::printf("seed %llu: two runs differ\n", static_cast<unsigned long long>(seed));
        return false;
      }
    }
    return true;
  }

  const Arguments arguments_;
  std::uint64_t schedules_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t crashes_ = 0;
  std::uint64_t digest_ = 0;
};

std::optional<std::vector<std::uint64_t>> read_list(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::vector<std::uint64_t> seeds;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::uint64_t seed = 0;
    if (words >> seed) seeds.push_back(seed);
  }
  return seeds;
}

std::optional<Arguments> parse(int count, char** values) {
  Arguments arguments;
  bool fresh = false;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = values[i];
    const auto value = [&]() -> std::string { return i + 1 < count ? values[++i] : ""; };
    if (name == "--trace") {
      arguments.trace = true;
    } else if (name == "--keep-going") {
      arguments.keep_going = true;
    } else if (name == "--digest") {
      arguments.digest = true;
    } else if (name == "--fresh") {
      fresh = true;
    } else if (name == "--seed") {
      arguments.first = arguments.last = std::strtoull(value().c_str(), nullptr, 10);
    } else if (name == "--seconds") {
      arguments.seconds = std::strtod(value().c_str(), nullptr);
    } else if (name == "--twice") {
      arguments.twice = std::strtoull(value().c_str(), nullptr, 10);
    } else if (name == "--regressions") {
      auto list = read_list(value());
      if (!list || list->empty()) return std::nullopt;
      arguments.listed = std::move(*list);
    } else if (name == "--seeds") {
      const std::string range = value();
      const std::size_t dots = range.find("..");
      arguments.first = dots == std::string::npos ? 1 : std::strtoull(range.c_str(), nullptr, 10);
      arguments.last =
          std::strtoull(range.c_str() + (dots == std::string::npos ? 0 : dots + 2), nullptr, 10);
    } else {
      return std::nullopt;
    }
  }
  if (fresh) {
    const std::uint64_t start = std::uint64_t{std::random_device{}()} << 24;
    std::printf("seeds from %llu on\n", static_cast<unsigned long long>(start + arguments.first));
    arguments.first += start;
    arguments.last += start;
  }
  if (arguments.last < arguments.first) return std::nullopt;
  return arguments;
}

}  // namespace
}  // namespace sluice::sim

int main(int count, char** values) {
  const auto arguments = sluice::sim::parse(count, values);
  if (!arguments) {
    std::fprintf(stderr,
                 "usage: sluice_sim [--seeds N | --seeds A..B | --seed X | --regressions FILE]\n"
                 "                  [--fresh] [--trace] [--digest] [--keep-going] [--seconds S] "
                 "[--twice K]\n");
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::signal(SIGABRT, sluice::sim::on_abort);
  std::signal(SIGSEGV, sluice::sim::on_abort);
  return sluice::sim::Runner(*arguments).run();
}
