#include "stores/local/object_info.h"

#include <array>
#include <chrono>
#include <cinttypes>
#include <cstdio>

namespace sluice::stores::local {

ETag etag_of(const struct stat& info) {
  const auto nanoseconds = static_cast<std::uint64_t>(info.st_mtim.tv_sec) * 1'000'000'000U +
                           static_cast<std::uint64_t>(info.st_mtim.tv_nsec);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"",
                std::uint64_t{info.st_ino}, nanoseconds, static_cast<std::uint64_t>(info.st_size));
  return ETag(text.data());
}

ETag etag_of(const wire::Checksum& checksum, ByteCount size) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "\"%08" PRIx64 "-%" PRIx64 "\"", checksum.value(),
                size.value());
  return ETag(text.data());
}

WallTime modified_of(const struct stat& info) {
  return WallTime(std::chrono::seconds(info.st_mtim.tv_sec)) +
         std::chrono::milliseconds(info.st_mtim.tv_nsec / 1'000'000);
}

}  // namespace sluice::stores::local
