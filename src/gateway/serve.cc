#include <atomic>
#include <cstdlib>
#include <ostream>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>

#include "admin/admin_handler.h"
#include "engine/run_on.h"
#include "gateway/directories.h"
#include "gateway/gateway.h"
#include "gateway/node.h"
#include "gateway/sweeping.h"
#include "net/asio_clock.h"
#include "net/descriptor_limit.h"
#include "net/loop_threads.h"
#include "net/signal_waiter.h"
#include "net/system_random.h"
#include "statedb/sqlite/sqlite_state_db.h"
#include "telemetry/prometheus_metrics.h"
#include "telemetry/structured_log.h"

namespace sluice::gateway {

namespace {

constexpr Duration kHousekeeping = std::chrono::seconds(5);
constexpr int kRecoverEvery = 12;  // housekeeping rounds: a minute

std::string address(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

telemetry::LogFormat log_format(config::ProgramOptions::LogFormat format) {
  switch (format) {
    case config::ProgramOptions::LogFormat::kText: return telemetry::LogFormat::kText;
    case config::ProgramOptions::LogFormat::kJson: return telemetry::LogFormat::kJson;
    case config::ProgramOptions::LogFormat::kAuto: break;
  }
  return telemetry::format_for(stderr);
}

// The running program. Built on the main thread, runs on the loop threads, torn down on the main
// thread again.
class Server {
 public:
  Server(const config::ProgramOptions& options, const BuildInfo& build, std::ostream& out)
      : options_(options),
        out_(out),
        log_(log_options(options), &clock_),
        metrics_({build.version, build.revision, build.compiler}),
        pool_(options.engine.memory_budget),
        loops_(thread_count(options)) {}

  Exit run();

 private:
  static telemetry::LogOptions log_options(const config::ProgramOptions& options) {
    telemetry::LogOptions log;
    log.level = options.log_level;
    log.format = log_format(options.log_format);
    return log;
  }
  static std::size_t thread_count(const config::ProgramOptions& options) {
    if (options.threads > 0) return options.threads;
    return std::max(1U, std::thread::hardware_concurrency());
  }

  Exit prepare();
  Exit listen();
  Task<void> live();
  Task<void> housekeeping();
  Task<void> end_at_once();
  Task<void> drain_nodes(Deadline deadline);
  std::vector<admin::Check> ready_checks();
  telemetry::Usage usage() const;

  // Order matters: what is used by others is built first and destroyed last.
  const config::ProgramOptions& options_;
  std::ostream& out_;
  net::AsioClock clock_;
  net::SystemRandom random_;
  telemetry::StructuredLog log_;
  telemetry::PrometheusMetrics metrics_;
  BlockPool pool_;
  net::LoopThreads loops_;
  std::unique_ptr<StateDb> state_;
  Shared shared_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::unique_ptr<admin::AdminHandler> admin_handler_;
  std::unique_ptr<http::HttpServer> admin_server_;
  std::unique_ptr<net::Acceptor> admin_acceptor_;
  std::atomic<bool> draining_{false};
  std::atomic<bool> state_answers_{true};
};

Exit Server::prepare() {
  net::ignore_sigpipe();
  const Result<std::uint64_t> descriptors = net::raise_descriptor_limit();
  if (descriptors && *descriptors < 2 * options_.http.connections_max) {
    log_.warn("the limit of open descriptors is low for http.connections_max",
              {{"descriptors", *descriptors},
               {"connections_max", std::uint64_t{options_.http.connections_max}}});
  }
  const Result<Ok> directories = make_directories(options_);
  if (!directories) {
    log_.error("cannot start", {{"error", directories.error().detail()}});
    return Exit::kDependency;
  }
  Result<std::unique_ptr<StateDb>> state =
      statedb::open_sqlite(statedb::SqliteOptions(options_.state_path));
  if (!state) {
    log_.error("the state database cannot be used", {{"error", state.error().detail()}});
    return Exit::kDependency;
  }
  state_ = std::move(*state);
  Result<std::shared_ptr<net::TlsClientContext>> outgoing = net::TlsClientContext::open("");
  if (!outgoing) {
    log_.error("trusted certificates cannot be read", {{"error", outgoing.error().detail()}});
    return Exit::kDependency;
  }
  if (!options_.tls_certificate.empty()) {
    Result<std::shared_ptr<net::TlsServerContext>> incoming =
        net::TlsServerContext::open(options_.tls_certificate, options_.tls_key);
    if (!incoming) {
      log_.error("the certificate cannot be used", {{"error", incoming.error().detail()}});
      return Exit::kBadConfig;
    }
    shared_.incoming_tls = *incoming;
  }
  shared_.clock = &clock_;
  shared_.random = &random_;
  shared_.log = &log_;
  shared_.metrics = &metrics_;
  shared_.state = state_.get();
  shared_.pool = &pool_;
  shared_.registry = engine::make_registry();
  shared_.outgoing_tls = *outgoing;
  shared_.connections = std::make_shared<std::atomic<std::size_t>>(0);
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    Result<std::unique_ptr<Node>> node =
        Node::make(loops_.executor(i), shared_, options_);
    if (!node) {
      log_.error("the store or the authorization cannot be set up",
                 {{"error", node.error().detail()}});
      return node.error().code() == Errc::kInvalidArgument ? Exit::kBadConfig : Exit::kDependency;
    }
    nodes_.push_back(std::move(*node));
  }
  pool_.on_pressure([this] {
    for (const auto& node : nodes_) node->relieve_pressure();
  });
  metrics_.set_usage([this] { return usage(); });
  return Exit::kOk;
}

Exit Server::listen() {
  std::uint16_t port = options_.listen.port;
  for (const auto& node : nodes_) {
    const Result<Ok> bound = node->listen(options_.listen.host, port);
    if (!bound) {
      log_.error("cannot listen", {{"address", address(options_.listen.host, port)},
                                   {"error", bound.error().detail()}});
      return Exit::kCannotListen;
    }
    port = node->port();  // the others share what the first one got
  }
  net::AcceptorOptions admin;
  admin.host = options_.admin.host;
  admin.port = options_.admin.port;
  Result<std::unique_ptr<net::Acceptor>> acceptor =
      net::Acceptor::open(loops_.executor(0), std::move(admin));
  if (!acceptor) {
    log_.error("cannot listen", {{"address", address(options_.admin.host, options_.admin.port)},
                                 {"error", acceptor.error().detail()}});
    return Exit::kCannotListen;
  }
  admin_acceptor_ = std::move(*acceptor);
  admin_handler_ = std::make_unique<admin::AdminHandler>(std::vector<admin::Check>(),
                                                         ready_checks(), &metrics_);
  http::Connection::Services services;
  services.executor = loops_.executor(0);
  services.clock = &clock_;
  services.random = &random_;
  services.log = &log_;
  services.metrics = &metrics_;
  services.pool = &pool_;
  services.handler = admin_handler_.get();
  admin_server_ = std::make_unique<http::HttpServer>(services, http::HttpOptions());
  return Exit::kOk;
}

std::vector<admin::Check> Server::ready_checks() {
  return {{"draining",
           [this]() -> Result<Ok> {
             if (draining_) return fail(Errc::kUnavailable, "the server is stopping");
             return Ok{};
           }},
          {"state", [this]() -> Result<Ok> {
             if (!state_answers_) {
               return fail(Errc::kUnavailable, "the state database does not answer");
             }
             return Ok{};
           }}};
}

telemetry::Usage Server::usage() const {
  const BlockPool::Usage pool = pool_.usage();
  telemetry::Usage usage;
  usage.buffer_taken = pool.taken;
  usage.buffer_reserved = pool.reserved;
  usage.buffer_limit = pool.budget;
  usage.buffer_waiting = pool.waiting;
  for (const auto& node : nodes_) usage.uploads_receiving += node->uploads()->status().writers;
  const std::size_t live = shared_.registry->size();
  usage.uploads_idle = live > usage.uploads_receiving ? live - usage.uploads_receiving : 0;
  return usage;
}

Task<void> accept_admin(net::Acceptor* acceptor, http::HttpServer* server) {
  while (true) {
    Result<std::unique_ptr<Stream>> stream = co_await acceptor->accept();
    if (!stream) {
      if (stream.error().code() == Errc::kDisconnected) co_return;
      continue;
    }
    server->serve(std::move(*stream));
  }
}

Task<void> start_node(Node* node) {
  node->start();
  co_return;
}

Task<void> Server::housekeeping() {
  for (int round = 1;; ++round) {
    const Instant next = clock_.now() + kHousekeeping;
    co_await clock_.sleep_until(next);
    const Result<Ok> probed = co_await state_->probe();
    state_answers_ = probed.has_value();
    if (shared_.incoming_tls) {
      const Result<bool> reloaded = shared_.incoming_tls->reload_if_changed();
      if (!reloaded) {
        log_.error("the new certificate cannot be used, the old one stays",
                   {{"error", reloaded.error().detail()}});
      } else if (*reloaded) {
        log_.info("certificate reloaded");
      }
    }
    if (round % kRecoverEvery == 0) co_await nodes_.front()->uploads()->recover();
  }
}

Task<void> sweep_regularly(Node* node, StateDb* state, Clock* clock, Log* log, Metrics* metrics,
                           cleaner::CleanerOptions options) {
  while (true) {
    const Instant next = clock->now() + options.interval;
    co_await clock->sleep_until(next);
    co_await sweep_once(node, state, clock, log, metrics, options);
  }
}

// A second signal ends the process without any further ceremony; nothing acknowledged is lost.
Task<void> Server::end_at_once() {
  net::SignalWaiter signals(loops_.executor(0));
  while (true) {
    const net::ProcessSignal signal = co_await signals.wait();
    if (signal == net::ProcessSignal::kHangUp) continue;
    log_.warn("ending at once");
    std::_Exit(static_cast<int>(Exit::kRuntime));
  }
}

Task<void> Server::drain_nodes(Deadline deadline) {
  TaskScope draining(loops_.executor(0));
  for (const auto& node : nodes_) {
    Task<void> drain = node->drain(deadline);
    draining.spawn(engine::run_on_void(node->executor(), std::move(drain)));
  }
  co_await draining.join();
  for (const auto& node : nodes_) {
    Task<void> stop = node->stop();
    draining.spawn(engine::run_on_void(node->executor(), std::move(stop)));
  }
  co_await draining.join();
}

// The drain has a limit; what is left then is not acknowledged and comes again.
Task<void> end_when_overdue(Clock* clock, Log* log, Instant when) {
  co_await clock->sleep_until(when);
  log->warn("the drain took too long, ending");
  std::_Exit(static_cast<int>(Exit::kRuntime));
}

Task<void> Server::live() {
  TaskScope background(loops_.executor(0));
  background.spawn(accept_admin(admin_acceptor_.get(), admin_server_.get()));
  for (const auto& node : nodes_) {
    Task<void> start = start_node(node.get());
    co_await engine::run_on_void(node->executor(), std::move(start));
  }
  const std::string host = options_.listen.host;
  const std::string bound = address(host, nodes_.front()->port());
  const std::string admin = address(options_.admin.host, admin_acceptor_->port());
  log_.info("listening", {{"listen", bound}, {"admin", admin}});
  const char* scheme = shared_.incoming_tls ? "https://" : "http://";
  out_ << "listening on " << scheme << bound << " admin http://" << admin << std::endl;

  background.spawn(nodes_.front()->uploads()->recover());
  background.spawn(housekeeping());
  background.spawn(sweep_regularly(nodes_.front().get(), state_.get(), &clock_, &log_, &metrics_,
                                   options_.cleaner));
  {
    net::SignalWaiter signals(loops_.executor(0));
    while (true) {
      const net::ProcessSignal signal = co_await signals.wait();
      if (signal != net::ProcessSignal::kHangUp) break;
      if (!shared_.incoming_tls) continue;
      const Result<Ok> reloaded = shared_.incoming_tls->reload();
      if (reloaded) {
        log_.info("certificate reloaded");
      } else {
        log_.error("the new certificate cannot be used, the old one stays",
                   {{"error", reloaded.error().detail()}});
      }
    }
  }
  log_.info("draining");
  draining_ = true;
  background.spawn(end_at_once());
  const Deadline deadline(clock_.now() + options_.drain_timeout);
  const Instant overdue = deadline.at() + std::chrono::seconds(15);
  background.spawn(end_when_overdue(&clock_, &log_, overdue));
  co_await drain_nodes(deadline);
  admin_acceptor_->close();
  const Deadline soon(clock_.now() + std::chrono::seconds(1));
  co_await admin_server_->drain(soon);
  background.cancel();
  co_await background.join();
  log_.info("stopped");
}

Exit Server::run() {
  Exit exit = prepare();
  if (exit == Exit::kOk) exit = listen();
  if (exit != Exit::kOk) return exit;
  auto ended = [this](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);  // a bug: ends the process
    loops_.stop();
  };
  boost::asio::co_spawn(loops_.executor(0), live(), std::move(ended));
  loops_.start();
  loops_.join();
  metrics_.set_usage(nullptr);
  return Exit::kOk;
}

}  // namespace

Exit serve(const config::ProgramOptions& options, const BuildInfo& build, std::ostream& out) {
  Server server(options, build, out);
  return server.run();
}

}  // namespace sluice::gateway
