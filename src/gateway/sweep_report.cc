#include "gateway/sweep_report.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include "telemetry/line.h"

namespace sluice::gateway {

namespace {

constexpr std::size_t kKeyBytes = 1024;  // no store has longer ones

// Keys come from strangers: what a terminal would act upon is shown as an escape.
std::string shown(const std::string& text) {
  const std::string clean = telemetry::clean_value(text, kKeyBytes);
  const auto byte = [&clean](std::size_t i) {
    return i < clean.size() ? static_cast<unsigned char>(clean[i]) : 0xFFU;
  };
  std::string line;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    // U+0080 to U+009F are C2 80 to C2 9F.
    const bool c1 =
        (byte(i) == 0xC2 && byte(i + 1) < 0xA0) || (i > 0 && byte(i - 1) == 0xC2 && byte(i) < 0xA0);
    if (byte(i) < 0x20 || byte(i) == 0x7F || c1) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\x%02X", static_cast<unsigned>(byte(i)));
      line += escape.data();
    } else {
      line += clean[i];
    }
  }
  return line;
}

std::string_view since_what(cleaner::Finding::Kind kind) {
  switch (kind) {
    case cleaner::Finding::Kind::kExpired:
      return "without progress since ";
    case cleaner::Finding::Kind::kLeftover:
    case cleaner::Finding::Kind::kOrphanMultipart:
    case cleaner::Finding::Kind::kOrphanParked:
      return "since ";
  }
  return "";
}

}  // namespace

std::string_view kind_words(cleaner::Finding::Kind kind) {
  switch (kind) {
    case cleaner::Finding::Kind::kExpired:
      return "expired upload";
    case cleaner::Finding::Kind::kLeftover:
      return "leftover of a finished upload";
    case cleaner::Finding::Kind::kOrphanMultipart:
      return "orphaned multipart upload";
    case cleaner::Finding::Kind::kOrphanParked:
      return "orphaned parked object";
  }
  return "";
}

std::string readable(ByteCount bytes) {
  static constexpr std::array<const char*, 7> kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes.value() < 1024) return std::to_string(bytes.value()) + " B";
  auto value = static_cast<double>(bytes.value());
  std::size_t unit = 0;
  // 1023.95 would be shown as 1024.0.
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::string finding_line(const cleaner::Finding& finding, bool dry_run) {
  std::string line = finding.removed ? (dry_run ? "would remove: " : "removed: ") : "left alone: ";
  line += kind_words(finding.kind);
  line += ' ';
  line += shown(finding.key);
  if (!finding.upload.empty()) {
    line += " (upload " + shown(finding.upload) + ")";
  } else if (!finding.multipart.empty()) {
    line += " (id " + shown(finding.multipart) + ")";
  }
  line += ": " + readable(finding.bytes) + ", ";
  line += since_what(finding.kind);
  line += telemetry::rfc3339(finding.since);
  return line;
}

std::string summary_line(const cleaner::Report& report, bool dry_run) {
  std::uint64_t expired = 0;
  std::uint64_t leftovers = 0;
  std::uint64_t orphans = 0;
  for (const cleaner::Finding& finding : report.findings) {
    switch (finding.kind) {
      case cleaner::Finding::Kind::kExpired:
        ++expired;
        break;
      case cleaner::Finding::Kind::kLeftover:
        ++leftovers;
        break;
      case cleaner::Finding::Kind::kOrphanMultipart:
      case cleaner::Finding::Kind::kOrphanParked:
        ++orphans;
        break;
    }
  }
  const std::string would = dry_run ? "to be " : "";
  std::string line =
      "expired: " + std::to_string(expired) + ", leftovers: " + std::to_string(leftovers) +
      ", orphans: " + std::to_string(orphans) + "; " + readable(report.bytes_removed) + " " +
      would + "removed, " + readable(report.bytes_orphaned) + " in orphans left alone, " +
      std::to_string(report.forgotten) + " finished uploads " + would + "forgotten";
  if (!report.errors.empty()) line += ", errors: " + std::to_string(report.errors.size());
  if (dry_run) line += " (dry run, nothing was changed)";
  return line;
}

}  // namespace sluice::gateway
