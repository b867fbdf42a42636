#include "wire/s3_request.h"

#include <algorithm>

#include "base/text.h"

namespace sluice::wire {

namespace {

bool is_address_literal(std::string_view host) noexcept {
  if (host.find(':') != std::string_view::npos) return true;
  return !host.empty() && std::all_of(host.begin(), host.end(),
                                      [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

bool is_token_char(char c) noexcept {
  constexpr std::string_view kSymbols = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kSymbols.find(c) != std::string_view::npos;
}

// "crc32c=AAAAAA==,md5=..." → the value of crc32c.
std::optional<std::string_view> goog_hash(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view item = trim(list.substr(0, comma));
    if (item.size() > name.size() && item.starts_with(name) && item[name.size()] == '=') {
      return item.substr(name.size() + 1);
    }
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return std::nullopt;
}

}  // namespace

std::string aws_s3_host(std::string_view region) {
  std::string host = "s3.";
  host += region;
  host += ".amazonaws.com";
  if (region.starts_with("cn-")) host += ".cn";
  return host;
}

bool needs_path_style(const S3Address& address) noexcept {
  return is_address_literal(address.host) ||
         (address.tls && address.bucket.find('.') != std::string::npos);
}

std::string s3_connect_host(const S3Address& address) {
  return address.path_style ? address.host : address.bucket + "." + address.host;
}

std::string s3_host_header(const S3Address& address) {
  std::string host = s3_connect_host(address);
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  const std::uint16_t usual = address.tls ? 443 : 80;
  if (address.port != usual) host += ":" + std::to_string(address.port);
  return host;
}

std::string s3_path(const S3Address& address, std::string_view key) {
  std::string path = "/";
  if (address.path_style) {
    path += percent_encode(address.bucket, false);
    if (key.empty()) return path;
    path += '/';
  }
  path += percent_encode(key, true);
  return path;
}

Result<std::string> s3_metadata_value(std::string_view value) {
  bool ascii = true;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7f) {
      return fail(Errc::kInvalidArgument, "control character in a metadata value");
    }
    ascii = ascii && byte < 0x80;
  }
  if (ascii) return std::string(value);
  return "=?UTF-8?B?" + base64(as_bytes(value)) + "?=";
}

bool is_metadata_name(std::string_view name) noexcept {
  return !name.empty() && std::all_of(name.begin(), name.end(), is_token_char);
}

std::string s3_checksum_header(ChecksumKind kind) {
  return "x-amz-checksum-" + std::string(to_string(kind));
}

std::string s3_checksum_name(ChecksumKind kind) {
  return kind == ChecksumKind::kCrc64Nvme ? "CRC64NVME" : "CRC32C";
}

std::optional<Checksum> s3_checksum_in(const Headers& headers, ChecksumKind kind) {
  const std::string* type = headers.find("x-amz-checksum-type");
  if (type != nullptr && equals_ignoring_case(*type, "COMPOSITE")) return std::nullopt;
  if (const std::string* value = headers.find(s3_checksum_header(kind))) {
    return Checksum::from_base64(kind, *value);
  }
  if (kind == ChecksumKind::kCrc32c) {
    for (const Header& header : headers.list()) {
      if (!equals_ignoring_case(header.name, "x-goog-hash")) continue;
      if (const auto value = goog_hash(header.value, "crc32c")) {
        return Checksum::from_base64(kind, *value);
      }
    }
  }
  return std::nullopt;
}

}  // namespace sluice::wire
