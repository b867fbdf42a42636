// CredentialService: the credentials that sign S3 requests, from wherever they come.
//
// Order (s3-multipart digest section 9): options → environment (unless AWS_PROFILE is set) → shared
// files (access keys; web identity or an assumed role named there) → web identity → container
// endpoint, or instance metadata (IMDSv2 only). credential_process and SSO profiles are refused
// with an error that names them.
//
// Refresh: five minutes before they expire, by one caller at a time; all others go on with the old
// ones. A refresh that fails leaves the old ones in use and is tried again later, also past their
// expiry ("static stability"): the store has the last word. Rows S-12, S-29 … S-31.
//
// Executor: one instance per thread, all calls there. Nothing runs in the background: a refresh is
// part of some caller's get().
// Errors of get(): kRejected: nothing is configured, or what is configured can't work;
// kUnavailable: an endpoint did not answer. Details never hold secrets or tokens.
// Cancellation: allowed; a cancelled refresh is taken over by the next caller.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/signal.h"
#include "base/task.h"
#include "base/time.h"
#include "fetch/http_client.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "ports/random.h"
#include "stores/s3/credential_sources.h"
#include "stores/s3/profile_file.h"
#include "wire/sigv4.h"

namespace sluice::stores::s3 {

struct Credentials {
  Credentials(wire::SigV4Credentials k, std::optional<WallTime> e, std::string s, bool r)
      : keys(std::move(k)), expires(e), source(std::move(s)), refreshable(r) {}
  wire::SigV4Credentials keys;
  std::optional<WallTime> expires;  // nullopt: never
  std::string source;               // "environment", "instance metadata" …, for logs
  bool refreshable;                 // asking the source again may give others

  bool temporary() const noexcept { return !keys.session_token.reveal().empty(); }
};
using CredentialsPtr = std::shared_ptr<const Credentials>;

struct CredentialServices {
  fetch::HttpClient* http = nullptr;  // not owned, like all of these
  Clock* clock = nullptr;
  Random* random = nullptr;
  Log* log = nullptr;
};

class CredentialService {
 public:
  // `fixed`: credentials from the options; nullptr: the chain. `region`: of the STS endpoint.
  CredentialService(CredentialsPtr fixed, std::string region, CredentialSources sources,
                    CredentialServices services);
  CredentialService(const CredentialService&) = delete;
  CredentialService& operator=(const CredentialService&) = delete;

  Task<Result<CredentialsPtr>> get(Deadline deadline);

  // The store refused these. True: the next get() may answer others, so one more try makes sense.
  bool refuse(const CredentialsPtr& used);

 private:
  class Refreshing;
  bool is_fresh(WallTime now) const;
  void accept(CredentialsPtr fresh);
  void keep_old(const Error& error);

  Task<Result<CredentialsPtr>> resolve(Deadline deadline);
  Task<Result<CredentialsPtr>> from_profile(std::string name, int depth, Deadline deadline);
  Task<Result<CredentialsPtr>> from_web_identity(std::string token_file, std::string role,
                                                 std::string session, Deadline deadline);
  Task<Result<CredentialsPtr>> assume_role(Profile profile, CredentialsPtr with, Deadline deadline);
  Task<Result<CredentialsPtr>> from_container(Deadline deadline);
  Task<Result<CredentialsPtr>> from_instance(Deadline deadline);
  Task<Result<CredentialsPtr>> ask_sts(fetch::Request request, std::string source,
                                       Deadline deadline);
  Task<Result<fetch::FullResponse>> fetch_quickly(fetch::Request request, Duration limit,
                                                  std::string who, Deadline deadline);

  std::optional<std::string> variable(const char* name) const;
  CredentialsPtr from_environment() const;
  Result<fetch::Request> sts_request() const;
  std::string session_name(std::optional<std::string> wanted) const;

  // Constant after construction.
  const CredentialsPtr fixed_;
  const std::string region_;
  const CredentialSources sources_;
  const CredentialServices services_;

  CredentialsPtr current_;
  bool refused_ = false;           // the store did not take current_
  std::optional<WallTime> renew_;  // when current_ should be replaced; nullopt: never
  bool refreshing_ = false;
  std::uint64_t refreshes_finished_ = 0;  // with a result: cancelled ones don't count
  Error last_error_{Errc::kUnavailable, ""};
  Signal refreshed_;
};

// The region from the environment or the profile; nullopt: nowhere.
std::optional<std::string> configured_region(const CredentialSources& sources);

}  // namespace sluice::stores::s3
