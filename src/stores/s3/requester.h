// Requester: one signed S3 request and its answer.
//
// What it repairs by itself, each at most once per call, because only it can know: the region
// (S-14), the clock offset (S-13) and refused temporary credentials (S-12); what it learned stays
// for later calls. Everything else is answered as an Error in the words of the ObjectStore
// contract (errors.h). No redirect is followed. No secret gets into errors or logs.
//
// Executor: one instance per thread. Cancellation: allowed; the effect is then unknown.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "fetch/http_client.h"
#include "ports/clock.h"
#include "ports/log.h"
#include "ports/metrics.h"
#include "stores/s3/credentials.h"
#include "stores/s3/errors.h"
#include "wire/http_message.h"
#include "wire/s3_request.h"
#include "wire/sigv4.h"

namespace sluice::stores::s3 {

// A body that is produced anew for each attempt.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual std::shared_ptr<fetch::BodyProducer> start() = 0;
  // Why the last producer stopped before its end, if it did.
  virtual const std::optional<Error>& failure() const noexcept = 0;
};

struct Call {
  Call(Operation o, std::string m, std::string k)
      : operation(o), method(std::move(m)), key(std::move(k)) {}
  Operation operation;
  std::string method;
  std::string key;  // full key in the bucket; empty: the bucket itself
  wire::QueryParameters query;
  wire::Headers headers;                 // beyond those of signing; all of them are signed
  Bytes body;                            // resident, or
  std::shared_ptr<BodySource> produced;  // of produced_size bytes
  ByteCount produced_size;
  // x-amz-content-sha256. Not a hash of the body: not covered by the signature.
  std::string payload_hash{wire::kEmptySha256};
  std::size_t answer_max = 4U << 20;  // bytes of body that make sense; more is an error
};

struct Answer {
  Answer() = default;
  int status = 0;
  wire::Headers headers;
  std::string body;
};

struct RequesterServices {
  fetch::HttpClient* http = nullptr;  // not owned, like all of these; they outlive every call
  Clock* clock = nullptr;
  Log* log = nullptr;
  Metrics* metrics = nullptr;
};

class Requester {
 public:
  // `aws`: the host follows from the region. Otherwise address.host stays what it is.
  Requester(wire::S3Address address, bool aws, std::string region,
            std::unique_ptr<CredentialService> credentials, RequesterServices services);
  Requester(const Requester&) = delete;
  Requester& operator=(const Requester&) = delete;

  // A success (2xx) with its whole body, or an error.
  Task<Result<Answer>> call(std::shared_ptr<const Call> call, Deadline deadline);
  // A success whose body the caller reads.
  Task<Result<std::unique_ptr<fetch::Response>>> open(std::shared_ptr<const Call> call,
                                                      Deadline deadline);

 private:
  struct Repairs {
    bool region = false;
    bool clock = false;
    bool credentials = false;
  };
  Task<Result<std::unique_ptr<fetch::Response>>> send(std::shared_ptr<const Call> call,
                                                      Deadline deadline);
  fetch::Request build(const Call& call, const Credentials& credentials);
  bool repair(Repairs& done, const Refusal& refusal, const wire::Headers& headers,
              const std::string& body, const CredentialsPtr& used);
  bool learn_region(const wire::Headers& headers, const std::string& body);
  bool learn_clock(const Refusal& refusal, const wire::Headers& headers);
  void count(const Call& call, std::string_view result, Instant since);

  // Constant after construction.
  const bool aws_;
  const std::unique_ptr<CredentialService> credentials_;
  const RequesterServices services_;

  wire::S3Address address_;
  std::string region_;
  std::chrono::milliseconds clock_offset_{0};  // store's clock minus ours
  wire::SigningKeyCache keys_;
  std::uint32_t fresh_wanted_ = 0;  // after failures: so many requests use a new connection
};

// Reads a body to its end; kTooLarge when it is longer.
Task<Result<std::string>> read_all(fetch::Response* response, std::size_t max, Deadline deadline);

}  // namespace sluice::stores::s3
