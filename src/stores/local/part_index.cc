#include "stores/local/part_index.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <span>

namespace sluice::stores::local {

namespace {

constexpr std::size_t kRecordBytes = 64;
constexpr std::uint64_t kMagic = 0x31545250'43554c53ULL;  // "SLUCPRT1"
constexpr std::size_t kFields = 5;

using Record = std::array<std::byte, kRecordBytes>;

std::uint64_t position(PartNumber number) {
  return (number.value() - 1) * std::uint64_t{kRecordBytes};
}

void put(Record& record, std::size_t field, std::uint64_t value) {
  for (std::size_t i = 0; i < 8; ++i) {
    record[field * 8 + i] = static_cast<std::byte>((value >> (8 * i)) & 0xffU);
  }
}
std::uint64_t get(std::span<const std::byte> record, std::size_t field) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) {
    value = value << 8 | std::to_integer<std::uint64_t>(record[field * 8 + i]);
  }
  return value;
}
std::uint64_t seal(std::span<const std::byte> record) {
  return wire::Checksum::of(wire::ChecksumKind::kCrc32c, record.first(kFields * 8)).value();
}

std::optional<PartRecord> decode(std::span<const std::byte> record, std::uint64_t number) {
  if (get(record, 0) != kMagic || get(record, 1) != number) return std::nullopt;
  if (get(record, kFields) != seal(record)) return std::nullopt;
  const std::uint64_t begin = get(record, 2);
  const std::uint64_t end = get(record, 3);
  if (end < begin) return std::nullopt;
  return PartRecord{PartNumber(static_cast<std::uint32_t>(number)),
                    ByteRange(ByteOffset(begin), ByteOffset(end)),
                    wire::Checksum(wire::ChecksumKind::kCrc32c, get(record, 4))};
}

}  // namespace

Result<std::optional<PartRecord>> read_part(const Fd& index, PartNumber number) {
  Record record{};
  SLUICE_TRY(const std::size_t n, read_at(index, record, position(number)));
  if (n < kRecordBytes) return std::optional<PartRecord>();
  return decode(record, number.value());
}

Result<std::vector<PartRecord>> read_parts(const Fd& index) {
  std::vector<PartRecord> parts;
  std::array<std::byte, 256 * kRecordBytes> window{};
  std::uint64_t number = 1;
  while (true) {
    SLUICE_TRY(const std::size_t n, read_at(index, window, (number - 1) * kRecordBytes));
    for (std::size_t at = 0; at + kRecordBytes <= n; at += kRecordBytes, ++number) {
      const auto part = decode(std::span(window).subspan(at, kRecordBytes), number);
      if (part) parts.push_back(*part);
    }
    if (n < window.size()) return parts;
  }
}

Result<Ok> write_part(const Fd& index, const PartRecord& record) {
  Record bytes{};
  put(bytes, 0, kMagic);
  put(bytes, 1, record.number.value());
  put(bytes, 2, record.range.begin().value());
  put(bytes, 3, record.range.end().value());
  put(bytes, 4, record.checksum.value());
  put(bytes, kFields, seal(bytes));
  SLUICE_TRY_OK(write_at(index, bytes, position(record.number)));
  return sync_data(index);
}

Result<Ok> erase_part(const Fd& index, PartNumber number) {
  const Record nothing{};
  SLUICE_TRY_OK(write_at(index, nothing, position(number)));
  return sync_data(index);
}

}  // namespace sluice::stores::local
