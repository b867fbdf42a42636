// The composition root's doors: what the program's sub-commands call. Every function blocks its
// caller, owns its threads until it returns, and throws nothing. Options have been validated by
// config/; what can only be seen by trying (addresses, stores, databases) is found out here.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "config/options.h"

namespace sluice::gateway {

// How the process ends (ecosystem digest 2.1). A clean drain after SIGTERM is kOk.
enum class Exit : int {
  kOk = 0,
  kRuntime = 1,       // failed while running, or findings of a check
  kUsage = 2,         // the command line is wrong
  kBadConfig = 3,     // the configuration is wrong
  kCannotListen = 4,  // an address is taken or not ours
  kDependency = 5,    // store or state database cannot be used at start
};

// What is running; for logs, metrics and `sluice version`.
struct BuildInfo {
  std::string version;   // "0.1.0"
  std::string revision;  // git, short, "-dirty" appended; "unknown" outside a repository
  std::string compiler;  // "clang 19.1.7"
};

// Serves until SIGTERM or SIGINT, drains, returns. `out` receives, once both listeners accept, one
// line for people and scripts with the addresses really bound:
//   listening on http://127.0.0.1:8080 admin http://127.0.0.1:9090
// and nothing else; everything else goes to the log on stderr.
Exit serve(const config::ProgramOptions& options, const BuildInfo& build, std::ostream& out);

// One sweep: expires uploads, reports orphans, removes those that may be removed. With dry_run
// nothing is changed. A report for people goes to `out`, one line per finding, a summary last.
Exit sweep(const config::ProgramOptions& options, bool dry_run, std::ostream& out);

// One thing that was tried.
struct Finding {
  enum class Level { kGood, kWarning, kError };
  Level level = Level::kGood;
  std::string subject;  // "store", "state", "auth"
  std::string what;     // a sentence; never a secret
  std::string mend;     // what to do; empty when there is nothing to do
};

// Tries what `serve` will need: reaches the store (create, upload one part, abort), opens the
// state database, reaches the authorization URL. Leaves nothing behind.
std::vector<Finding> check_online(const config::ProgramOptions& options);

}  // namespace sluice::gateway
