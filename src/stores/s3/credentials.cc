#include "stores/s3/credentials.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

#include <boost/asio/this_coro.hpp>

#include "base/text.h"
#include "fetch/alarm.h"
#include "stores/s3/credential_json.h"
#include "stores/s3/http_url.h"
#include "wire/s3_time.h"
#include "wire/s3_xml.h"

namespace sluice::stores::s3 {

namespace {

constexpr Duration kLinkLocalTime = std::chrono::seconds(1);  // container, instance metadata
constexpr Duration kStsTime = std::chrono::seconds(5);
constexpr int kContainerTries = 4;
constexpr int kProfileDepthMax = 5;
constexpr std::size_t kAnswerBytesMax = 64U << 10;
constexpr auto kRenewBeforeExpiry = std::chrono::minutes(5);

std::string form_field(std::string_view name, std::string_view value) {
  return std::string(name) + "=" + percent_encode(value, false);
}

Result<CredentialsPtr> from_json(const std::string& body, std::string source) {
  Result<JsonCredentials> answer = parse_json_credentials(body);
  if (!answer) return fail(answer.error().code(), source + ": " + answer.error().detail());
  return std::make_shared<const Credentials>(std::move(answer->keys), answer->expires,
                                             std::move(source), true);
}

std::string value_of(const Profile& profile, const std::string& key) {
  const auto found = profile.find(key);
  return found == profile.end() ? std::string() : found->second;
}

CredentialsPtr static_keys(const Profile& profile, const std::string& name) {
  wire::SigV4Credentials keys(value_of(profile, "aws_access_key_id"),
                              Secret<std::string>(value_of(profile, "aws_secret_access_key")),
                              Secret<std::string>(value_of(profile, "aws_session_token")));
  if (keys.access_key.empty() || keys.secret_key.reveal().empty()) return nullptr;
  // Somebody may rewrite the file, so asking again can help.
  return std::make_shared<const Credentials>(std::move(keys), std::nullopt,
                                             "profile '" + name + "'", true);
}

// The credentials file wins over the config file, key by key.
Profile load_profile(const CredentialSources& sources, const std::string& name) {
  const std::string home = sources.variable("HOME").value_or("");
  const std::string credentials_file =
      sources.variable("AWS_SHARED_CREDENTIALS_FILE").value_or(home + "/.aws/credentials");
  const std::string config_file =
      sources.variable("AWS_CONFIG_FILE").value_or(home + "/.aws/config");
  Profile merged;
  if (const auto text = sources.read_file(credentials_file)) {
    merged = read_profile(*text, ProfileFile::kCredentials, name);
  }
  if (const auto text = sources.read_file(config_file)) {
    merged.merge(read_profile(*text, ProfileFile::kConfig, name));
  }
  return merged;
}

std::string trimmed_lines(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return std::string(text);
}

fetch::Request request_to(const HttpUrl& url, std::string method, std::string target) {
  fetch::Request request(url.endpoint, std::move(method), std::move(target));
  request.headers.add("Host", url.host_header);
  request.headers.add("Accept", "*/*");
  return request;
}

}  // namespace

// Only one refresh at a time; the others learn of its end, also when it was cancelled.
class CredentialService::Refreshing {
 public:
  explicit Refreshing(CredentialService* service) : service_(service) {
    service_->refreshing_ = true;
  }
  ~Refreshing() {
    service_->refreshing_ = false;
    service_->refreshed_.notify_all();
  }
  Refreshing(const Refreshing&) = delete;
  Refreshing& operator=(const Refreshing&) = delete;

 private:
  CredentialService* const service_;
};

CredentialService::CredentialService(CredentialsPtr fixed, std::string region,
                                     CredentialSources sources, CredentialServices services)
    : fixed_(std::move(fixed)),
      region_(std::move(region)),
      sources_(std::move(sources)),
      services_(services) {}

Task<Result<CredentialsPtr>> CredentialService::get(Deadline deadline) {
  if (fixed_) co_return fixed_;
  const auto executor = co_await boost::asio::this_coro::executor;
  const fetch::Alarm alarm(executor, services_.clock, deadline.at(),
                           [this] { refreshed_.notify_all(); });
  while (true) {
    const Signal::Seen seen = refreshed_.seen();
    if (is_fresh(services_.clock->wall_now())) co_return current_;
    if (!refreshing_) break;
    if (current_ && !refused_) co_return current_;
    if (deadline.passed(services_.clock->now())) {
      co_return fail(Errc::kUnavailable, "credentials did not come in time");
    }
    const std::uint64_t finished_before = refreshes_finished_;
    co_await refreshed_.wait(seen);
    const bool usable = current_ && !refused_;
    if (!usable && finished_before != refreshes_finished_) co_return fail(last_error_);
  }
  const Refreshing only_me(this);
  auto fresh = co_await resolve(deadline);
  ++refreshes_finished_;
  if (fresh) {
    accept(*std::move(fresh));
    co_return current_;
  }
  last_error_ = fresh.error();
  if (current_ && !refused_) {
    keep_old(last_error_);
    co_return current_;
  }
  co_return fail(last_error_);
}

bool CredentialService::refuse(const CredentialsPtr& used) {
  if (fixed_) return false;
  if (current_ != used) return true;  // replaced meanwhile
  if (!used->refreshable) return false;
  refused_ = true;
  return true;
}

bool CredentialService::is_fresh(WallTime now) const {
  return current_ && !refused_ && (!renew_ || now < *renew_);
}

void CredentialService::accept(CredentialsPtr fresh) {
  const WallTime now = services_.clock->wall_now();
  renew_.reset();
  if (fresh->expires) {
    if (*fresh->expires <= now) {
      // The endpoint itself is behind. The store may be too: use them and ask again soon.
      services_.log->warn("the source of credentials gave expired ones",
                          {{"source", fresh->source}});
      renew_ = now + std::chrono::seconds(300 + services_.random->below(300));
    } else {
      renew_ = std::max(*fresh->expires - kRenewBeforeExpiry, now + std::chrono::seconds(30));
    }
  }
  if (!current_ || current_->source != fresh->source) {
    services_.log->info("credentials found", {{"source", fresh->source}});
  }
  current_ = std::move(fresh);
  refused_ = false;
}

void CredentialService::keep_old(const Error& error) {
  const WallTime now = services_.clock->wall_now();
  const bool expired = current_->expires && *current_->expires <= now;
  const std::uint64_t seconds = expired ? 300 : 30;
  renew_ = now + std::chrono::seconds(seconds + services_.random->below(seconds));
  services_.log->warn(
      "credentials could not be renewed; the old ones stay in use",
      {{"source", current_->source}, {"expired", expired}, {"error", error.detail()}});
}

Task<Result<CredentialsPtr>> CredentialService::resolve(Deadline deadline) {
  const std::optional<std::string> profile_name = variable("AWS_PROFILE");
  if (!profile_name) {
    CredentialsPtr found = from_environment();
    if (found) co_return found;
  }
  std::string name = profile_name.value_or("default");
  auto by_profile = co_await from_profile(name, 0, deadline);
  if (by_profile || by_profile.error().code() != Errc::kNotFound) co_return by_profile;
  if (profile_name) co_return fail(Errc::kRejected, by_profile.error().detail());

  const std::optional<std::string> token_file = variable("AWS_WEB_IDENTITY_TOKEN_FILE");
  if (token_file) {
    std::string role = variable("AWS_ROLE_ARN").value_or("");
    std::string session = session_name(variable("AWS_ROLE_SESSION_NAME"));
    co_return co_await from_web_identity(*token_file, role, session, deadline);
  }
  if (variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") ||
      variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
    co_return co_await from_container(deadline);
  }
  const bool no_instance =
      equals_ignoring_case(variable("AWS_EC2_METADATA_DISABLED").value_or(""), "true");
  if (no_instance) {
    co_return fail(Errc::kRejected,
                   "no credentials for the store: none in the configuration, the environment, "
                   "the shared files, by web identity or from a container endpoint, and instance "
                   "metadata is disabled");
  }
  auto by_instance = co_await from_instance(deadline);
  if (by_instance) co_return by_instance;
  co_return fail(by_instance.error().code(),
                 "no credentials for the store in the configuration, the environment, the shared "
                 "files, by web identity or from a container endpoint; " +
                     by_instance.error().detail());
}

Task<Result<CredentialsPtr>> CredentialService::from_profile(std::string name, int depth,
                                                             Deadline deadline) {
  const std::string called = "profile '" + name + "'";
  if (depth >= kProfileDepthMax) {
    co_return fail(Errc::kRejected, called + ": the chain of source profiles is too long");
  }
  Profile profile = load_profile(sources_, name);
  const std::string role = value_of(profile, "role_arn");
  const std::string source_profile = value_of(profile, "source_profile");
  const std::string credential_source = value_of(profile, "credential_source");
  if (!role.empty() && (!source_profile.empty() || !credential_source.empty())) {
    Result<CredentialsPtr> with = fail(Errc::kRejected, called + ": unknown credential_source");
    if (source_profile == name) {
      with = static_keys(profile, name);
      if (!*with) co_return fail(Errc::kRejected, called + " is its own source, without keys");
    } else if (!source_profile.empty()) {
      with = co_await from_profile(source_profile, depth + 1, deadline);
    } else if (credential_source == "Environment") {
      with = from_environment();
      if (!*with) co_return fail(Errc::kRejected, called + ": no keys in the environment");
    } else if (credential_source == "EcsContainer") {
      with = co_await from_container(deadline);
    } else if (credential_source == "Ec2InstanceMetadata") {
      with = co_await from_instance(deadline);
    }
    if (!with && with.error().code() == Errc::kNotFound) {
      co_return fail(Errc::kRejected, called + ": " + with.error().detail());
    }
    if (!with) co_return with;
    CredentialsPtr source = *with;
    co_return co_await assume_role(profile, source, deadline);
  }
  CredentialsPtr keys = static_keys(profile, name);
  if (keys) co_return keys;
  std::string token_file = value_of(profile, "web_identity_token_file");
  if (!role.empty() && !token_file.empty()) {
    std::string wanted = value_of(profile, "role_session_name");
    std::string session = session_name(wanted);
    co_return co_await from_web_identity(token_file, role, session, deadline);
  }
  if (profile.contains("credential_process")) {
    co_return fail(Errc::kRejected, called + " uses credential_process, which is not supported");
  }
  if (profile.contains("sso_session") || profile.contains("sso_start_url")) {
    co_return fail(Errc::kRejected, called + " uses SSO, which is not supported");
  }
  co_return fail(Errc::kNotFound, called + " is not in the shared files, or has no keys there");
}

Task<Result<CredentialsPtr>> CredentialService::from_web_identity(std::string token_file,
                                                                  std::string role,
                                                                  std::string session,
                                                                  Deadline deadline) {
  if (role.empty()) co_return fail(Errc::kRejected, "web identity: AWS_ROLE_ARN is not set");
  // Read at every refresh: the platform replaces the file (S-31).
  auto token = sources_.read_file(token_file);
  if (!token) co_return fail(Errc::kUnavailable, "web identity: " + token.error().detail());
  const std::string jwt = trimmed_lines(*token);
  if (jwt.empty()) co_return fail(Errc::kUnavailable, "web identity: " + token_file + " is empty");
  auto request = sts_request();
  if (!request) co_return fail(request.error());
  request->body =
      Bytes::copy_of(form_field("Action", "AssumeRoleWithWebIdentity") + "&Version=2011-06-15&" +
                     form_field("RoleArn", role) + "&" + form_field("RoleSessionName", session) +
                     "&" + form_field("WebIdentityToken", jwt));
  fetch::Request unsigned_request = *std::move(request);
  co_return co_await ask_sts(std::move(unsigned_request), "web identity", deadline);
}

Task<Result<CredentialsPtr>> CredentialService::assume_role(Profile profile, CredentialsPtr with,
                                                            Deadline deadline) {
  auto request = sts_request();
  if (!request) co_return fail(request.error());
  std::string body =
      form_field("Action", "AssumeRole") + "&Version=2011-06-15&" +
      form_field("RoleArn", value_of(profile, "role_arn")) + "&" +
      form_field("RoleSessionName", session_name(value_of(profile, "role_session_name")));
  const std::string external_id = value_of(profile, "external_id");
  if (!external_id.empty()) body += "&" + form_field("ExternalId", external_id);
  const std::string seconds = value_of(profile, "duration_seconds");
  if (parse_decimal(seconds)) body += "&" + form_field("DurationSeconds", seconds);

  const std::size_t query_at = std::min(request->target.find('?'), request->target.size());
  const std::string path = request->target.substr(0, query_at);
  wire::SigningKeyCache keys;
  // `headers` are those of the request: signing adds to them.
  wire::sign_request("POST", path, {}, request->headers, wire::sha256_hex(body), with->keys,
                     region_, "sts", services_.clock->wall_now(), keys);
  request->target = path;
  request->body = Bytes::copy_of(body);
  fetch::Request signed_request = *std::move(request);
  co_return co_await ask_sts(std::move(signed_request), "assumed role", deadline);
}

Task<Result<CredentialsPtr>> CredentialService::ask_sts(fetch::Request request, std::string source,
                                                        Deadline deadline) {
  auto answer = co_await fetch_quickly(std::move(request), kStsTime, source, deadline);
  if (!answer) co_return fail(answer.error());
  if (answer->status != 200) {
    const auto error = wire::parse_s3_error(answer->body);
    const std::string code = error ? error->code : std::string();
    const bool may_pass = answer->status >= 500 || answer->status == 429 ||
                          code == "IDPCommunicationError" || code.starts_with("Throttling");
    co_return fail(may_pass ? Errc::kUnavailable : Errc::kRejected,
                   source + ": STS answered " + std::to_string(answer->status) + " " + code);
  }
  auto parsed = wire::parse_sts_credentials(answer->body);
  if (!parsed) co_return fail(Errc::kUnavailable, source + ": " + parsed.error().detail());
  wire::SigV4Credentials keys(parsed->access_key, Secret<std::string>(parsed->secret_key),
                              Secret<std::string>(parsed->session_token));
  co_return std::make_shared<const Credentials>(std::move(keys), parsed->expires, std::move(source),
                                                true);
}

Task<Result<CredentialsPtr>> CredentialService::from_container(Deadline deadline) {
  const std::string who = "container credentials";
  std::string text = "http://169.254.170.2";
  if (const auto relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")) {
    text += *relative;
  } else {
    text = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").value_or("");
  }
  const auto url = parse_http_url(text);
  if (!url) co_return fail(Errc::kRejected, who + ": the URI is not a valid http(s) URL");
  if (!may_serve_container_credentials(url->endpoint)) {
    co_return fail(Errc::kRejected, who + ": " + url->endpoint.host +
                                        " is neither https, nor loopback, nor one of the "
                                        "addresses of ECS and EKS");
  }
  std::string authorization = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
  if (const auto file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
    auto token = sources_.read_file(*file);
    if (!token) co_return fail(Errc::kUnavailable, who + ": " + token.error().detail());
    authorization = trimmed_lines(*token);
  }
  if (authorization.find_first_of(std::string("\r\n\0", 3)) != std::string::npos) {
    co_return fail(Errc::kRejected, who + ": the authorization token has line breaks");
  }
  Error last(Errc::kUnavailable, who);
  for (int i = 0; i < kContainerTries; ++i) {
    fetch::Request request = request_to(*url, "GET", url->target);
    if (!authorization.empty()) request.headers.add("Authorization", authorization);
    auto answer = co_await fetch_quickly(std::move(request), kLinkLocalTime, who, deadline);
    if (!answer) {
      last = answer.error();
    } else if (answer->status == 200) {
      co_return from_json(answer->body, who);
    } else {
      last = Error(answer->status >= 500 ? Errc::kUnavailable : Errc::kRejected,
                   who + ": the endpoint answered " + std::to_string(answer->status));
      if (answer->status < 500) break;
    }
  }
  co_return fail(last);
}

Task<Result<CredentialsPtr>> CredentialService::from_instance(Deadline deadline) {
  const std::string who = "instance metadata";
  const bool ipv6 =
      equals_ignoring_case(variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").value_or(""), "IPv6");
  const std::string usual = ipv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
  const auto url = parse_http_url(variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or(usual));
  if (!url) {
    co_return fail(Errc::kRejected, who + ": AWS_EC2_METADATA_SERVICE_ENDPOINT is not a valid URL");
  }
  constexpr std::string_view kRoles = "/latest/meta-data/iam/security-credentials/";
  Error last(Errc::kUnavailable, who);
  // Twice: a 401 says that the token is not good any more.
  for (int i = 0; i < 2; ++i) {
    fetch::Request for_token = request_to(*url, "PUT", "/latest/api/token");
    for_token.headers.add("x-aws-ec2-metadata-token-ttl-seconds", "21600");
    auto token = co_await fetch_quickly(std::move(for_token), kLinkLocalTime, who, deadline);
    if (!token) {
      // From a container one hop behind the host the answer is lost, not refused.
      co_return fail(token.error().code(),
                     token.error().detail() + " (in a container: is its hop limit above 1?)");
    }
    if (token->status != 200) {
      co_return fail(Errc::kUnavailable,
                     who + ": no token, status " + std::to_string(token->status));
    }
    const std::string token_text = trimmed_lines(token->body);
    if (token_text.find_first_of("\r\n") != std::string::npos) {
      co_return fail(Errc::kUnavailable, who + ": malformed token");
    }
    fetch::Request for_role = request_to(*url, "GET", std::string(kRoles));
    for_role.headers.add("x-aws-ec2-metadata-token", token_text);
    auto role = co_await fetch_quickly(std::move(for_role), kLinkLocalTime, who, deadline);
    if (!role) co_return fail(role.error());
    last = Error(Errc::kUnavailable, who + ": status " + std::to_string(role->status));
    if (role->status == 401) continue;
    if (role->status == 404) {
      co_return fail(Errc::kRejected, who + ": the instance has no role");
    }
    if (role->status != 200) break;
    const std::string role_name = trimmed_lines(role->body.substr(0, role->body.find('\n')));
    fetch::Request for_keys =
        request_to(*url, "GET", std::string(kRoles) + percent_encode(role_name, false));
    for_keys.headers.add("x-aws-ec2-metadata-token", token_text);
    auto keys = co_await fetch_quickly(std::move(for_keys), kLinkLocalTime, who, deadline);
    if (!keys) co_return fail(keys.error());
    last = Error(Errc::kUnavailable, who + ": status " + std::to_string(keys->status));
    if (keys->status == 401) continue;
    if (keys->status != 200) break;
    co_return from_json(keys->body, who);
  }
  co_return fail(last);
}

Task<Result<fetch::FullResponse>> CredentialService::fetch_quickly(fetch::Request request,
                                                                   Duration limit, std::string who,
                                                                   Deadline deadline) {
  const Instant end = services_.clock->now() + limit;
  const Deadline soon = deadline.tightened(end);
  auto answer = co_await services_.http->fetch(std::move(request), kAnswerBytesMax, soon);
  if (answer) co_return answer;
  std::string detail = who + ": " + answer.error().detail();
  if (services_.clock->now() >= end) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit).count();
    detail = who + ": no answer within " + std::to_string(seconds) + " s";
  }
  co_return fail(Errc::kUnavailable, std::move(detail));
}

std::optional<std::string> CredentialService::variable(const char* name) const {
  return sources_.variable(name);
}

CredentialsPtr CredentialService::from_environment() const {
  auto access = variable("AWS_ACCESS_KEY_ID");
  auto secret = variable("AWS_SECRET_ACCESS_KEY");
  if (!access || !secret) return nullptr;
  wire::SigV4Credentials keys(*std::move(access), Secret<std::string>(*std::move(secret)),
                              Secret<std::string>(variable("AWS_SESSION_TOKEN").value_or("")));
  return std::make_shared<const Credentials>(
      std::move(keys), wire::parse_iso8601(variable("AWS_CREDENTIAL_EXPIRATION").value_or("")),
      "environment", false);
}

Result<fetch::Request> CredentialService::sts_request() const {
  const std::string region = region_.empty() || region_ == "auto" ? "us-east-1" : region_;
  const std::string usual =
      "https://sts." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn/" : "/");
  const auto url = parse_http_url(variable("AWS_ENDPOINT_URL_STS").value_or(usual));
  if (!url) return fail(Errc::kRejected, "AWS_ENDPOINT_URL_STS is not a valid URL");
  fetch::Request request = request_to(*url, "POST", url->target);
  request.headers.add("Content-Type", "application/x-www-form-urlencoded");
  return request;
}

std::string CredentialService::session_name(std::optional<std::string> wanted) const {
  if (wanted && !wanted->empty()) return *wanted;
  std::array<std::byte, 8> bytes{};
  services_.random->fill(bytes);
  return "sluice-" + hex(bytes);
}

std::optional<std::string> configured_region(const CredentialSources& sources) {
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (auto region = sources.variable(name)) return region;
  }
  const Profile profile =
      load_profile(sources, sources.variable("AWS_PROFILE").value_or("default"));
  std::string region = value_of(profile, "region");
  if (region.empty()) return std::nullopt;
  return region;
}

}  // namespace sluice::stores::s3
