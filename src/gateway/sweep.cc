#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/block_pool.h"
#include "cleaner/sweeper.h"
#include "config/quantity.h"
#include "engine/registry.h"
#include "gateway/gateway.h"
#include "gateway/node.h"
#include "gateway/one_shot.h"
#include "gateway/sweep_report.h"
#include "gateway/sweeping.h"
#include "net/tls_context.h"
#include "statedb/sqlite/sqlite_state_db.h"

namespace sluice::gateway {

namespace {

constexpr Duration kProbeTime = std::chrono::seconds(30);
// What was marked as aborted has this long to leave the store; a server goes on with the rest.
constexpr Duration kFinishTime = std::chrono::minutes(2);
constexpr Duration kFinishPoll = std::chrono::milliseconds(100);

class SweepCommand {
 public:
  SweepCommand(const config::ProgramOptions& options, bool dry_run, std::ostream& out)
      : options_(options),
        dry_run_(dry_run),
        out_(out),
        shot_(options_, LogLevel::kWarn),
        pool_(options_.engine.memory_budget) {
    // Nobody is let in here, so nobody has to be asked.
    options_.auth.mode = hooks::AuthOptions::Mode::kNone;
  }

  Exit run();

 private:
  Exit prepare();
  Exit open_state();
  Task<void> live();
  Task<void> sweep();
  Task<void> finish_aborts();
  Task<std::size_t> drive_aborts();

  // What is used by others is built first and destroyed last.
  config::ProgramOptions options_;
  const bool dry_run_;
  std::ostream& out_;
  OneShot shot_;
  BlockPool pool_;
  std::unique_ptr<StateDb> state_;
  std::unique_ptr<Node> node_;
  Exit exit_ = Exit::kOk;
};

Exit SweepCommand::open_state() {
  // Without its rows every unfinished upload would look like an orphan.
  std::error_code ignored;
  if (!std::filesystem::exists(options_.state_path, ignored)) {
    shot_.log()->error("there is no state database to sweep by", {{"path", options_.state_path}});
    return Exit::kDependency;
  }
  const statedb::SqliteOptions where(options_.state_path);
  // A dry run only looks, also beside a running server.
  Result<std::unique_ptr<StateDb>> state =
      dry_run_ ? statedb::open_sqlite_to_look(where) : statedb::open_sqlite(where);
  if (state) {
    state_ = std::move(*state);
    return Exit::kOk;
  }
  if (state.error().code() == Errc::kConflict) {
    const std::string interval = config::format_duration(options_.cleaner.interval);
    shot_.log()->error("a running server has the state database; it sweeps by itself every " +
                           interval + " (sweep.interval), or stop it first",
                       {{"error", state.error().detail()}});
  } else {
    shot_.log()->error("the state database cannot be used", {{"error", state.error().detail()}});
  }
  return Exit::kDependency;
}

Exit SweepCommand::prepare() {
  const Exit opened = open_state();
  if (opened != Exit::kOk) return opened;
  Result<std::shared_ptr<net::TlsClientContext>> outgoing = net::TlsClientContext::open("");
  if (!outgoing) {
    shot_.log()->error("trusted certificates cannot be read",
                       {{"error", outgoing.error().detail()}});
    return Exit::kDependency;
  }
  Shared shared;
  shared.clock = shot_.clock();
  shared.random = shot_.random();
  shared.log = shot_.log();
  shared.metrics = shot_.metrics();
  shared.state = state_.get();
  shared.pool = &pool_;
  shared.registry = engine::make_registry();
  shared.outgoing_tls = *outgoing;
  Result<std::unique_ptr<Node>> node = Node::make(shot_.executor(), shared, options_);
  if (!node) {
    shot_.log()->error("the store cannot be set up", {{"error", node.error().detail()}});
    return node.error().code() == Errc::kInvalidArgument ? Exit::kBadConfig : Exit::kDependency;
  }
  node_ = std::move(*node);
  return Exit::kOk;
}

Exit SweepCommand::run() {
  exit_ = prepare();
  if (exit_ != Exit::kOk) return exit_;
  shot_.run(live());
  return exit_;
}

Task<void> SweepCommand::live() {
  const Deadline soon(shot_.clock()->now() + kProbeTime);
  const Result<Ok> reached = co_await node_->store()->probe(soon);
  if (reached) {
    co_await sweep();
    if (!dry_run_) co_await finish_aborts();
  } else {
    shot_.log()->error("the store cannot be used", {{"error", reached.error().detail()}});
    exit_ = Exit::kDependency;
  }
  const Deadline drained(shot_.clock()->now() + options_.drain_timeout);
  co_await node_->drain(drained);
  co_await node_->stop();
}

Task<void> SweepCommand::sweep() {
  cleaner::SweepServices services =
      sweep_services(node_.get(), state_.get(), shot_.clock(), shot_.log(), shot_.metrics());
  const cleaner::CleanerOptions cleaner = options_.cleaner;
  const cleaner::Report report = co_await cleaner::sweep(std::move(services), cleaner, dry_run_);
  for (const cleaner::Finding& finding : report.findings) {
    out_ << finding_line(finding, dry_run_) << '\n';
  }
  out_ << summary_line(report, dry_run_) << std::endl;
  for (const std::string& error : report.errors) {
    shot_.log()->error("the sweep could not do everything", {{"error", error}});
  }
  if (!report.errors.empty()) exit_ = Exit::kRuntime;
}

// An abort is recorded first and done in the background: this process must not end before it, as
// nobody may start a server for a long time. Also those that a former process left behind.
Task<void> SweepCommand::finish_aborts() {
  const Instant give_up = shot_.clock()->now() + kFinishTime;
  while (true) {
    const std::size_t left = co_await drive_aborts();
    if (left == 0) co_return;
    const Instant next = shot_.clock()->now() + kFinishPoll;
    if (next >= give_up) {
      shot_.log()->error("some aborted uploads are still in the store; a server goes on with them",
                         {{"uploads", std::uint64_t{left}}});
      exit_ = Exit::kRuntime;
      co_return;
    }
    co_await shot_.clock()->sleep_until(next);
  }
}

// Answers how many there are, as far as one page tells.
Task<std::size_t> SweepCommand::drive_aborts() {
  UploadFilter filter;
  filter.states = {UploadState::kAborting};
  filter.limit = 100;
  Result<std::vector<UploadRow>> rows = co_await state_->list(std::move(filter));
  if (!rows) {
    shot_.log()->error("aborted uploads were not listed", {{"error", rows.error().detail()}});
    exit_ = Exit::kRuntime;
    co_return std::size_t{0};
  }
  for (const UploadRow& row : *rows) {
    const UploadId id = row.id;
    const std::string reason = row.reason;
    const Result<Ok> driven = co_await node_->uploads()->abort(id, reason);
    static_cast<void>(driven);  // what is not driven is still there the next time
  }
  co_return rows->size();
}

}  // namespace

Exit sweep(const config::ProgramOptions& options, bool dry_run, std::ostream& out) {
  SweepCommand command(options, dry_run, out);
  return command.run();
}

}  // namespace sluice::gateway
