// What is different between servers that speak S3, as data. One row per preset; the code asks the
// row, never the name. Source: s3-multipart digest section 10; object-stores notes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/limits.h"
#include "wire/checksum.h"

namespace sluice::stores::s3 {

struct Preset {
  std::string_view name;
  // Bucket in the path rather than in the host name (custom endpoints; AWS itself: host name).
  bool path_style;
  // Region if none is configured; empty: environment, profile, then us-east-1.
  std::string_view region;
  // What engines compute. Sent as x-amz-checksum-* only where `checksum_sent`.
  wire::ChecksumKind checksum;
  bool checksum_sent;
  // Ceph 20 verifies x-amz-checksum-* only beside x-amz-sdk-checksum-algorithm; R2 refuses it.
  bool sdk_checksum_algorithm;
  // x-amz-checksum-type: FULL_OBJECT at creation and completion: the store proves the whole object.
  bool full_object_checksum;
  // x-amz-mp-object-size at completion.
  bool object_size_sent;
  // HEAD with x-amz-checksum-mode: ENABLED answers a whole-object checksum.
  bool stat_checksum;
  // Costly hashes over each body; opt-in everywhere (options override).
  bool payload_sha256;
  bool content_md5;
  core::StoreLimits limits;
};

// nullptr: no such preset.
const Preset* find_preset(std::string_view name);
// "aws, generic, ceph, ..." for messages.
std::string preset_names();

}  // namespace sluice::stores::s3
