// Metrics: what the modules count. Names and meaning: docs/metrics.md. Label values come from small
// fixed sets, never from clients. Thread-safe; cheap enough for each request, not for each read.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/time.h"
#include "base/units.h"

namespace sluice {

class Metrics {
 public:
  virtual ~Metrics() = default;

  // Front. protocol: "put308", "admin", "none"; code: HTTP status, 0 if nobody was there to answer.
  virtual void http_request(std::string_view protocol, std::string_view method, int code,
                            Duration took) = 0;
  virtual void connection_opened() = 0;
  virtual void connection_closed() = 0;
  virtual void received(ByteCount bytes) = 0;   // upload bytes read from clients
  virtual void stored(ByteCount bytes) = 0;     // upload bytes that became durable
  virtual void discarded(std::string_view reason, ByteCount bytes) = 0;  // overlap, abandoned

  // Engine. outcome: "completed", "failed", "aborted", "expired".
  virtual void upload_created() = 0;
  virtual void upload_finished(std::string_view outcome) = 0;
  virtual void upload_resumed() = 0;
  virtual void parked(ByteCount bytes) = 0;

  // Stores. operation: "UploadPart" …; result: "ok", an S3-independent error word, or a status.
  virtual void store_request(std::string_view operation, std::string_view result,
                             Duration took) = 0;
  virtual void store_retry(std::string_view operation) = 0;

  // Hooks. result: "allow", "deny", "error".
  virtual void auth_request(std::string_view result, Duration took) = 0;

  // Cleaner.
  virtual void swept(std::uint64_t uploads, ByteCount bytes) = 0;
  virtual void orphans(std::uint64_t multiparts, ByteCount bytes) = 0;
};

}  // namespace sluice
