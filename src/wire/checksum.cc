#include "wire/checksum.h"

#include <algorithm>
#include <array>

#include <isa-l/crc.h>

#include "base/check.h"
#include "base/text.h"
#include "wire/crc64.h"
#include "wire/gf2.h"

namespace sluice::wire {

namespace {

constexpr std::uint32_t kCrc32cPolynomial = 0x82F63B78U;
using Field32 = gf2::Field<std::uint32_t, kCrc32cPolynomial>;
using Field64 = gf2::Field<std::uint64_t, crc64::kPolynomial>;

// ISA-L's crc32_iscsi works on the raw register (no inversion at either end), takes an int length
// and a pointer to non-const that it does not write through.
std::uint32_t crc32c_update(std::uint32_t state, std::span<const std::byte> bytes) {
  constexpr std::size_t kBytesMax = 1U << 30;
  while (!bytes.empty()) {
    const std::size_t n = std::min(bytes.size(), kBytesMax);
    auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data()));
    state = crc32_iscsi(data, static_cast<int>(n), state);
    bytes = bytes.subspan(n);
  }
  return state;
}

std::size_t width(ChecksumKind kind) noexcept {
  return kind == ChecksumKind::kCrc64Nvme ? 8 : 4;
}

}  // namespace

std::string_view to_string(ChecksumKind kind) noexcept {
  switch (kind) {
    case ChecksumKind::kCrc64Nvme:
      return "crc64nvme";
    case ChecksumKind::kCrc32c:
      return "crc32c";
  }
  return "";
}

std::optional<ChecksumKind> checksum_kind(std::string_view name) noexcept {
  if (equals_ignoring_case(name, "crc64nvme")) return ChecksumKind::kCrc64Nvme;
  if (equals_ignoring_case(name, "crc32c")) return ChecksumKind::kCrc32c;
  return std::nullopt;
}

Checksum Checksum::of(ChecksumKind kind, std::span<const std::byte> bytes) {
  return of_nothing(kind).extended(bytes);
}

Checksum Checksum::of(ChecksumKind kind, const Bytes& bytes) {
  return of_nothing(kind).extended(bytes);
}

Checksum Checksum::extended(std::span<const std::byte> bytes) const {
  if (kind_ == ChecksumKind::kCrc64Nvme) {
    return Checksum(kind_, ~crc64::update(~value_, bytes));
  }
  return Checksum(kind_, ~crc32c_update(~static_cast<std::uint32_t>(value_), bytes));
}

Checksum Checksum::extended(const Bytes& bytes) const {
  Checksum sum = *this;
  for (const Slice& slice : bytes.slices()) sum = sum.extended(slice.span());
  return sum;
}

std::string Checksum::base64() const {
  std::array<std::byte, 8> big{};
  const std::size_t n = width(kind_);
  for (std::size_t i = 0; i < n; ++i) {
    big[i] = static_cast<std::byte>((value_ >> (8 * (n - 1 - i))) & 0xff);
  }
  return sluice::base64(std::span(big).first(n));
}

std::optional<Checksum> Checksum::from_base64(ChecksumKind kind, std::string_view text) {
  const std::optional<std::string> bytes = base64_decode(text);
  if (!bytes || bytes->size() != width(kind)) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : *bytes) value = value << 8 | static_cast<unsigned char>(c);
  return Checksum(kind, value);
}

Checksum combine(const Checksum& a, const Checksum& b, ByteCount length_of_b) {
  SLUICE_CHECK(a.kind() == b.kind());
  const std::uint64_t n = length_of_b.value();
  if (a.kind() == ChecksumKind::kCrc64Nvme) {
    return Checksum(a.kind(), Field64::shift(a.value(), n) ^ b.value());
  }
  const std::uint32_t shifted = Field32::shift(static_cast<std::uint32_t>(a.value()), n);
  return Checksum(a.kind(), shifted ^ b.value());
}

}  // namespace sluice::wire
