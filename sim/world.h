// World: one schedule from its seed to its verdict.
//
//   faults   clients send, lines break, stores and databases fail and lie, processes die
//   calm     nothing fails any more; every persistent client must get through within bounded time
//   end      the abandoned is swept; then nothing may be left, in memory or in the bucket
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/checker.h"
#include "sim/client.h"
#include "sim/outside.h"
#include "sim/process.h"

namespace sluice::sim {

struct Verdict {
  std::optional<std::string> violation;
  std::uint64_t trace_hash = 0;
  std::uint64_t steps = 0;
  std::uint64_t crashes = 0;
};

class World {
 public:
  World(std::uint64_t seed, bool print);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Once.
  Verdict run();

 private:
  struct Place {
    std::unique_ptr<Process> process;  // nullptr: down
  };
  // Shuts down while its successor is running.
  struct Leaving {
    explicit Leaving(std::unique_ptr<Process> p) : process(std::move(p)) {}
    std::unique_ptr<Process> process;
    bool ended = false;
  };

  void add_name(std::uint32_t number);
  bool add_swarm(const File* file);
  void add_client(ClientKind kind, const File* file);
  void start(std::uint32_t place);
  void meddle();
  void crash(std::uint32_t place);
  void replace(std::uint32_t place);
  void calm_down();
  Process* any_process();
  bool clients_done() const;
  // Steps until `done` says so or the time has passed. False: it has, or a promise is broken.
  template <class Done>
  bool run_until(Instant end, Done done);
  void pass(Duration time);
  template <class Start>
  void await(const char* what, Start start);

  Outside outside_;
  Checker checker_;
  std::vector<std::unique_ptr<File>> files_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Place> places_;
  std::list<Leaving> leaving_;
  std::uint64_t crashes_ = 0;
};

}  // namespace sluice::sim
