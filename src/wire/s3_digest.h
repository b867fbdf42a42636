// SHA-256, HMAC-SHA-256 and MD5 as S3 needs them. Through OpenSSL's EVP only. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace sluice::wire {

using Sha256 = std::array<std::byte, 32>;

Sha256 sha256(std::span<const std::byte> bytes);
Sha256 hmac_sha256(std::span<const std::byte> key, std::string_view text);

std::string sha256_hex(std::string_view text);
std::string sha256_hex(const Bytes& bytes);
// The form of Content-MD5.
std::string md5_base64(const Bytes& bytes);

// SHA-256 of nothing, in hex.
inline constexpr std::string_view kEmptySha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

}  // namespace sluice::wire
