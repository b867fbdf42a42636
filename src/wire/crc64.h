// CRC-64/NVME as a running register, in three implementations that give the same result: carry-less
// multiplication on 512 and on 128 bits, and tables. Pure; no allocation; any length and alignment.
//
// Reflected polynomial 9A6C9329AC4BC9B5, initial value and final XOR all ones (s3-multipart digest
// section 5). The functions here work on the raw register: callers invert before and after.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::wire::crc64 {

inline constexpr std::uint64_t kPolynomial = 0x9A6C9329AC4BC9B5ULL;

// The register after `bytes`, by the fastest way this processor has.
std::uint64_t update(std::uint64_t state, std::span<const std::byte> bytes) noexcept;

// The single ways, for tests and benchmarks. A way that the processor lacks must not be called.
enum class Way : std::uint8_t { kTable, kClmul128, kClmul512 };
bool available(Way way) noexcept;
std::uint64_t update_by(Way way, std::uint64_t state, std::span<const std::byte> bytes) noexcept;

}  // namespace sluice::wire::crc64
