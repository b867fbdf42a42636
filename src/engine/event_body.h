// The bodies of events. Shape: ecosystem digest section 4.4 (Standard Webhooks `data`).
#pragma once

#include "core/command.h"
#include "ports/state_db.h"

namespace sluice::engine {

Event completed_event(const UploadRow& row, const core::UploadResult& result);

}  // namespace sluice::engine
