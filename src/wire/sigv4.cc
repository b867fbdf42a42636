#include "wire/sigv4.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/check.h"
#include "base/text.h"
#include "wire/s3_time.h"

namespace sluice::wire {

namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::size_t kKeysKept = 16;

// Proxies and the client itself may add or change these; a signature over them would break.
constexpr std::array<std::string_view, 7> kNeverSigned = {
    "accept-encoding", "authorization", "connection",       "content-length",
    "expect",          "user-agent",    "transfer-encoding"};

bool is_never_signed(std::string_view name) {
  return std::any_of(kNeverSigned.begin(), kNeverSigned.end(),
                     [&](std::string_view n) { return equals_ignoring_case(n, name); });
}

// Trimmed, inner runs of blanks reduced to one.
std::string squeezed(std::string_view value) {
  std::string out;
  out.reserve(value.size());
  for (const char c : trim(value)) {
    const bool blank = c == ' ' || c == '\t';
    if (blank && !out.empty() && out.back() == ' ') continue;
    out += blank ? ' ' : c;
  }
  return out;
}

// Lower-case name → value; several fields of one name are joined with commas.
std::map<std::string, std::string> canonical_fields(const Headers& headers) {
  std::map<std::string, std::string> fields;
  for (const Header& header : headers.list()) {
    const auto [at, is_new] = fields.try_emplace(lower(header.name), squeezed(header.value));
    if (!is_new) at->second += "," + squeezed(header.value);
  }
  return fields;
}

std::string join_names(const std::map<std::string, std::string>& fields) {
  std::string names;
  for (const auto& [name, value] : fields) {
    if (!names.empty()) names += ';';
    names += name;
  }
  return names;
}

std::string text_to_sign(std::string_view algorithm, std::string_view date,
                         std::string_view scope) {
  std::string text(algorithm);
  for (const std::string_view line : {date, scope}) {
    text += '\n';
    text += line;
  }
  return text;
}

Sha256 derive(const SigV4Credentials& credentials, std::string_view date, std::string_view region,
              std::string_view service) {
  const std::string start = "AWS4" + credentials.secret_key.reveal();
  const Sha256 by_date = hmac_sha256(as_bytes(start), date);
  const Sha256 by_region = hmac_sha256(by_date, region);
  const Sha256 by_service = hmac_sha256(by_region, service);
  return hmac_sha256(by_service, "aws4_request");
}

std::string make_scope(std::string_view date, std::string_view region, std::string_view service) {
  std::string scope(date);
  for (const std::string_view item : {region, service, std::string_view("aws4_request")}) {
    scope += '/';
    scope += item;
  }
  return scope;
}

}  // namespace

std::string canonical_query(const QueryParameters& parameters) {
  std::vector<std::pair<std::string, std::string>> encoded;
  encoded.reserve(parameters.size());
  for (const auto& [name, value] : parameters) {
    encoded.emplace_back(percent_encode(name, false), percent_encode(value, false));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string query;
  for (const auto& [name, value] : encoded) {
    if (!query.empty()) query += '&';
    query += name;
    query += '=';
    query += value;
  }
  return query;
}

SigningKey::SigningKey(const SigV4Credentials& credentials, std::string_view date,
                       std::string region, std::string_view service)
    : access_key_(credentials.access_key),
      scope_(make_scope(date, region, service)),
      key_(derive(credentials, date, region, service)) {}

std::string SigningKey::sign(std::string_view string_to_sign) const {
  return hex(hmac_sha256(key_, string_to_sign));
}

std::shared_ptr<const SigningKey> SigningKeyCache::get(const SigV4Credentials& credentials,
                                                       std::string_view date,
                                                       const std::string& region,
                                                       std::string_view service) {
  const std::string name = credentials.access_key + "/" + make_scope(date, region, service);
  const std::string secret_hash = sha256_hex(credentials.secret_key.reveal());
  const auto found = keys_.find(name);
  if (found != keys_.end() && found->second.secret_hash == secret_hash) return found->second.key;
  if (keys_.size() >= kKeysKept) keys_.clear();
  auto key = std::make_shared<const SigningKey>(credentials, date, region, service);
  keys_.insert_or_assign(name, Entry{secret_hash, key});
  return key;
}

std::string canonical_request(const SigV4Request& request) {
  const auto fields = canonical_fields(request.headers);
  std::string text(request.method);
  text += '\n';
  text += request.path;
  text += '\n';
  text += canonical_query(request.query);
  text += '\n';
  for (const auto& [name, value] : fields) {
    text += name;
    text += ':';
    text += value;
    text += '\n';
  }
  text += '\n';
  text += join_names(fields);
  text += '\n';
  text += request.payload_hash;
  return text;
}

std::string signed_headers(const Headers& headers) {
  return join_names(canonical_fields(headers));
}

Signature sign(const SigV4Request& request, const SigningKey& key, std::string_view date) {
  std::string text = text_to_sign(kAlgorithm, date, key.scope());
  text += '\n';
  text += sha256_hex(canonical_request(request));
  Signature signature;
  signature.hex = key.sign(text);
  signature.authorization = std::string(kAlgorithm) + " Credential=" + key.access_key() + "/" +
                            key.scope() + ", SignedHeaders=" + signed_headers(request.headers) +
                            ", Signature=" + signature.hex;
  return signature;
}

Signature sign_request(std::string_view method, std::string_view path, const QueryParameters& query,
                       Headers& headers, std::string_view payload_hash,
                       const SigV4Credentials& credentials, const std::string& region,
                       std::string_view service, WallTime now, SigningKeyCache& keys) {
  SLUICE_CHECK(headers.find("host") != nullptr);
  const std::string date = amz_date(now);
  headers.set("x-amz-date", date);
  headers.set("x-amz-content-sha256", std::string(payload_hash));
  if (!credentials.session_token.reveal().empty()) {
    headers.set("x-amz-security-token", credentials.session_token.reveal());
  }
  Headers to_sign;
  for (const Header& header : headers.list()) {
    if (!is_never_signed(header.name)) to_sign.add(header.name, header.value);
  }
  const auto key = keys.get(credentials, std::string_view(date).substr(0, 8), region, service);
  const SigV4Request request{method, path, query, to_sign, payload_hash};
  Signature signature = sign(request, *key, date);
  headers.set("Authorization", signature.authorization);
  return signature;
}

std::string presign(std::string_view method, std::string_view host, std::string_view path,
                    QueryParameters query, const SigV4Credentials& credentials,
                    const std::string& region, WallTime now, std::chrono::seconds expires,
                    SigningKeyCache& keys) {
  SLUICE_CHECK(expires.count() >= 1 && expires.count() <= 604'800);
  const std::string date = amz_date(now);
  const auto key = keys.get(credentials, std::string_view(date).substr(0, 8), region, "s3");
  query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  query.emplace_back("X-Amz-Credential", credentials.access_key + "/" + key->scope());
  query.emplace_back("X-Amz-Date", date);
  query.emplace_back("X-Amz-Expires", std::to_string(expires.count()));
  query.emplace_back("X-Amz-SignedHeaders", "host");
  if (!credentials.session_token.reveal().empty()) {
    query.emplace_back("X-Amz-Security-Token", credentials.session_token.reveal());
  }
  Headers headers;
  headers.add("host", std::string(host));
  const SigV4Request request{method, path, query, headers, kUnsignedPayload};
  const Signature signature = sign(request, *key, date);
  return canonical_query(query) + "&X-Amz-Signature=" + signature.hex;
}

ChunkSigner::ChunkSigner(std::shared_ptr<const SigningKey> key, std::string date, std::string seed)
    : key_(std::move(key)), date_(std::move(date)), previous_(std::move(seed)) {}

std::string ChunkSigner::next(std::span<const std::byte> chunk) {
  std::string text = text_to_sign("AWS4-HMAC-SHA256-PAYLOAD", date_, key_->scope());
  text += '\n';
  text += previous_;
  text += '\n';
  text += kEmptySha256;
  text += '\n';
  text += hex(sha256(chunk));
  previous_ = key_->sign(text);
  return previous_;
}

std::string ChunkSigner::trailer(std::string_view lines) {
  std::string text = text_to_sign("AWS4-HMAC-SHA256-TRAILER", date_, key_->scope());
  text += '\n';
  text += previous_;
  text += '\n';
  text += sha256_hex(lines);
  previous_ = key_->sign(text);
  return previous_;
}

}  // namespace sluice::wire
