#include "config/validate.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <unistd.h>

#include "config/address.h"
#include "config/quantity.h"
#include "config/secret_file.h"

namespace sluice::config {
namespace {

using hooks::AuthOptions;
using Level = Problem::Level;

class Validator {
 public:
  Validator(const ProgramOptions& options,
            const std::function<std::string(std::string_view)>& origin)
      : options_(options), origin_(origin) {}

  std::vector<Problem> run(bool serving) {
    if (serving) {
      listeners();
      tls();
      authorization();
    }
    sizes();
    times();
    store();
    cors();
    return std::move(problems_);
  }

 private:
  void add(Level level, std::string_view key, std::string what, std::string mend) {
    problems_.push_back({level, origin_(key), std::move(what), std::move(mend)});
  }
  void error(std::string_view key, std::string what, std::string mend = {}) {
    add(Level::kError, key, std::move(what), std::move(mend));
  }
  void warning(std::string_view key, std::string what, std::string mend = {}) {
    add(Level::kWarning, key, std::move(what), std::move(mend));
  }

  void listeners() {
    const Listener& front = options_.listen;
    const Listener& admin = options_.admin;
    if (front.port != 0 && front.port == admin.port && front.host == admin.host) {
      error("admin_listen", "listen and admin_listen are the same address " + to_string(front),
            "choose another port for one of them");
    }
    if (!is_loopback(admin.host)) {
      warning("admin_listen",
              "the admin listener on " + to_string(admin) +
                  " can be reached from other machines and has no authorization",
              "keep it on 127.0.0.1 or on a private network");
    }
  }

  void tls() {
    const std::string& certificate = options_.tls_certificate;
    const std::string& key = options_.tls_key;
    if (certificate.empty() != key.empty()) {
      error(certificate.empty() ? "tls.key" : "tls.certificate",
            "tls.certificate and tls.key belong together", "set both or neither");
    }
    readable("tls.certificate", certificate);
    readable("tls.key", key);
    if (!key.empty() && is_world_readable(key)) {
      error("tls.key", "everybody on this machine can read the private key in " + key,
            "run: chmod o-rwx " + key);
    }
  }

  void readable(std::string_view key, const std::string& path) {
    if (!path.empty() && access(path.c_str(), R_OK) != 0) {
      error(key, "cannot read " + path, "check that the file exists and may be read");
    }
  }

  void authorization() {
    const AuthOptions& auth = options_.auth;
    switch (auth.mode) {
      case AuthOptions::Mode::kUnset:
        error("auth", "authorization is not chosen",
              "set auth = \"forward\" and auth_url to ask your application before each upload, or "
              "auth = \"none\" to let everybody in who can reach " +
                  to_string(options_.listen));
        break;
      case AuthOptions::Mode::kNone:
        if (!auth.url.empty()) {
          warning("auth_url", "auth_url is not used with auth = \"none\"",
                  "set auth = \"forward\"");
        }
        if (is_loopback(options_.listen.host)) break;
        if (options_.insecure_no_auth) {
          warning("auth", "anybody who reaches " + to_string(options_.listen) +
                              " may fill the store (insecure_no_auth)");
        } else {
          error("auth",
                "auth = \"none\" on " + to_string(options_.listen) +
                    " would let anybody fill the store",
                "set auth = \"forward\" and auth_url, listen on 127.0.0.1, or say "
                "--insecure-no-auth if a proxy in front does the authorization");
        }
        break;
      case AuthOptions::Mode::kForward:
        if (auth.url.empty()) {
          error("auth", "auth = \"forward\" needs a URL to ask",
                "set auth_url, for example auth_url = \"https://app.example/uploads/authorize\"");
        }
        break;
    }
    if (auth.mode == AuthOptions::Mode::kForward && options_.http.auth_deadline < auth.timeout) {
      error("http.auth_deadline",
            "http.auth_deadline (" + format_duration(options_.http.auth_deadline) +
                ") is shorter than auth_timeout (" + format_duration(auth.timeout) + ")",
            "raise the first or lower the second");
    }
  }

  void sizes() {
    const auto& engine = options_.engine;
    const std::uint64_t part = engine.part_size.value();
    // One part more than is in flight: the one that is being received.
    const std::uint64_t wanted = part * (std::uint64_t{engine.parts_in_flight} + 1);
    if (engine.memory_budget.value() < wanted) {
      error("memory_budget",
            "memory_budget " + format_size(engine.memory_budget.value()) +
                " is too small for one fast upload: part_size " + format_size(part) +
                " times parts_in_flight + 1 is " + format_size(wanted),
            "raise memory_budget, or lower part_size or parts_in_flight");
    }
  }

  void times() {
    const auto& engine = options_.engine;
    if (engine.complete_timeout < engine.store_timeout) {
      warning("complete_timeout", "complete_timeout is shorter than store_timeout",
              "completing a large object takes longer than other calls");
    }
    if (options_.store_retry.cap < options_.store_retry.base) {
      error("retry.cap", "retry.cap is shorter than retry.base", "raise retry.cap");
    }
    if (options_.cleaner.grace < std::chrono::hours(1) && options_.cleaner.exclusive) {
      warning("sweep.grace",
              "with sweep.exclusive, orphans younger than an hour may belong to uploads of another "
              "process that are just being recorded",
              "use at least 1h");
    }
  }

  void store() {
    const auto* s3 = std::get_if<stores::S3Options>(&options_.store);
    if (s3 == nullptr) return;
    constexpr std::uint64_t kPartMin = 5ULL << 20;
    if (options_.engine.part_size.value() < kPartMin) {
      error("part_size",
            "part_size " + format_size(options_.engine.part_size.value()) +
                " is below what S3 accepts",
            "use at least " + format_size(kPartMin));
    }
    if (s3->access_key.empty() != s3->secret_key.empty()) {
      error(s3->access_key.empty() ? "s3.secret_key" : "s3.access_key",
            "s3.access_key and s3.secret_key belong together", "set both or neither");
    }
    if (!s3->session_token.empty() && s3->secret_key.empty()) {
      error("s3.session_token", "s3.session_token needs s3.access_key and s3.secret_key");
    }
    const std::string& host = s3->endpoint_host;
    if (!s3->endpoint_tls && !is_loopback(host) && !host.empty()) {
      warning("store", "bytes and signatures travel unencrypted to " + host,
              "use an https:// endpoint unless the network is private");
    }
    if (host.ends_with(".r2.cloudflarestorage.com") && s3->preset != "r2") {
      error("store", "this endpoint is Cloudflare R2, which wants parts of equal size",
            "add preset=r2 to the store URL");
    }
    if (host.ends_with("storage.googleapis.com") && s3->preset != "gcs") {
      warning("store", "this endpoint is Google Cloud Storage", "add preset=gcs to the store URL");
    }
  }

  void cors() {
    const auto& origins = options_.http.cors_origins;
    if (std::find(origins.begin(), origins.end(), "*") != origins.end() && origins.size() > 1) {
      error("cors.origins", "* already allows every origin", "remove the others or the *");
    }
  }

  const ProgramOptions& options_;
  const std::function<std::string(std::string_view)>& origin_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> validate(const ProgramOptions& options, bool serving,
                              const std::function<std::string(std::string_view)>& origin) {
  return Validator(options, origin).run(serving);
}

}  // namespace sluice::config
