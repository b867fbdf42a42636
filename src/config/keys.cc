#include "config/keys.h"

#include <chrono>
#include <utility>

#include "config/address.h"
#include "config/key_kinds.h"
#include "config/value_checks.h"
#include "wire/checksum.h"

namespace sluice::config {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kKiB = 1ULL << 10;
constexpr std::uint64_t kMiB = 1ULL << 20;
constexpr std::uint64_t kGiB = 1ULL << 30;
constexpr std::uint64_t kTiB = 1ULL << 40;

// --- keys with a syntax of their own

template <class Field>
Key listener_key(std::string name, Field field, std::string help) {
  Key key;
  key.name = std::move(name);
  key.type = ValueType::kText;
  key.help = std::move(help);
  key.legal = "ADDRESS:PORT";
  key.set = [field](Draft& draft, const std::string& text) -> Result<Ok> {
    SLUICE_TRY(field(draft), parse_listener(text));
    return Ok{};
  };
  key.show = [field](const Draft& draft) { return to_string(at(field, draft)); };
  return key;
}

Key checksum_key(std::string help) {
  Key key;
  key.name = "checksum";
  key.type = ValueType::kChoice;
  key.help = std::move(help);
  key.legal = "crc64nvme, crc32c";
  key.set = [](Draft& draft, const std::string& text) -> Result<Ok> {
    const auto kind = wire::checksum_kind(text);
    if (!kind) return wrong("\"" + text + "\" is not possible; choose crc64nvme or crc32c");
    // Engine and store must speak of the same sum.
    draft.options.engine.checksum = kind;
    draft.s3.checksum = kind;
    return Ok{};
  };
  key.show = [](const Draft& draft) -> std::string {
    const auto& kind = draft.options.engine.checksum;
    return kind ? std::string(wire::to_string(*kind)) : "";
  };
  return key;
}

Key route_key(std::string help) {
  Key key;
  key.name = "route";
  key.type = ValueType::kRoutes;
  key.help = std::move(help);
  key.legal = "PREFIX=DIALECT,…; dialect default, vimeo or tus";
  key.set = [](Draft& draft, const std::string& text) -> Result<Ok> {
    SLUICE_TRY(draft.options.http.routes, parse_routes(text));
    return Ok{};
  };
  key.show = [](const Draft& draft) { return format_routes(draft.options.http.routes); };
  return key;
}

Key auth_url_key(std::string help) {
  Key key;
  key.name = "auth_url";
  key.type = ValueType::kText;
  key.help = std::move(help);
  key.legal = "http:// or https://";
  key.set = [](Draft& draft, const std::string& text) -> Result<Ok> {
    SLUICE_TRY_OK(check_auth_url(text));
    draft.options.auth.url = text;
    return Ok{};
  };
  key.show = [](const Draft& draft) { return draft.options.auth.url; };
  return key;
}

// The place of a field inside a Draft.
#define SLUICE_FIELD(path)     \
  [](Draft & draft) -> auto& { \
    return draft.path;         \
  }

std::vector<Key> make_keys() {
  using hooks::AuthOptions;
  using LogFormat = ProgramOptions::LogFormat;
  std::vector<Key> table;
  std::string section;
  const auto add = [&](Key key) {
    key.section = section;
    table.push_back(std::move(key));
  };

  section = "Listening";
  add(listener_key("listen", SLUICE_FIELD(options.listen),
                   "Where clients connect. Port 0 takes any free port and prints it."));
  add(listener_key("admin_listen", SLUICE_FIELD(options.admin),
                   "Where `/metrics`, `/livez` and `/readyz` are served. It has no authorization: "
                   "keep it on loopback or on a private network."));
  add(text_key(
      "tls.certificate", SLUICE_FIELD(options.tls_certificate),
      "PEM file with the certificate and its chain. Without it clients speak plain HTTP."));
  add(text_key("tls.key", SLUICE_FIELD(options.tls_key), "PEM file with the certificate's key."));
  add(integer_key("threads", SLUICE_FIELD(options.threads), 0, 1024,
                  "Threads that serve connections; 0 means one per core."));
  add(duration_key("drain_timeout", SLUICE_FIELD(options.drain_timeout), milliseconds(0),
                   std::chrono::hours(1),
                   "After SIGTERM: how long running uploads may go on before their tails are "
                   "stored and their connections are closed."));

  section = "Store and state";
  add(text_key("store", SLUICE_FIELD(store_url),
               "Where finished objects go: "
               "`s3://BUCKET[/PREFIX]?region=…&endpoint=…&path_style=true&preset=…`, "
               "`file:///DIR`, or `file:DIR` relative to the working directory."));
  add(text_key("state", SLUICE_FIELD(state_url),
               "The database that remembers unfinished uploads: `sqlite:///FILE`, or `sqlite:FILE` "
               "relative to the working directory. It must survive a restart."));
  add(secret_key("s3.access_key", SLUICE_FIELD(s3.access_key),
                 "Access key of the bucket. Without it the usual AWS chain is asked."));
  add(secret_key("s3.secret_key", SLUICE_FIELD(s3.secret_key), "Secret key of the bucket."));
  add(secret_key("s3.session_token", SLUICE_FIELD(s3.session_token),
                 "Session token that belongs to temporary keys."));
  add(bool_key("s3.payload_sha256", SLUICE_FIELD(s3.payload_sha256),
               "Sign the SHA-256 of every body: integrity on every store, for much CPU."));
  add(bool_key("s3.content_md5", SLUICE_FIELD(s3.content_md5),
               "Send Content-MD5 with every part, for stores that check nothing else."));
  add(checksum_key("Checksum that is computed over the bytes and checked by the store."));
  add(integer_key("s3.connections_max", SLUICE_FIELD(s3.connections_max), 1, 10'000,
                  "Connections to the store, per thread."));
  add(duration_key("s3.connect_timeout", SLUICE_FIELD(s3.connect_timeout), milliseconds(100),
                   seconds(60), "Time to reach the store."));
  add(duration_key("store_timeout", SLUICE_FIELD(options.engine.store_timeout), seconds(1),
                   std::chrono::hours(1), "One call of the store."));
  add(duration_key("complete_timeout", SLUICE_FIELD(options.engine.complete_timeout), seconds(1),
                   std::chrono::hours(24),
                   "The completion call, which may take minutes on a large object."));

  section = "Authorization";
  add(choice_key<AuthOptions::Mode>(
      "auth", SLUICE_FIELD(options.auth.mode),
      {{"none", AuthOptions::Mode::kNone}, {"forward", AuthOptions::Mode::kForward}},
      "Who may upload. It must be chosen: `forward` asks `auth_url`; `none` lets everybody in and "
      "is refused on an address that others can reach."));
  add(auth_url_key("The application's URL that is asked before an upload (`forward`)."));
  add(duration_key("auth_timeout", SLUICE_FIELD(options.auth.timeout), milliseconds(100),
                   seconds(60), "Time for one answer of the application."));
  add(list_key("auth_headers", SLUICE_FIELD(options.auth.forward_headers), check_header_name,
               "Headers of the client that the application is shown."));
  add(bool_key("insecure_no_auth", SLUICE_FIELD(options.insecure_no_auth),
               "Allow `auth = \"none\"` on an address that others can reach: anybody may then fill "
               "your store."));

  section = "Uploads";
  add(size_key("memory_budget", SLUICE_FIELD(options.engine.memory_budget), 4 * kMiB, 16 * kTiB, 1,
               "Upload bytes in memory, all uploads together. Too small: clients wait and tails "
               "are parked in the store more often. The process needs this and some tens of KiB "
               "per connection."));
  add(size_key("part_size", SLUICE_FIELD(options.engine.part_size), 256 * kKiB, 5 * kGiB,
               256 * kKiB,
               "Size of a part. Larger: fewer store requests, more memory per upload and more to "
               "send again after a failure. S3 wants at least 5MiB."));
  add(integer_key("parts_in_flight", SLUICE_FIELD(options.engine.parts_in_flight), 1, 64,
                  "Parts of one upload that are on their way to the store at once."));
  add(size_key("max_size", SLUICE_FIELD(options.engine.size_max), 1, 48 * kTiB, 1,
               "Largest object accepted; more is refused with 413."));
  add(duration_key("linger", SLUICE_FIELD(options.engine.linger), milliseconds(0), seconds(600),
                   "How long the tail of a client that vanished waits in memory for its return "
                   "before it is parked in the store."));
  add(duration_key("complete_wait", SLUICE_FIELD(options.engine.complete_wait), seconds(1),
                   std::chrono::hours(1),
                   "How long a request waits for the completion before it is told to ask again "
                   "(503 with Retry-After)."));
  Key expire = duration_key("expire_after", SLUICE_FIELD(options.engine.expire_after), seconds(1),
                            std::chrono::hours(24 * 365),
                            "An upload without progress for this long is removed by the sweeper.");
  expire.set = [set = expire.set](Draft& draft, const std::string& text) -> Result<Ok> {
    SLUICE_TRY_OK(set(draft, text));
    draft.options.cleaner.expire_after = draft.options.engine.expire_after;
    return Ok{};
  };
  add(std::move(expire));
  add(duration_key("keep_finished", SLUICE_FIELD(options.cleaner.keep_finished),
                   std::chrono::hours(24), std::chrono::hours(24 * 365),
                   "How long the result of a finished upload can still be asked for."));

  section = "HTTP";
  add(
      route_key("Where uploads are accepted, and in which dialect; in the file `[[route]]` with "
                "`prefix` and `dialect`."));
  add(bool_key("http.forwarded", SLUICE_FIELD(options.http.forwarded),
               "Believe `X-Forwarded-Proto` and `X-Forwarded-Host` when an answer holds an absolute "
               "address. Only behind a proxy that sets them itself."));
  add(bool_key("http.interim", SLUICE_FIELD(options.http.interim),
               "Tell clients of the IETF protocol that ask for it their upload's address and progress "
               "while they send (104). Switch it off behind a proxy that breaks on it."));
  add(size_key("http.header_bytes_max", SLUICE_FIELD(options.http.header_bytes_max), kKiB, kMiB, 1,
               "Request line and headers together; more is refused with 431."));
  add(duration_key("http.header_timeout", SLUICE_FIELD(options.http.header_timeout), seconds(1),
                   seconds(600), "Time to receive a whole request head."));
  add(duration_key("http.idle_timeout", SLUICE_FIELD(options.http.idle_timeout), seconds(1),
                   std::chrono::hours(24), "An idle connection is closed after this."));
  add(duration_key("http.body_timeout", SLUICE_FIELD(options.http.body_timeout), seconds(1),
                   std::chrono::hours(1),
                   "A body must make some progress in this time. Never a limit on the whole "
                   "transfer."));
  add(duration_key("http.write_timeout", SLUICE_FIELD(options.http.write_timeout), seconds(1),
                   std::chrono::hours(1), "Time for a client to take an answer."));
  add(size_key("http.drain_bytes", SLUICE_FIELD(options.http.drain_bytes), 0, 64 * kMiB, 1,
               "After an early refusal: how much of the body is read and thrown away, so that the "
               "client sees the answer."));
  add(duration_key("http.drain_time", SLUICE_FIELD(options.http.drain_time), milliseconds(0),
                   seconds(60), "The same, as a time."));
  add(integer_key("http.connections_max", SLUICE_FIELD(options.http.connections_max), 1, 1'000'000,
                  "Connections at once; more are refused with 503."));
  add(size_key("http.receive_batch", SLUICE_FIELD(options.http.receive_batch), 4 * kKiB, 16 * kMiB,
               1, "Bytes of one receive call."));
  add(duration_key("http.auth_deadline", SLUICE_FIELD(options.http.auth_deadline),
                   milliseconds(100), seconds(600),
                   "How long a request waits for its authorization, retries included."));
  add(list_key("cors.origins", SLUICE_FIELD(options.http.cors_origins), check_origin,
               "Origins whose pages may upload; `*` allows all. Empty: no page of another origin "
               "may."));

  add(list_key("form.redirects", SLUICE_FIELD(options.http.form_redirects), check_redirect,
               "Where a form's field `redirect_to` may send the browser afterwards: beginnings of "
               "absolute addresses, for example `https://app.example/`."));
  add(text_key(
      "google.bucket", SLUICE_FIELD(options.http.google_bucket),
      "Serve Google's JSON upload API below `/upload/storage/v1/b/BUCKET/o` under this "
      "bucket name; `*` takes any name. Empty: off. The objects go to `store`. `checksum` is "
      "crc32c then, unless it is set, because Google's clients compare it."));

  section = "Retries towards the store";
  add(integer_key("retry.attempts_max", SLUICE_FIELD(options.store_retry.attempts_max), 1, 100,
                  "Attempts of one call; those that the store throttles in the first 30 s do not "
                  "count."));
  add(duration_key("retry.base", SLUICE_FIELD(options.store_retry.base), milliseconds(1),
                   seconds(60), "First pause; it doubles, with full jitter."));
  add(duration_key("retry.throttled_base", SLUICE_FIELD(options.store_retry.throttled_base),
                   milliseconds(1), seconds(60), "First pause when the store says \"slow down\"."));
  add(duration_key("retry.cap", SLUICE_FIELD(options.store_retry.cap), milliseconds(1),
                   seconds(600), "Longest pause."));
  add(real_key("retry.budget_tokens", SLUICE_FIELD(options.store_retry.budget_tokens), 0, 1e6,
               "Retries that may happen in a burst, per thread, so that a store that is down is "
               "not beaten."));
  add(real_key("retry.budget_per_success", SLUICE_FIELD(options.store_retry.budget_per_success), 0,
               100, "Refilled by each success."));

  section = "Sweeper";
  add(duration_key("sweep.interval", SLUICE_FIELD(options.cleaner.interval), seconds(1),
                   std::chrono::hours(24 * 7), "Time between two sweeps."));
  add(duration_key("sweep.grace", SLUICE_FIELD(options.cleaner.grace), seconds(1),
                   std::chrono::hours(24 * 365),
                   "What the store holds and the state database does not know is left alone until "
                   "it is this old."));
  add(bool_key("sweep.exclusive", SLUICE_FIELD(options.cleaner.exclusive),
               "The store's prefix belongs to Sluice alone, so that orphans found there may be "
               "removed. Otherwise they are only reported."));

  section = "Logs";
  add(choice_key<LogLevel>("log_level", SLUICE_FIELD(options.log_level),
                           {{"debug", LogLevel::kDebug},
                            {"info", LogLevel::kInfo},
                            {"warn", LogLevel::kWarn},
                            {"error", LogLevel::kError}},
                           "Least important lines that are written."));
  add(choice_key<LogFormat>(
      "log_format", SLUICE_FIELD(options.log_format),
      {{"auto", LogFormat::kAuto}, {"text", LogFormat::kText}, {"json", LogFormat::kJson}},
      "`auto`: text when stderr is a terminal, JSON otherwise."));
  return table;
}

#undef SLUICE_FIELD

}  // namespace

const std::vector<Key>& keys() {
  static const std::vector<Key> table = make_keys();
  return table;
}

const Key* find_key(std::string_view name) {
  for (const Key& key : keys()) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

std::string env_name(std::string_view key) {
  std::string name = "SLUICE_";
  for (const char c : key) {
    if (c == '.') {
      name += '_';
    } else {
      name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
  }
  return name;
}

std::string_view to_string(ValueType type) noexcept {
  switch (type) {
    case ValueType::kText:
      return "text";
    case ValueType::kChoice:
      return "choice";
    case ValueType::kInteger:
      return "number";
    case ValueType::kReal:
      return "number";
    case ValueType::kBool:
      return "true/false";
    case ValueType::kSize:
      return "size";
    case ValueType::kDuration:
      return "duration";
    case ValueType::kList:
      return "list";
    case ValueType::kRoutes:
      return "routes";
  }
  return "text";
}

}  // namespace sluice::config
