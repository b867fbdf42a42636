// CRC combination: the parts' checksums give the whole's, however the bytes are cut (S-05).
#include "wire/checksum.h"

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"

namespace sluice::wire {
namespace {

// One bit at a time, as the polynomials are written down.
std::uint64_t plain(ChecksumKind kind, const std::string& bytes) {
  const bool wide = kind == ChecksumKind::kCrc64Nvme;
  const std::uint64_t polynomial = wide ? 0x9A6C9329AC4BC9B5ULL : 0x82F63B78ULL;
  const std::uint64_t ones = wide ? ~0ULL : 0xFFFFFFFFULL;
  std::uint64_t crc = ones;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0);
  }
  return crc ^ ones;
}

ChecksumKind a_kind() {
  return *rc::gen::element(ChecksumKind::kCrc64Nvme, ChecksumKind::kCrc32c);
}

RC_GTEST_PROP(ChecksumProperties, IsTheChecksumOfTheBook, ()) {
  const ChecksumKind kind = a_kind();
  const auto scaled = rc::gen::scale(20, rc::gen::arbitrary<std::string>());
  const std::string bytes = *scaled;
  RC_ASSERT(Checksum::of(kind, as_bytes(bytes)).value() == plain(kind, bytes));
}

RC_GTEST_PROP(ChecksumProperties, PartsCombineInAnyGrouping, ()) {
  const ChecksumKind kind = a_kind();
  const auto pieces = *rc::gen::scale(5, rc::gen::arbitrary<std::vector<std::string>>());
  const std::string whole = std::accumulate(pieces.begin(), pieces.end(), std::string());
  const Checksum expected = Checksum::of(kind, as_bytes(whole));

  Checksum left = Checksum::of_nothing(kind);
  Checksum extended = Checksum::of_nothing(kind);
  for (const std::string& piece : pieces) {
    left = combine(left, Checksum::of(kind, as_bytes(piece)), ByteCount(piece.size()));
    extended = extended.extended(as_bytes(piece));
  }
  Checksum right = Checksum::of_nothing(kind);
  std::uint64_t behind = 0;
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) {
    right = combine(Checksum::of(kind, as_bytes(*piece)), right, ByteCount(behind));
    behind += piece->size();
  }
  RC_ASSERT(left == expected);
  RC_ASSERT(right == expected);
  RC_ASSERT(extended == expected);
  RC_ASSERT(Checksum::from_base64(kind, expected.base64()) == expected);
}

// Lengths far beyond what fits in memory: appending in two steps or in one is the same.
RC_GTEST_PROP(ChecksumProperties, LargeLengthsAddUp, ()) {
  const ChecksumKind kind = a_kind();
  const std::uint64_t mask = kind == ChecksumKind::kCrc64Nvme ? ~0ULL : 0xFFFFFFFFULL;
  const Checksum a(kind, *rc::gen::arbitrary<std::uint64_t>() & mask);
  const Checksum b(kind, *rc::gen::arbitrary<std::uint64_t>() & mask);
  const Checksum c(kind, *rc::gen::arbitrary<std::uint64_t>() & mask);
  const std::uint64_t b_length = *rc::gen::inRange<std::uint64_t>(0, 1ULL << 45);
  const std::uint64_t c_length = *rc::gen::inRange<std::uint64_t>(0, 1ULL << 45);
  const Checksum first = combine(combine(a, b, ByteCount(b_length)), c, ByteCount(c_length));
  const Checksum second =
      combine(a, combine(b, c, ByteCount(c_length)), ByteCount(b_length + c_length));
  RC_ASSERT(first == second);
}

}  // namespace
}  // namespace sluice::wire
