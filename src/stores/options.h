// Options of the stores: a parsed and validated store URL plus credentials.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/secret.h"
#include "base/units.h"
#include "wire/checksum.h"

namespace sluice::stores {

struct S3Options {
  std::string bucket;
  std::string prefix;  // empty, or ends with '/'
  std::string region;  // empty: from the environment or "us-east-1"; preset r2: "auto"
  std::string endpoint_host;  // empty: AWS
  std::uint16_t endpoint_port = 0;  // 0: 443 or 80
  bool endpoint_tls = true;
  std::optional<bool> path_style;  // nullopt: the preset's choice
  std::string preset = "generic";  // "aws" when no endpoint is given

  // Static credentials; empty: the provider chain (s3-multipart digest section 9).
  std::string access_key;
  Secret<std::string> secret_key;
  Secret<std::string> session_token;

  // Overrides of the preset; nullopt: the preset's choice.
  std::optional<bool> payload_sha256;  // sign the body's hash: integrity on every store, much CPU
  std::optional<bool> content_md5;
  std::optional<wire::ChecksumKind> checksum;

  std::uint32_t connections_max = 64;  // per thread
  std::chrono::milliseconds connect_timeout{5'000};
};

struct LocalOptions {
  std::string directory;  // absolute
};

using StoreOptions = std::variant<LocalOptions, S3Options>;

struct RetryOptions {
  std::uint32_t attempts_max = 5;               // per call; throttled ones do not count
  std::chrono::milliseconds base{100};          // full jitter in [0, min(cap, base * 2^n)]
  std::chrono::milliseconds throttled_base{1'000};
  std::chrono::milliseconds cap{20'000};
  // A store that throttles is waited for this long without counting attempts, ms.
  std::chrono::milliseconds throttled_patience{30'000};
  double budget_tokens = 100;                   // retries that may be pending as burst, per thread
  double budget_per_success = 0.2;              // refilled by each success
};

}  // namespace sluice::stores
