#include "gateway/one_shot.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>

namespace sluice::gateway {

namespace {

telemetry::LogOptions log_options(const config::ProgramOptions& options, LogLevel quietest) {
  telemetry::LogOptions log;
  log.level = std::max(options.log_level, quietest);
  switch (options.log_format) {
    case config::ProgramOptions::LogFormat::kText:
      log.format = telemetry::LogFormat::kText;
      break;
    case config::ProgramOptions::LogFormat::kJson:
      log.format = telemetry::LogFormat::kJson;
      break;
    case config::ProgramOptions::LogFormat::kAuto:
      log.format = telemetry::format_for(stderr);
      break;
  }
  return log;
}

}  // namespace

OneShot::OneShot(const config::ProgramOptions& options, LogLevel quietest)
    : log_(log_options(options, quietest), &clock_), metrics_({"", "", ""}), loops_(1) {}

void OneShot::run(Task<void> task) {
  auto ended = [this](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
    loops_.stop();
  };
  boost::asio::co_spawn(executor(), std::move(task), std::move(ended));
  loops_.start();
  loops_.join();
}

}  // namespace sluice::gateway
