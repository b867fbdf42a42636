// Short ways to write rows in the tests of this module.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "ports/state_db.h"

namespace sluice::statedb {

inline WallTime at(std::int64_t seconds) {
  return WallTime(std::chrono::seconds(seconds));
}
inline ByteRange range(std::uint64_t begin, std::uint64_t end) {
  return ByteRange(ByteOffset(begin), ByteOffset(end));
}
inline wire::Checksum sum(std::uint64_t value) {
  return wire::Checksum(wire::ChecksumKind::kCrc64Nvme, value);
}
inline PartRow part(std::uint32_t number, ByteRange r, std::string etag = "\"e\"") {
  return PartRow(PartNumber(number), r, ETag(std::move(etag)), sum(number));
}
inline ParkedRow parked(ByteRange r, std::string key) {
  return ParkedRow(r, ObjectKey(std::move(key)), sum(0xffffffffffffffffULL));
}

inline UploadRow row(std::string id, std::string name = "name") {
  UploadRow upload;
  upload.id = UploadId(std::move(id));
  upload.subject = "subject";
  upload.name = std::move(name);
  upload.key = ObjectKey("prefix/" + upload.name);
  upload.token = UploadToken("token-" + upload.id.str());
  upload.created_at = at(1000);
  upload.touched_at = at(1000);
  return upload;
}

inline core::UploadResult result_of(const UploadRow& upload, ByteCount size) {
  core::UploadResult result;
  result.name = upload.name;
  result.size = size;
  result.etag = ETag("\"final\"");
  result.checksum = sum(77);
  result.completed_at = at(5000);
  return result;
}

}  // namespace sluice::statedb
