#include "wire/crc64.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/check.h"
#include "wire/gf2.h"

namespace sluice::wire::crc64 {

namespace {

using Field = gf2::Field<std::uint64_t, kPolynomial>;
using Update = std::uint64_t (*)(std::uint64_t, const std::byte*, std::size_t) noexcept;

std::uint64_t load64(const std::byte* p) noexcept {
  std::uint64_t v = 0;
  std::memcpy(&v, p, sizeof v);  // little-endian: see the static_assert below
  return v;
}
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

// --- tables: eight bytes at a time

using Tables = std::array<std::array<std::uint64_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::size_t i = 0; i < 256; ++i) {
    std::uint64_t v = i;
    for (int bit = 0; bit < 8; ++bit) v = Field::times_x(v);
    tables[0][i] = v;
  }
  for (std::size_t t = 1; t < 8; ++t) {
    for (std::size_t i = 0; i < 256; ++i) {
      const std::uint64_t v = tables[t - 1][i];
      tables[t][i] = (v >> 8) ^ tables[0][v & 0xff];
    }
  }
  return tables;
}
constexpr Tables kTables = make_tables();

std::uint64_t by_table(std::uint64_t state, const std::byte* p, std::size_t n) noexcept {
  for (; n >= 8; p += 8, n -= 8) {
    const std::uint64_t v = state ^ load64(p);
    state = 0;
    for (std::size_t k = 0; k < 8; ++k) state ^= kTables[7 - k][(v >> (8 * k)) & 0xff];
  }
  for (; n > 0; ++p, --n) {
    state = (state >> 8) ^ kTables[0][(state ^ std::to_integer<std::uint64_t>(*p)) & 0xff];
  }
  return state;
}

#if defined(__x86_64__)

// --- folding
//
// A 16-byte block, loaded little-endian, is L·x^64 + H with L its low and H its high quadword. The
// product of two reflected quadwords carries one factor x too many, so moving a block D bits
// forward is  clmul(L, x^(D+63)) + clmul(H, x^(D-1)),  modulo the polynomial.
struct FoldBy {
  std::uint64_t low;
  std::uint64_t high;
};
constexpr FoldBy fold_by(std::uint64_t bits) {
  return FoldBy{Field::power_of_x(bits + 63), Field::power_of_x(bits - 1)};
}
constexpr FoldBy kFold128 = fold_by(128);
constexpr FoldBy kFold512 = fold_by(512);
constexpr FoldBy kFold1024 = fold_by(1024);
constexpr FoldBy kFold2048 = fold_by(2048);

constexpr long long as_signed(std::uint64_t v) {
  return static_cast<long long>(v);
}

#define SLUICE_CLMUL128 __attribute__((target("pclmul,sse4.1")))
#define SLUICE_CLMUL512 __attribute__((target("pclmul,sse4.1,avx512f,vpclmulqdq")))

SLUICE_CLMUL128 inline __m128i load128(const std::byte* p) noexcept {
  return _mm_loadu_si128(static_cast<const __m128i*>(static_cast<const void*>(p)));
}

SLUICE_CLMUL128 inline __m128i constant128(FoldBy by) noexcept {
  return _mm_set_epi64x(as_signed(by.high), as_signed(by.low));
}

SLUICE_CLMUL128 inline __m128i fold128(__m128i block, __m128i by, __m128i next) noexcept {
  return _mm_xor_si128(next, _mm_xor_si128(_mm_clmulepi64_si128(block, by, 0x00),
                                           _mm_clmulepi64_si128(block, by, 0x11)));
}

// Takes what is left 16 bytes at a time, then leaves the last block and the rest to the tables.
SLUICE_CLMUL128 std::uint64_t finish128(__m128i block, const std::byte* p, std::size_t n) noexcept {
  const __m128i by128 = constant128(kFold128);
  for (; n >= 16; p += 16, n -= 16) block = fold128(block, by128, load128(p));
  std::array<std::byte, 16> last{};
  _mm_storeu_si128(static_cast<__m128i*>(static_cast<void*>(last.data())), block);
  return by_table(by_table(0, last.data(), last.size()), p, n);
}

constexpr std::size_t kClmul128Min = 128;

SLUICE_CLMUL128 std::uint64_t by_clmul128(std::uint64_t state, const std::byte* p,
                                          std::size_t n) noexcept {
  if (n < kClmul128Min) return by_table(state, p, n);
  const __m128i by1024 = constant128(kFold1024);
  const __m128i by128 = constant128(kFold128);
  __m128i x0 = _mm_xor_si128(load128(p), _mm_set_epi64x(0, as_signed(state)));
  __m128i x1 = load128(p + 16);
  __m128i x2 = load128(p + 32);
  __m128i x3 = load128(p + 48);
  __m128i x4 = load128(p + 64);
  __m128i x5 = load128(p + 80);
  __m128i x6 = load128(p + 96);
  __m128i x7 = load128(p + 112);
  for (p += 128, n -= 128; n >= 128; p += 128, n -= 128) {
    x0 = fold128(x0, by1024, load128(p));
    x1 = fold128(x1, by1024, load128(p + 16));
    x2 = fold128(x2, by1024, load128(p + 32));
    x3 = fold128(x3, by1024, load128(p + 48));
    x4 = fold128(x4, by1024, load128(p + 64));
    x5 = fold128(x5, by1024, load128(p + 80));
    x6 = fold128(x6, by1024, load128(p + 96));
    x7 = fold128(x7, by1024, load128(p + 112));
  }
  x1 = fold128(x0, by128, x1);
  x2 = fold128(x1, by128, x2);
  x3 = fold128(x2, by128, x3);
  x4 = fold128(x3, by128, x4);
  x5 = fold128(x4, by128, x5);
  x6 = fold128(x5, by128, x6);
  x7 = fold128(x6, by128, x7);
  return finish128(x7, p, n);
}

constexpr std::size_t kClmul512Min = 512;

SLUICE_CLMUL512 inline __m512i load512(const std::byte* p) noexcept {
  return _mm512_loadu_si512(static_cast<const void*>(p));
}

SLUICE_CLMUL512 inline __m512i constant512(FoldBy by) noexcept {
  return _mm512_set_epi64(as_signed(by.high), as_signed(by.low), as_signed(by.high),
                          as_signed(by.low), as_signed(by.high), as_signed(by.low),
                          as_signed(by.high), as_signed(by.low));
}

SLUICE_CLMUL512 inline __m512i fold512(__m512i block, __m512i by, __m512i next) noexcept {
  constexpr int kXorOfThree = 0x96;
  return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(block, by, 0x00),
                                   _mm512_clmulepi64_epi128(block, by, 0x11), next, kXorOfThree);
}

SLUICE_CLMUL512 std::uint64_t by_clmul512(std::uint64_t state, const std::byte* p,
                                          std::size_t n) noexcept {
  if (n < kClmul512Min) return by_clmul128(state, p, n);
  const __m512i by2048 = constant512(kFold2048);
  const __m512i by512 = constant512(kFold512);
  __m512i z0 =
      _mm512_xor_si512(load512(p), _mm512_set_epi64(0, 0, 0, 0, 0, 0, 0, as_signed(state)));
  __m512i z1 = load512(p + 64);
  __m512i z2 = load512(p + 128);
  __m512i z3 = load512(p + 192);
  for (p += 256, n -= 256; n >= 256; p += 256, n -= 256) {
    z0 = fold512(z0, by2048, load512(p));
    z1 = fold512(z1, by2048, load512(p + 64));
    z2 = fold512(z2, by2048, load512(p + 128));
    z3 = fold512(z3, by2048, load512(p + 192));
  }
  z1 = fold512(z0, by512, z1);
  z2 = fold512(z1, by512, z2);
  z3 = fold512(z2, by512, z3);

  std::array<std::byte, 64> last{};
  _mm512_storeu_si512(static_cast<void*>(last.data()), z3);
  const __m128i by128 = constant128(kFold128);
  __m128i x = load128(last.data());
  for (std::size_t at = 16; at < last.size(); at += 16) {
    x = fold128(x, by128, load128(last.data() + at));
  }
  return finish128(x, p, n);
}

#undef SLUICE_CLMUL128
#undef SLUICE_CLMUL512

#endif  // __x86_64__

Update implementation(Way way) noexcept {
  switch (way) {
#if defined(__x86_64__)
    case Way::kClmul128:
      return by_clmul128;
    case Way::kClmul512:
      return by_clmul512;
#else
    case Way::kClmul128:
    case Way::kClmul512:
      return nullptr;
#endif
    case Way::kTable:
      break;
  }
  return by_table;
}

Update fastest() noexcept {
  if (available(Way::kClmul512)) return implementation(Way::kClmul512);
  if (available(Way::kClmul128)) return implementation(Way::kClmul128);
  return by_table;
}

}  // namespace

std::uint64_t update(std::uint64_t state, std::span<const std::byte> bytes) noexcept {
  static const Update way = fastest();
  return way(state, bytes.data(), bytes.size());
}

bool available(Way way) noexcept {
#if defined(__x86_64__)
  switch (way) {
    case Way::kTable:
      return true;
    case Way::kClmul128:
      return __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0;
    case Way::kClmul512:
      return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("vpclmulqdq") != 0 &&
             available(Way::kClmul128);
  }
  return false;
#else
  return way == Way::kTable;
#endif
}

std::uint64_t update_by(Way way, std::uint64_t state, std::span<const std::byte> bytes) noexcept {
  SLUICE_CHECK(available(way));
  return implementation(way)(state, bytes.data(), bytes.size());
}

}  // namespace sluice::wire::crc64
