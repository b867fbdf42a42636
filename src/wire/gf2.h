// Arithmetic on reflected polynomials over GF(2) modulo a CRC polynomial, for CRC combination and
// for the constants of folding. Bit Width-1 is the coefficient of x^0. Pure, constexpr.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice::wire::gf2 {

template <class Word, Word Polynomial>
struct Field {
  static constexpr unsigned kWidth = sizeof(Word) * 8;
  static constexpr Word kOne = static_cast<Word>(Word{1} << (kWidth - 1));

  static constexpr Word times_x(Word a) noexcept {
    return static_cast<Word>((a >> 1) ^ ((a & 1) != 0 ? Polynomial : Word{0}));
  }

  static constexpr Word multiply(Word a, Word b) noexcept {
    Word product = 0;
    for (Word bit = kOne; bit != 0; bit = static_cast<Word>(bit >> 1)) {
      if ((a & bit) != 0) product = static_cast<Word>(product ^ b);
      b = times_x(b);
    }
    return product;
  }

  // x^n mod P.
  static constexpr Word power_of_x(std::uint64_t n) noexcept {
    Word result = kOne;
    Word square = times_x(kOne);
    for (; n != 0; n >>= 1) {
      if ((n & 1) != 0) result = multiply(result, square);
      square = multiply(square, square);
    }
    return result;
  }

  // The register `crc` after `zeros` more bytes of zero: crc · x^(8·zeros). O(log zeros).
  static constexpr Word shift(Word crc, std::uint64_t zeros) noexcept {
    for (std::size_t k = 0; zeros != 0; ++k, zeros >>= 1) {
      if ((zeros & 1) != 0) crc = multiply(kBytePowers[k], crc);
    }
    return crc;
  }

 private:
  // x^(8·2^k).
  static constexpr std::array<Word, 64> make_byte_powers() noexcept {
    std::array<Word, 64> powers{};
    Word power = kOne;
    for (int i = 0; i < 8; ++i) power = times_x(power);
    for (Word& p : powers) {
      p = power;
      power = multiply(power, power);
    }
    return powers;
  }
  static constexpr std::array<Word, 64> kBytePowers = make_byte_powers();
};

}  // namespace sluice::wire::gf2
