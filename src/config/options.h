// All options of the program: what config/ reads and gateway/ builds from.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "cleaner/options.h"
#include "engine/options.h"
#include "hooks/options.h"
#include "http/options.h"
#include "ports/log.h"
#include "stores/options.h"

namespace sluice::config {

struct Listener {
  std::string host = "127.0.0.1";  // address literal or "localhost"
  std::uint16_t port = 8080;       // 0: any free port, printed at start
};

struct ProgramOptions {
  Listener listen;
  Listener admin{"127.0.0.1", 9090};
  std::string tls_certificate;  // PEM file, chain; empty: no TLS
  std::string tls_key;          // PEM file
  unsigned threads = 0;         // 0: one per core
  bool insecure_no_auth = false;
  std::string state_path;  // SQLite file; ":memory:" refused outside tests
  std::chrono::milliseconds drain_timeout{25'000};
  LogLevel log_level = LogLevel::kInfo;
  enum class LogFormat : std::uint8_t { kAuto, kText, kJson } log_format = LogFormat::kAuto;

  engine::EngineOptions engine;
  http::HttpOptions http;
  stores::StoreOptions store;
  stores::RetryOptions store_retry;
  hooks::AuthOptions auth;
  cleaner::CleanerOptions cleaner;
};

}  // namespace sluice::config
