// Where an S3 request goes and what its parts look like: addressing, object paths, metadata
// headers. Source: s3-multipart digest section 1. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/checksum.h"
#include "wire/http_message.h"

namespace sluice::wire {

// A bucket at an endpoint.
struct S3Address {
  std::string host;  // of the service; without the bucket, an IPv6 literal without brackets
  std::uint16_t port = 443;
  bool tls = true;
  std::string bucket;
  bool path_style = true;
};

// AWS's own host for a region ("s3.eu-west-1.amazonaws.com").
std::string aws_s3_host(std::string_view region);
// True where the bucket's name can't be part of the host name: dots would leave the certificate's
// wildcard, and an address literal has no sub-domains.
bool needs_path_style(const S3Address& address) noexcept;

// What to connect to, and the Host header: the port only if it is not the scheme's own.
std::string s3_connect_host(const S3Address& address);
std::string s3_host_header(const S3Address& address);

// "/bucket/key" or "/key", percent-encoded once, nothing normalized. An empty key is the bucket.
std::string s3_path(const S3Address& address, std::string_view key);

// A value of x-amz-meta-*: printable ASCII as it is; anything beyond ASCII in the form of RFC 2047
// (what S3 itself shows for such values). kInvalidArgument: control characters.
Result<std::string> s3_metadata_value(std::string_view value);
// True for a name that may stand behind "x-amz-meta-": a token of RFC 9110, not empty.
bool is_metadata_name(std::string_view name) noexcept;

// "x-amz-checksum-crc64nvme" and "CRC64NVME".
std::string s3_checksum_header(ChecksumKind kind);
std::string s3_checksum_name(ChecksumKind kind);
// The whole-object or part checksum in an answer's headers, also in Google's x-goog-hash. nullopt:
// none of that kind, or a composite one ("...-2", or type COMPOSITE), which proves nothing to us.
std::optional<Checksum> s3_checksum_in(const Headers& headers, ChecksumKind kind);

}  // namespace sluice::wire
