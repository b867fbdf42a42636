// The XML bodies of S3: parsed with or without namespace or prefix, with white space before or
// after the declaration, never larger than 4 MiB. Source: s3-multipart digest section 3. Pure.
//
// Every parser answers kInvalidArgument when the body is not the document it expects. A body whose
// root is <Error> is not an answer of any kind: ask parse_s3_error() first, whatever the status
// (CompleteMultipartUpload sends 200 and then an error).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "base/units.h"
#include "wire/checksum.h"

namespace sluice::wire {

inline constexpr std::size_t kS3XmlBytesMax = 4U << 20;

struct S3Error {
  std::string code;
  std::string message;
  std::string region;  // where the request should have gone; may be empty
  std::string request_id;
};
// nullopt: the body is not an <Error>. STS's <ErrorResponse><Error> counts as one.
std::optional<S3Error> parse_s3_error(std::string_view body);

// True if there is nothing but white space (and perhaps a declaration): the outcome never came.
bool is_blank_xml(std::string_view body) noexcept;

Result<MultipartId> parse_initiate_result(std::string_view body);

struct CompleteResult {
  ETag etag;                          // empty on some servers
  std::optional<Checksum> crc64nvme;  // whole-object ones only
  std::optional<Checksum> crc32c;
};
Result<CompleteResult> parse_complete_result(std::string_view body);

struct PartsPage {
  struct Part {
    std::uint32_t number = 0;
    ETag etag;
    ByteCount size;
  };
  std::vector<Part> parts;
  std::optional<std::uint32_t> next;  // part-number-marker of the next page
};
Result<PartsPage> parse_parts_page(std::string_view body);

struct UploadsPage {
  struct Upload {
    std::string key;
    MultipartId id;
    WallTime initiated;  // the epoch if the server gave none
  };
  std::vector<Upload> uploads;
  std::optional<std::pair<std::string, std::string>> next;  // key-marker, upload-id-marker
};
Result<UploadsPage> parse_uploads_page(std::string_view body);

struct ObjectsPage {
  struct Object {
    std::string key;
    ByteCount size;
    WallTime modified;
  };
  std::vector<Object> objects;
  std::optional<std::string> next;  // continuation-token
};
Result<ObjectsPage> parse_objects_page(std::string_view body);

// Temporary credentials of STS (AssumeRole, AssumeRoleWithWebIdentity).
struct StsCredentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;
  std::optional<WallTime> expires;
};
Result<StsCredentials> parse_sts_credentials(std::string_view body);

struct CompletedPart {
  std::uint32_t number = 0;
  std::string etag;                  // quotes included
  std::optional<Checksum> checksum;  // nullopt: not mentioned
};
std::string write_complete_request(const std::vector<CompletedPart>& parts);

}  // namespace sluice::wire
