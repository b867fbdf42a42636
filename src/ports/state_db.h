// StateDb: the durable state of uploads; never upload bytes. Implementations: statedb/sqlite.
//
// Contract, checked for every implementation by tests of the statedb module:
//   - commit() and create() are atomic and durable before they answer; concurrent calls may share
//     one transaction (group commit).
//   - Fencing (G7): a writer first claims a byte range and gets a token. A newer claim trims every
//     older one to what does not overlap. A mutation names its token; it fails with kFenced if that
//     token holds no range any more, or if it records bytes outside the ranges the token holds.
//   - The completed event is a row of the same transaction as the state change (G6).
//   - Errors: kFenced and kConflict (the state is not the expected one) had no effect; kUnavailable
//     had none and may be retried; kOutcomeUnknown: read the row again; kCorrupt: stored rows make
//     no sense.
//   - Executor: thread-safe; resumptions on the caller's executor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "base/units.h"
#include "core/command.h"
#include "core/part_plan.h"
#include "wire/checksum.h"

namespace sluice {

//   open ──► completing ──► complete
//     └────► aborting ────► aborted          (completing → aborting: the store lost or refused it)
//
// One way back, completing → open, for an upload without a multipart: its bytes were in memory, and
// died with the process before the object was there.
enum class UploadState : std::uint8_t { kOpen, kCompleting, kComplete, kAborting, kAborted };

std::string_view to_string(UploadState state) noexcept;

// A part that is durable in the store.
struct PartRow {
  PartRow(PartNumber n, ByteRange r, ETag e, wire::Checksum c)
      : number(n), range(r), etag(std::move(e)), checksum(c) {}
  PartNumber number;
  ByteRange range;
  ETag etag;
  wire::Checksum checksum;
};

// A parked segment: a small object in the store that holds bytes of an unfinished part (G3: its key
// names upload and range).
struct ParkedRow {
  ParkedRow(ByteRange r, ObjectKey k, wire::Checksum c) : range(r), key(std::move(k)), checksum(c) {}
  ByteRange range;
  ObjectKey key;
  wire::Checksum checksum;
};

struct UploadRow {
  UploadRow() = default;
  // Fixed at creation.
  UploadId id;
  std::string subject;
  std::string name;
  ObjectKey key;
  UploadToken token;
  core::ObjectAttributes attributes;
  wire::ChecksumKind checksum_kind = wire::ChecksumKind::kCrc64Nvme;
  std::optional<ByteCount> size_max;
  bool parallel = false;
  WallTime created_at;
  // Moving.
  UploadState state = UploadState::kOpen;
  std::string reason;  // of kAborting, kAborted: "cancelled", "expired", "replaced", "lost", "failed"
  std::optional<ByteCount> total;
  std::optional<core::PartPlan::Shape> plan;
  std::optional<MultipartId> multipart;
  // A process died, or a reply was lost, while something was written: the store may hold parked
  // objects that no row names. Look for them by prefix when the upload ends.
  bool strays_possible = false;
  WallTime touched_at;  // last durable progress; what expiry counts from
  std::vector<PartRow> parts;     // ascending by number
  std::vector<ParkedRow> parked;  // ascending by begin
  std::optional<core::UploadResult> result;  // when complete
};

// Proof of a claim. 0 is no token.
using FenceToken = std::uint64_t;

struct Event {
  Event(std::string t, std::string b) : type(std::move(t)), body(std::move(b)) {}
  std::string type;  // "upload.completed" …
  std::string body;  // JSON, without secrets
};

struct OutboxRow {
  OutboxRow(std::string i, UploadId u, std::uint64_t s, Event e, WallTime c)
      : id(std::move(i)), upload(std::move(u)), sequence(s), event(std::move(e)), created_at(c) {}
  std::string id;           // stable over deliveries
  UploadId upload;
  std::uint64_t sequence;   // per upload, from 1
  Event event;
  WallTime created_at;
};

namespace change {
struct SetPlan { core::PartPlan::Shape shape; };
struct SetMultipart { MultipartId multipart; };
struct SetTotal { ByteCount total; };
struct SetStraysPossible {};
struct AddPart { PartRow part; };        // same number again replaces the row
struct AddParked { ParkedRow parked; };  // same key again replaces the row
struct DropParked { ObjectKey key; };    // dropping an unknown key succeeds
struct SetState { UploadState state; std::string reason; };
struct SetResult { core::UploadResult result; };
struct Emit { Event event; };            // appends to the outbox with the next sequence number
struct Touch {};                         // touched_at = now; AddPart, AddParked, SetState imply it
struct ReleaseName {};                   // find() does not answer this finished upload any more
}  // namespace change

using Change = std::variant<change::SetPlan, change::SetMultipart, change::SetTotal,
                            change::SetStraysPossible, change::AddPart, change::AddParked,
                            change::DropParked, change::SetState, change::SetResult, change::Emit,
                            change::Touch, change::ReleaseName>;

struct Mutation {
  Mutation(UploadId i, FenceToken t, UploadState e, WallTime n)
      : id(std::move(i)), token(t), expected(e), now(n) {}
  UploadId id;
  FenceToken token;
  UploadState expected;  // kConflict if the row's state differs
  WallTime now;
  std::vector<Change> changes;
};

// What to list. Ascending by id; `after` continues a listing.
struct UploadFilter {
  UploadFilter() = default;
  std::vector<UploadState> states;         // empty: all
  std::optional<WallTime> touched_before;
  UploadId after;
  std::size_t limit = 1000;
};

class StateDb {
 public:
  virtual ~StateDb() = default;

  // Inserts a new open upload, makes it the current one of (subject, name), claims all of it for
  // the caller and answers the token. If `replaces` names an upload that is still open it becomes
  // kAborting with reason "replaced" in the same transaction. kConflict: the current upload of that
  // name is not `replaces` (nullopt: there must be none, or a finished one); read again.
  virtual Task<Result<FenceToken>> create(UploadRow row, std::optional<UploadId> replaces) = 0;

  // Claims a range for a new writer. kNotFound: no such upload.
  virtual Task<Result<FenceToken>> claim(UploadId id, ByteRange range) = 0;

  virtual Task<Result<Ok>> commit(Mutation mutation) = 0;

  // kNotFound when there is none.
  virtual Task<Result<UploadRow>> load(UploadId id) = 0;
  // The current upload of that name: the newest one, whatever its state, unless it was released.
  virtual Task<Result<UploadRow>> find(std::string subject, std::string name) = 0;
  // The upload that a multipart upload of the store belongs to.
  virtual Task<Result<UploadId>> find_multipart(MultipartId multipart) = 0;
  virtual Task<Result<std::vector<UploadRow>>> list(UploadFilter filter) = 0;

  // Forgets complete and aborted uploads that were last touched before `before`, with their
  // delivered events. Answers how many.
  virtual Task<Result<std::uint64_t>> forget_finished(WallTime before) = 0;

  // The oldest undelivered events, ascending by time and, per upload, by sequence.
  virtual Task<Result<std::vector<OutboxRow>>> outbox(std::size_t limit) = 0;
  virtual Task<Result<Ok>> mark_delivered(std::string event_id, WallTime now) = 0;

  // A cheap round trip, for readiness.
  virtual Task<Result<Ok>> probe() = 0;
};

}  // namespace sluice
