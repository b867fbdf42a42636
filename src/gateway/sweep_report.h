// A sweep's report for people: one line per finding, whatever bytes a key has. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/units.h"
#include "cleaner/sweeper.h"

namespace sluice::gateway {

// "5 B", "9.0 MiB": one digit behind the point, for reading only.
std::string readable(ByteCount bytes);

// "expired upload", "orphaned parked object" …
std::string_view kind_words(cleaner::Finding::Kind kind);

// "removed: expired upload videos/a.mp4: 9.0 MiB, without progress since 2026-11-01T…"
std::string finding_line(const cleaner::Finding& finding, bool dry_run);

// "1 expired, 2 leftovers, 3 orphans: 9.0 MiB removed, 1.0 KiB of orphans left alone, …"
std::string summary_line(const cleaner::Report& report, bool dry_run);

}  // namespace sluice::gateway
