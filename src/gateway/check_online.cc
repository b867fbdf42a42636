#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <unistd.h>

#include "base/text.h"
#include "fetch/http_client.h"
#include "gateway/check_store.h"
#include "gateway/gateway.h"
#include "gateway/one_shot.h"
#include "gateway/store_factory.h"
#include "hooks/auth_url.h"
#include "net/tcp_dialer.h"
#include "net/tls_context.h"
#include "statedb/sqlite/sqlite_state_db.h"

namespace sluice::gateway {

namespace {

namespace fs = std::filesystem;

// A check is made by somebody who waits: fewer attempts than a server makes.
constexpr std::uint32_t kAttempts = 2;

Finding make(Finding::Level level, std::string subject, std::string what, std::string mend = "") {
  Finding finding;
  finding.level = level;
  finding.subject = std::move(subject);
  finding.what = std::move(what);
  finding.mend = std::move(mend);
  return finding;
}

// A directory that the server would make. Made for the check and removed again, as far as it is
// empty: what somebody else put there meanwhile stays.
class BorrowedDirectory {
 public:
  explicit BorrowedDirectory(fs::path path) : path_(std::move(path)) {
    std::error_code ignored;
    made_ = !path_.empty() && fs::create_directory(path_, ignored);
  }
  ~BorrowedDirectory() {
    if (!made_) return;
    std::error_code ignored;
    std::vector<fs::path> inside{path_};
    for (const auto& entry : fs::recursive_directory_iterator(path_, ignored)) {
      if (entry.is_directory(ignored)) inside.push_back(entry.path());
    }
    for (auto it = inside.rbegin(); it != inside.rend(); ++it) ::rmdir(it->c_str());
  }
  BorrowedDirectory(const BorrowedDirectory&) = delete;
  BorrowedDirectory& operator=(const BorrowedDirectory&) = delete;

 private:
  const fs::path path_;
  bool made_ = false;
};

// The file itself if there is one; otherwise one beside it that is removed again.
Finding check_state(const std::string& path, Random* random) {
  const BorrowedDirectory directory(fs::path(path).parent_path());
  std::error_code ignored;
  const bool there = fs::exists(path, ignored);
  std::string tried = path;
  if (!there) {
    std::array<std::byte, 8> raw{};
    random->fill(raw);
    tried += ".check-" + hex(raw);
  }
  Result<std::unique_ptr<StateDb>> state = statedb::open_sqlite(statedb::SqliteOptions(tried));
  const bool opened = state.has_value();
  if (opened) state->reset();
  if (!there) {
    for (const char* suffix : {"", "-wal", "-shm", ".lock"}) fs::remove(tried + suffix, ignored);
  }
  if (opened) {
    return make(Finding::Level::kGood, "state",
                there ? "the database can be used" : "a new database can be made");
  }
  if (state.error().code() == Errc::kConflict) {
    return make(Finding::Level::kWarning, "state",
                "another process has the database (" + state.error().detail() + ")",
                "nothing, if that is your running server; otherwise end that process");
  }
  return make(Finding::Level::kError, "state",
              "the database cannot be used (" + state.error().detail() + ")",
              "check the path in `state`, and that its directory exists and may be written");
}

// What runs on the loop.
class Online {
 public:
  explicit Online(const config::ProgramOptions& options)
      : options_(options), shot_(options, LogLevel::kError) {
    options_.store_retry.attempts_max = kAttempts;
  }

  std::vector<Finding> run() {
    if (prepare()) shot_.run(live());
    findings_.push_back(check_state(options_.state_path, shot_.random()));
    return std::move(findings_);
  }

 private:
  bool prepare();
  void open();
  Task<void> live();
  Task<void> check_auth();

  // What is used by others is built first and destroyed last.
  config::ProgramOptions options_;
  OneShot shot_;
  std::unique_ptr<Dialer> dialer_;
  std::unique_ptr<fetch::HttpClient> client_;
  std::unique_ptr<BorrowedDirectory> directory_;
  std::unique_ptr<ObjectStore> store_;
  std::vector<Finding> findings_;
};

bool Online::prepare() {
  Result<std::shared_ptr<net::TlsClientContext>> tls = net::TlsClientContext::open("");
  if (!tls) {
    findings_.push_back(make(Finding::Level::kError, "store",
                             "trusted certificates cannot be read (" + tls.error().detail() + ")",
                             "install the system's package of CA certificates"));
    return false;
  }
  dialer_ = std::make_unique<net::TcpDialer>(shot_.executor(), *tls, net::DialerOptions());
  fetch::ClientOptions client;
  if (const auto* s3 = std::get_if<stores::S3Options>(&options_.store)) {
    client.connect_time = s3->connect_timeout;
  }
  client_ =
      std::make_unique<fetch::HttpClient>(shot_.executor(), shot_.clock(), dialer_.get(), client);
  open();
  return true;
}

void Online::open() {
  if (const auto* local = std::get_if<stores::LocalOptions>(&options_.store)) {
    directory_ = std::make_unique<BorrowedDirectory>(local->directory);
  }
  StoreParts parts;
  parts.client = client_.get();
  parts.clock = shot_.clock();
  parts.random = shot_.random();
  parts.log = shot_.log();
  parts.metrics = shot_.metrics();
  Result<std::unique_ptr<ObjectStore>> store = open_store(options_, parts);
  if (store) {
    store_ = std::move(*store);
    return;
  }
  findings_.push_back(make(Finding::Level::kError, "store",
                           "it cannot be used (" + store.error().detail() + ")",
                           "check `store`; a directory must exist and may be written"));
}

Task<void> Online::live() {
  if (store_) {
    std::vector<Finding> found = co_await check_store(store_.get(), shot_.clock(), shot_.random());
    for (Finding& finding : found) findings_.push_back(std::move(finding));
  }
  if (options_.auth.mode == hooks::AuthOptions::Mode::kForward) co_await check_auth();
}

// Whether somebody speaks HTTP there. What it would say to a real upload is its own business.
Task<void> Online::check_auth() {
  const Result<hooks::AuthUrl> url = hooks::parse_auth_url(options_.auth.url);
  if (!url) {
    findings_.push_back(make(Finding::Level::kError, "auth", url.error().detail(),
                             "write a URL like http://127.0.0.1:9000/authorize in `auth_url`"));
    co_return;
  }
  fetch::Request request(url->endpoint, "GET", url->target);
  request.headers.add("Host", url->authority);
  const Deadline deadline(shot_.clock()->now() + options_.auth.timeout);
  const Result<std::unique_ptr<fetch::Response>> answer =
      co_await client_->send(std::move(request), deadline);
  if (answer) {
    const std::string status = std::to_string((*answer)->status());
    findings_.push_back(make(Finding::Level::kGood, "auth",
                             "the application answers (" + status + " to an empty question)"));
    co_return;
  }
  findings_.push_back(
      make(Finding::Level::kError, "auth",
           "the application cannot be reached at auth_url (" + answer.error().detail() + ")",
           "start it or correct `auth_url`; until it answers, every upload gets 503"));
}

}  // namespace

std::vector<Finding> check_online(const config::ProgramOptions& options) {
  Online online(options);
  return online.run();
}

}  // namespace sluice::gateway
