// AWS Signature Version 4: header form, query form (presigned URLs), streaming chunks.
// Source: s3-multipart digest section 2 (vectors there; rows S-01, S-03, S-04).
//
// Pure: the time is an argument. Encoding is S3's: the path is percent-encoded once and signed as
// it is sent. Secrets never leave except as signatures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "base/time.h"
#include "wire/http_message.h"
#include "wire/s3_digest.h"

namespace sluice::wire {

// Values of x-amz-content-sha256 that are not a hash.
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
inline constexpr std::string_view kStreamingPayload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
inline constexpr std::string_view kStreamingPayloadTrailer =
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";

struct SigV4Credentials {
  SigV4Credentials() = default;
  SigV4Credentials(std::string access, Secret<std::string> secret, Secret<std::string> token)
      : access_key(std::move(access)),
        secret_key(std::move(secret)),
        session_token(std::move(token)) {}
  std::string access_key;
  Secret<std::string> secret_key;
  Secret<std::string> session_token;  // empty: none
};

// Names and values before encoding; order does not matter.
using QueryParameters = std::vector<std::pair<std::string, std::string>>;

// "a=1&b=2": encoded, sorted by encoded name, then value. A parameter without value is "uploads=".
// Sent as it is signed.
std::string canonical_query(const QueryParameters& parameters);

// A derived key: good for one day, region, service and credential.
class SigningKey {
 public:
  SigningKey(const SigV4Credentials& credentials, std::string_view date, std::string region,
             std::string_view service);
  const std::string& access_key() const noexcept { return access_key_; }
  const std::string& scope() const noexcept {
    return scope_;
  }                                                         // "20130524/us-east-1/s3/aws4_request"
  std::string sign(std::string_view string_to_sign) const;  // lower-case hex
  const Sha256& reveal() const noexcept { return key_; }    // for tests

 private:
  std::string access_key_;
  std::string scope_;
  Sha256 key_;
};

// Keeps derived keys: four HMACs less per request. One owner, one thread. Holds a handful of keys;
// those of earlier days and credentials are dropped.
class SigningKeyCache {
 public:
  std::shared_ptr<const SigningKey> get(const SigV4Credentials& credentials, std::string_view date,
                                        const std::string& region, std::string_view service);

 private:
  struct Entry {
    std::string secret_hash;  // so that a rotated secret under the same key id is noticed
    std::shared_ptr<const SigningKey> key;
  };
  std::map<std::string, Entry> keys_;  // by access key and scope
};

struct SigV4Request {
  std::string_view method;
  std::string_view path;  // absolute, percent-encoded once
  const QueryParameters& query;
  const Headers& headers;         // exactly those to be signed, Host among them
  std::string_view payload_hash;  // value of x-amz-content-sha256
};

// Section 2.1. Exposed for tests and for `sluice check`.
std::string canonical_request(const SigV4Request& request);
std::string signed_headers(const Headers& headers);  // "host;x-amz-date"

struct Signature {
  std::string hex;
  std::string authorization;  // value of the Authorization header
};
// Signs what it is given and adds nothing. `date` is the value of x-amz-date.
Signature sign(const SigV4Request& request, const SigningKey& key, std::string_view date);

// Adds x-amz-date, x-amz-content-sha256, x-amz-security-token and Authorization to `headers`, and
// signs every header in it except those a proxy may change (accept-encoding, user-agent,
// connection, expect, transfer-encoding, content-length).
// Precondition: `headers` has Host.
Signature sign_request(std::string_view method, std::string_view path, const QueryParameters& query,
                       Headers& headers, std::string_view payload_hash,
                       const SigV4Credentials& credentials, const std::string& region,
                       std::string_view service, WallTime now, SigningKeyCache& keys);

// Query form: the query string of a presigned URL, signature last. Signs Host only.
// Precondition: 1 s <= expires <= 604800 s.
std::string presign(std::string_view method, std::string_view host, std::string_view path,
                    QueryParameters query, const SigV4Credentials& credentials,
                    const std::string& region, WallTime now, std::chrono::seconds expires,
                    SigningKeyCache& keys);

// Signatures of the chunks of an aws-chunked body, in order (section 2.3).
class ChunkSigner {
 public:
  // `seed`: the signature of the request itself.
  ChunkSigner(std::shared_ptr<const SigningKey> key, std::string date, std::string seed);
  std::string next(std::span<const std::byte> chunk);
  // `lines`: the trailer as "name:value\n" for each.
  std::string trailer(std::string_view lines);

 private:
  std::shared_ptr<const SigningKey> key_;
  std::string date_;
  std::string previous_;
};

}  // namespace sluice::wire
