// What a failed S3 request means to us. By the error's Code first, then by the status. Pure.
// Source: s3-multipart digest section 7; object-stores notes ("What that means for the gateway").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/http_message.h"
#include "wire/s3_xml.h"

namespace sluice::stores::s3 {

enum class Operation : std::uint8_t {
  kPutObject,
  kHeadObject,
  kGetObject,
  kDeleteObject,
  kCreateMultipartUpload,
  kUploadPart,
  kCompleteMultipartUpload,
  kAbortMultipartUpload,
  kListParts,
  kListMultipartUploads,
  kListObjects,
};
std::string_view to_string(Operation operation) noexcept;  // "UploadPart"
// True if repeating or losing it changes nothing in the store.
bool only_reads(Operation operation) noexcept;

// An answer that is not a success. `code` may be empty (HEAD has no body, proxies send HTML).
struct Refusal {
  Operation operation = Operation::kHeadObject;
  int status = 0;
  std::string code;
  std::string message;
  std::string request_id;
  bool temporary_credentials = false;  // those that signed the request
};
Refusal make_refusal(Operation operation, int status, const wire::Headers& headers,
                     std::string_view body, bool temporary_credentials);

Errc classify(const Refusal& refusal) noexcept;
// "UploadPart: 503 SlowDown, request tx01": Code and request id, never the store's message, which
// may repeat what was signed.
Error to_error(const Refusal& refusal);

// Failures of the transport: what the HTTP client says, in the words of the ObjectStore contract.
Error to_error(Operation operation, const Error& transport);

// Reasons to repair something on our side and to try once more (rows S-12, S-13, S-14).
bool is_wrong_region(const Refusal& refusal) noexcept;
bool may_be_clock_skew(const Refusal& refusal) noexcept;
bool is_refused_token(const Refusal& refusal) noexcept;

}  // namespace sluice::stores::s3
