// Many writers of one upload at once: what differs from the one whose bytes follow what is there.
//
//   admission   any range inside the total; nobody is fenced by it
//   bytes       what is durable or in memory already stays and is skipped; of what is missing, a
//               writer brings what it claims (core/write_claims.h)
//   the end     a request is answered when its own bytes are durable, not everybody's
#include <algorithm>
#include <utility>
#include <vector>

#include "engine/live_upload.h"

namespace sluice::engine {

using core::ProblemType;

namespace {
// Separate runs in one unfinished part. Each is a small object in the store and a row: whoever
// sends every second byte shall not have a million of them. The lowest hole may always be filled.
constexpr std::size_t kRunsPerPartMax = 256;
}  // namespace

// Why this range is not taken. Precondition: total and plan are known.
std::optional<core::Outcome> LiveUpload::refuse_in_swarm(const core::Append& append) const {
  const ByteOffset begin = append.begin.value_or(ByteOffset());
  if (begin > end_of(*row_.total)) {
    return refused(ProblemType::kBodyTooLong, "the range begins behind the total", true);
  }
  const Result<PartNumber> number = plan_->part_at(begin);
  const auto slot = number ? slots_.find(*number) : slots_.end();
  if (slot == slots_.end()) return std::nullopt;
  const std::vector<Segment>& runs = slot->second.assembly.segments();
  if (runs.size() < kRunsPerPartMax || begin <= runs.front().range.end()) return std::nullopt;
  const bool continues = std::any_of(runs.begin(), runs.end(), [begin](const Segment& run) {
    return run.range.begin() <= begin && begin <= run.range.end();
  });
  if (continues) return std::nullopt;
  return incomplete(true);  // as a gap in an upload that is not parallel
}

void LiveUpload::join_swarm(const Writer& writer, const core::Append& append) {
  // Full parts that nobody ships: recorded segments of a former process, or the store failed.
  for (const auto& [number, slot] : slots_) {
    if (slot.assembly.full() && !slot.busy() && !is_small()) queue_ship(number);
  }
  const ByteOffset end = append.length ? writer.next + *append.length : end_of(*row_.total);
  claims_.add(writer.id, ByteRange(writer.next, end));
  add_writer(writer);
  last_byte_at_ = services_->clock->now();
  pump_ships();
}

// This writer brings a byte that nobody has brought: from now on older ones give way to it.
void LiveUpload::begin_writing(const Writer& writer) {
  if (!row_.parallel) return;
  for (const WriterId ended : claims_.take_effect(writer.id)) {
    const Writer* const older = find_writer(ended);
    if (older == nullptr) continue;
    if (older->body != nullptr) older->body->interrupt();
    end_writer(ended);
  }
}

ByteOffset LiveUpload::end_of_claim(const Writer& writer, ByteOffset at) const noexcept {
  return row_.parallel ? claims_.end_of_run(writer.id, at) : ByteOffset(INT64_MAX);
}

// End of the run of bytes at `at` that a newer writer has claimed; `at` if it is this writer's.
ByteOffset LiveUpload::end_of_foreign(const Writer& writer, ByteOffset at) const noexcept {
  return row_.parallel ? claims_.next_claimed(writer.id, at, ByteOffset(INT64_MAX)) : at;
}

bool LiveUpload::is_written(ByteRange range) const noexcept {
  return std::any_of(writers_.begin(), writers_.end(), [range](const auto& entry) {
    const ByteOffset next = entry.second.next;
    return range.begin() <= next && next < range.end();
  });
}

Task<void> LiveUpload::settle_soon(ByteRange what) {
  const Result<Ok> settled = co_await settle_range(what, Deadline::never());
  static_cast<void>(settled);  // nobody was told of these bytes
}

}  // namespace sluice::engine
