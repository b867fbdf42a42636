// CRC-64/NVME and CRC-32C over upload bytes, and their combination: crc(A‖B) from crc(A), crc(B)
// and |B|, so that parts may arrive in any order and each byte is read once.
// Source: s3-multipart digest section 5 (vectors there; row S-05). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/units.h"

namespace sluice::wire {

enum class ChecksumKind : std::uint8_t { kCrc64Nvme, kCrc32c };

std::string_view to_string(ChecksumKind kind) noexcept;  // "crc64nvme", "crc32c"
std::optional<ChecksumKind> checksum_kind(std::string_view name) noexcept;

// A finished checksum of a known number of bytes.
class Checksum {
 public:
  Checksum() = default;
  Checksum(ChecksumKind kind, std::uint64_t value) : kind_(kind), value_(value) {}
  static Checksum of_nothing(ChecksumKind kind) { return Checksum(kind, 0); }
  static Checksum of(ChecksumKind kind, std::span<const std::byte> bytes);
  static Checksum of(ChecksumKind kind, const Bytes& bytes);

  ChecksumKind kind() const noexcept { return kind_; }
  std::uint64_t value() const noexcept { return value_; }
  bool operator==(const Checksum&) const = default;

  // Continues: the checksum of everything so far followed by `bytes`.
  Checksum extended(std::span<const std::byte> bytes) const;
  Checksum extended(const Bytes& bytes) const;

  // base64 of the big-endian bytes (8 or 4), the form of x-amz-checksum-* and JSON results.
  std::string base64() const;
  static std::optional<Checksum> from_base64(ChecksumKind kind, std::string_view text);

 private:
  ChecksumKind kind_ = ChecksumKind::kCrc64Nvme;
  std::uint64_t value_ = 0;
};

// The checksum of A followed by B. Precondition: the same kind. O(log length_of_b).
Checksum combine(const Checksum& a, const Checksum& b, ByteCount length_of_b);

}  // namespace sluice::wire
