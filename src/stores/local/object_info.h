// What a file says about itself as an object.
#pragma once

#include <sys/stat.h>

#include "base/ids.h"
#include "base/time.h"
#include "ports/object_store.h"
#include "wire/checksum.h"

namespace sluice::stores::local {

// Of an object: changes whenever the file is another or was written again.
ETag etag_of(const struct stat& info);
// Of a part: equal bytes, equal ETag.
ETag etag_of(const wire::Checksum& checksum, ByteCount size);
WallTime modified_of(const struct stat& info);

}  // namespace sluice::stores::local
