// Keys of parked objects: ".sluice/parked/<upload id>/<begin, 20 digits>-<end, 20 digits>". Pure.
#pragma once

#include <optional>
#include <string_view>

#include "base/ids.h"

namespace sluice::cleaner {

inline constexpr std::string_view kParkedPrefix = ".sluice/parked/";

// The upload that this object was parked for; nullopt if it is not exactly such a key.
std::optional<UploadId> upload_of_parked(const ObjectKey& key);

}  // namespace sluice::cleaner
