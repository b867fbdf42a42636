// Names that must not be mixed up: each is a string of its own type.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <utility>

namespace sluice {

template <class Tag>
class StringId {
 public:
  StringId() = default;
  explicit StringId(std::string value) : value_(std::move(value)) {}
  const std::string& str() const noexcept { return value_; }
  bool empty() const noexcept { return value_.empty(); }
  auto operator<=>(const StringId&) const = default;

 private:
  std::string value_;
};

using UploadId = StringId<struct UploadIdTag>;        // ours, 128 random bits, base64url
using UploadToken = StringId<struct UploadTokenTag>;  // proves that an object is this upload's
using ObjectKey = StringId<struct ObjectKeyTag>;      // full key inside the bucket or directory
using MultipartId = StringId<struct MultipartIdTag>;  // the store's own id
using ETag = StringId<struct ETagTag>;                // as received, quotes included; not a hash

}  // namespace sluice

template <class Tag>
struct std::hash<sluice::StringId<Tag>> {
  std::size_t operator()(const sluice::StringId<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.str());
  }
};
