// A short body, or a part of one, as text.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "base/task.h"
#include "engine/body_source.h"

namespace sluice::http {

// Reads to the end of the body. kTooLarge: it has more than `max` bytes; the detail says "`what` is
// too long". Other errors: as BodySource::read(). Executor: the body's.
Task<Result<std::string>> text_of(engine::BodySource* body, std::size_t max, std::string what);

}  // namespace sluice::http
