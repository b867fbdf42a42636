#include "stores/s3/preset.h"

#include <array>

namespace sluice::stores::s3 {

namespace {

using namespace sluice::literals;  // NOLINT: byte sizes in a table
using wire::ChecksumKind;

constexpr core::StoreLimits limits(ByteCount part_min, ByteCount object_max, bool equal_parts) {
  core::StoreLimits l;
  l.part_min = part_min;
  l.part_max = 5_GiB;
  l.part_multiple = ByteCount(1);
  l.parts_max = 10'000;
  l.object_max = object_max;
  l.single_put_max = 5_GiB;
  l.equal_parts = equal_parts;
  l.key_bytes_max = 1024;
  return l;
}

constexpr ByteCount kAwsObjectMax(10'000ULL * (5ULL << 30));  // 48.8 TiB

// clang-format off
constexpr std::array kPresets = {
    Preset{.name = "aws", .path_style = false, .region = "",
           .checksum = ChecksumKind::kCrc64Nvme, .checksum_sent = true,
           .sdk_checksum_algorithm = false, .full_object_checksum = true,
           .object_size_sent = true, .stat_checksum = true,
           .payload_sha256 = false, .content_md5 = false,
           .limits = limits(5_MiB, kAwsObjectMax, false)},
    // Must work on every server: nothing but what all of them know.
    Preset{.name = "generic", .path_style = true, .region = "",
           .checksum = ChecksumKind::kCrc64Nvme, .checksum_sent = false,
           .sdk_checksum_algorithm = false, .full_object_checksum = false,
           .object_size_sent = false, .stat_checksum = false,
           .payload_sha256 = false, .content_md5 = false,
           .limits = limits(5_MiB, 5_TiB, true)},
    // 16.2 and 18.2 ignore the checksum headers, 20.2 verifies them per part. Its whole-object
    // values are not dependable, so none is asked for.
    Preset{.name = "ceph", .path_style = true, .region = "",
           .checksum = ChecksumKind::kCrc64Nvme, .checksum_sent = true,
           .sdk_checksum_algorithm = true, .full_object_checksum = false,
           .object_size_sent = false, .stat_checksum = false,
           .payload_sha256 = false, .content_md5 = false,
           .limits = limits(5_MiB, 5_TiB, false)},
    Preset{.name = "minio", .path_style = true, .region = "",
           .checksum = ChecksumKind::kCrc64Nvme, .checksum_sent = false,
           .sdk_checksum_algorithm = false, .full_object_checksum = false,
           .object_size_sent = false, .stat_checksum = false,
           .payload_sha256 = false, .content_md5 = false,
           .limits = limits(5_MiB, 5_TiB, false)},
    Preset{.name = "r2", .path_style = true, .region = "auto",
           .checksum = ChecksumKind::kCrc64Nvme, .checksum_sent = false,
           .sdk_checksum_algorithm = false, .full_object_checksum = false,
           .object_size_sent = false, .stat_checksum = false,
           .payload_sha256 = false, .content_md5 = false,
           .limits = limits(5_MiB, 5_TiB, true)},
    // x-goog-hash can't stand beside the x-amz- headers of this signature, so nothing is sent; the
    // whole object's CRC-32C comes with every HEAD.
    Preset{.name = "gcs", .path_style = true, .region = "auto",
           .checksum = ChecksumKind::kCrc32c, .checksum_sent = false,
           .sdk_checksum_algorithm = false, .full_object_checksum = false,
           .object_size_sent = false, .stat_checksum = false,
           .payload_sha256 = false, .content_md5 = false,
           .limits = limits(5_MiB, 5_TiB, false)},
};
// clang-format on

}  // namespace

const Preset* find_preset(std::string_view name) {
  for (const Preset& preset : kPresets) {
    if (preset.name == name) return &preset;
  }
  return nullptr;
}

std::string preset_names() {
  std::string names;
  for (const Preset& preset : kPresets) {
    if (!names.empty()) names += ", ";
    names += preset.name;
  }
  return names;
}

}  // namespace sluice::stores::s3
