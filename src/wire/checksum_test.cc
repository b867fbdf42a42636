// S-05 and s3-multipart digest section 5: check values, combination, equality of all ways.
#include "wire/checksum.h"

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/text.h"
#include "wire/crc64.h"

namespace sluice::wire {
namespace {

constexpr ChecksumKind kBoth[] = {ChecksumKind::kCrc64Nvme, ChecksumKind::kCrc32c};

Checksum of(ChecksumKind kind, std::string_view text) {
  return Checksum::of(kind, as_bytes(text));
}

TEST(Checksum, CheckValues) {  // S-05
  EXPECT_EQ(of(ChecksumKind::kCrc64Nvme, "123456789").value(), 0xae8b14860a799888ULL);
  EXPECT_EQ(of(ChecksumKind::kCrc64Nvme, "123456789").base64(), "rosUhgp5mIg=");
  EXPECT_EQ(of(ChecksumKind::kCrc32c, "123456789").value(), 0xe3069283U);
  EXPECT_EQ(of(ChecksumKind::kCrc32c, "123456789").base64(), "4waSgw==");
  for (const ChecksumKind kind : kBoth) {
    EXPECT_EQ(of(kind, "").value(), 0U);
    EXPECT_EQ(of(kind, ""), Checksum::of_nothing(kind));
  }
}

TEST(Checksum, CombinationVectors) {  // S-05
  const Checksum a64 = of(ChecksumKind::kCrc64Nvme, "12345");
  const Checksum b64 = of(ChecksumKind::kCrc64Nvme, "6789");
  EXPECT_EQ(a64.value(), 0x166ae2b7ff62caf8ULL);
  EXPECT_EQ(b64.value(), 0xe0d6368f42d00737ULL);
  EXPECT_EQ(combine(a64, b64, ByteCount(4)), of(ChecksumKind::kCrc64Nvme, "123456789"));

  const Checksum a32 = of(ChecksumKind::kCrc32c, "12345");
  const Checksum b32 = of(ChecksumKind::kCrc32c, "6789");
  EXPECT_EQ(a32.value(), 0x18d12335U);
  EXPECT_EQ(b32.value(), 0xc27e5db2U);
  EXPECT_EQ(combine(a32, b32, ByteCount(4)), of(ChecksumKind::kCrc32c, "123456789"));
}

TEST(Checksum, TwoPartVectors) {  // S-05
  const std::string part1(5'242'880, 'a');
  const std::string part2(100, 'b');
  EXPECT_EQ(of(ChecksumKind::kCrc32c, part1).base64(), "WpuOeg==");
  EXPECT_EQ(of(ChecksumKind::kCrc32c, part2).base64(), "qn4G2w==");
  const auto whole = [&](ChecksumKind kind) {
    return combine(of(kind, part1), of(kind, part2), ByteCount(part2.size())).base64();
  };
  EXPECT_EQ(whole(ChecksumKind::kCrc32c), "DCOCuQ==");
  EXPECT_EQ(whole(ChecksumKind::kCrc64Nvme), "tx17Vl1XIXU=");
}

TEST(Checksum, CombinesAnySplitAndAnyLength) {
  std::mt19937_64 random(5);
  std::string text(4096, '\0');
  for (char& c : text) c = static_cast<char>(random());
  for (const ChecksumKind kind : kBoth) {
    const Checksum whole = of(kind, text);
    for (std::size_t cut = 0; cut <= text.size(); cut += 1 + cut / 3) {
      const std::string_view all = text;
      const Checksum a = of(kind, all.substr(0, cut));
      const Checksum b = of(kind, all.substr(cut));
      EXPECT_EQ(combine(a, b, ByteCount(text.size() - cut)), whole) << cut;
      EXPECT_EQ(a.extended(as_bytes(all.substr(cut))), whole) << cut;
    }
    // Associative also where the lengths are far beyond what can be computed byte by byte.
    const Checksum a = of(kind, "a");
    const Checksum b = of(kind, "b");
    const Checksum c = of(kind, "c");
    const ByteCount huge(0x123456789abcdefULL);
    EXPECT_EQ(combine(combine(a, b, huge), c, huge), combine(a, combine(b, c, huge), huge + huge));
  }
}

TEST(Checksum, Base64RoundTripAndRefusals) {
  for (const ChecksumKind kind : kBoth) {
    const Checksum sum = of(kind, "some bytes");
    EXPECT_EQ(Checksum::from_base64(kind, sum.base64()), sum);
    EXPECT_FALSE(Checksum::from_base64(kind, ""));
    EXPECT_FALSE(Checksum::from_base64(kind, "AAAA"));
    EXPECT_FALSE(Checksum::from_base64(kind, sum.base64() + "-2"));  // a composite one
  }
  EXPECT_FALSE(Checksum::from_base64(ChecksumKind::kCrc32c, "rosUhgp5mIg="));
  EXPECT_EQ(checksum_kind("CRC64NVME"), ChecksumKind::kCrc64Nvme);
  EXPECT_EQ(checksum_kind("crc32c"), ChecksumKind::kCrc32c);
  EXPECT_FALSE(checksum_kind("crc32"));
}

TEST(Checksum, OfBytesIsOfTheirConcatenation) {
  Bytes bytes = Bytes::copy_of("one");
  bytes.append(Bytes::copy_of(""));
  bytes.append(Bytes::copy_of("two and three"));
  for (const ChecksumKind kind : kBoth) {
    EXPECT_EQ(Checksum::of(kind, bytes), of(kind, "onetwo and three"));
  }
}

// The definition, one bit at a time.
std::uint64_t crc64_bitwise(std::uint64_t state, std::span<const std::byte> bytes) {
  for (const std::byte b : bytes) {
    state ^= std::to_integer<std::uint64_t>(b);
    for (int i = 0; i < 8; ++i) {
      state = (state >> 1) ^ ((state & 1) != 0 ? crc64::kPolynomial : 0);
    }
  }
  return state;
}

TEST(Crc64, AllWaysAreEqual) {  // S-05: unaligned and short inputs too
  std::mt19937_64 random(64);
  std::vector<std::byte> data(5000);
  for (std::byte& b : data) b = static_cast<std::byte>(random());
  const std::span<const std::byte> all(data);
  for (const crc64::Way way : {crc64::Way::kTable, crc64::Way::kClmul128, crc64::Way::kClmul512}) {
    if (!crc64::available(way)) continue;
    for (std::size_t length = 0; length < 1100; ++length) {
      const std::size_t offset = random() % 64;
      const std::uint64_t state = random();
      const auto bytes = all.subspan(offset, length);
      ASSERT_EQ(crc64::update_by(way, state, bytes), crc64_bitwise(state, bytes))
          << static_cast<int>(way) << " length " << length << " offset " << offset;
    }
    for (int i = 0; i < 200; ++i) {
      const std::size_t offset = random() % 1000;
      const std::size_t length = random() % (data.size() - offset);
      const std::uint64_t state = random();
      const auto bytes = all.subspan(offset, length);
      ASSERT_EQ(crc64::update_by(way, state, bytes), crc64_bitwise(state, bytes))
          << static_cast<int>(way) << " length " << length << " offset " << offset;
    }
  }
  EXPECT_EQ(crc64::update(1, all), crc64_bitwise(1, all));
}

}  // namespace
}  // namespace sluice::wire
