// Strong types for positions, sizes and part numbers. A swapped offset and length does not
// compile. Unit: bytes. Width: 64 bits. Arithmetic that would wrap aborts; numbers from outside
// are validated against limits before they become one of these.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

#include "base/check.h"

namespace sluice {

// A number of bytes.
class ByteCount {
 public:
  constexpr ByteCount() = default;
  constexpr explicit ByteCount(std::uint64_t n) : n_(n) {}
  constexpr std::uint64_t value() const noexcept { return n_; }
  constexpr auto operator<=>(const ByteCount&) const = default;

  friend constexpr ByteCount operator+(ByteCount a, ByteCount b) {
    SLUICE_CHECK(a.n_ <= std::numeric_limits<std::uint64_t>::max() - b.n_);
    return ByteCount(a.n_ + b.n_);
  }
  friend constexpr ByteCount operator-(ByteCount a, ByteCount b) {
    SLUICE_CHECK(b.n_ <= a.n_);
    return ByteCount(a.n_ - b.n_);
  }
  constexpr ByteCount& operator+=(ByteCount b) { return *this = *this + b; }
  constexpr ByteCount& operator-=(ByteCount b) { return *this = *this - b; }

 private:
  std::uint64_t n_ = 0;
};

// A position in an object, 0-based. As a state: "first byte not yet there".
class ByteOffset {
 public:
  constexpr ByteOffset() = default;
  constexpr explicit ByteOffset(std::uint64_t at) : at_(at) {}
  constexpr std::uint64_t value() const noexcept { return at_; }
  constexpr auto operator<=>(const ByteOffset&) const = default;

  friend constexpr ByteOffset operator+(ByteOffset at, ByteCount n) {
    SLUICE_CHECK(at.at_ <= std::numeric_limits<std::uint64_t>::max() - n.value());
    return ByteOffset(at.at_ + n.value());
  }
  friend constexpr ByteCount operator-(ByteOffset a, ByteOffset b) {
    SLUICE_CHECK(b.at_ <= a.at_);
    return ByteCount(a.at_ - b.at_);
  }
  constexpr ByteOffset& operator+=(ByteCount n) { return *this = *this + n; }

 private:
  std::uint64_t at_ = 0;
};

// The end of an object of this size.
constexpr ByteOffset end_of(ByteCount size) { return ByteOffset(size.value()); }

// Half-open [begin, end); may be empty.
class ByteRange {
 public:
  constexpr ByteRange() = default;
  constexpr ByteRange(ByteOffset begin, ByteOffset end) : begin_(begin), end_(end) {
    SLUICE_CHECK(begin <= end);
  }
  constexpr ByteOffset begin() const noexcept { return begin_; }
  constexpr ByteOffset end() const noexcept { return end_; }
  constexpr ByteCount size() const { return end_ - begin_; }
  constexpr bool empty() const noexcept { return begin_ == end_; }
  constexpr bool contains(ByteRange other) const noexcept {
    return begin_ <= other.begin_ && other.end_ <= end_;
  }
  constexpr bool overlaps(ByteRange other) const noexcept {
    return begin_ < other.end_ && other.begin_ < end_;
  }
  constexpr bool operator==(const ByteRange&) const = default;

 private:
  ByteOffset begin_;
  ByteOffset end_;
};

// 1-based; at most 10,000 on S3.
class PartNumber {
 public:
  constexpr PartNumber() = default;
  constexpr explicit PartNumber(std::uint32_t n) : n_(n) { SLUICE_CHECK(n >= 1); }
  constexpr std::uint32_t value() const noexcept { return n_; }
  constexpr auto operator<=>(const PartNumber&) const = default;

 private:
  std::uint32_t n_ = 1;
};

namespace literals {
constexpr ByteCount operator""_KiB(unsigned long long n) { return ByteCount(n << 10); }
constexpr ByteCount operator""_MiB(unsigned long long n) { return ByteCount(n << 20); }
constexpr ByteCount operator""_GiB(unsigned long long n) { return ByteCount(n << 30); }
constexpr ByteCount operator""_TiB(unsigned long long n) { return ByteCount(n << 40); }
}  // namespace literals

}  // namespace sluice
