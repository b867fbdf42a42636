// LiveUpload: one upload while something happens to it: the actor that owns its state.
//
//                 admit ► offer ► offer … ► finish            (one request)
//                            │
//   blocks ──► assembly of part n ──full──► ship ──► record ──► durable offset moves
//                            └──must be durable earlier──► park ──► record ──┘
//
//   all bytes covered ──► completing ──► object verified ──► complete (+ event, one transaction)
//
// An upload has one writer, whose bytes follow what is there, or, if it is parallel, any number of
// them, whose ranges may come in any order (live_upload_swarm.cc).
//
// Executor: everything runs on the owning thread's executor, so that between two awaits nothing
// changes. Other threads come in through run_on().
// Lifetime: held by shared_ptr from the registry and from whoever uses it; its own background work
// (ships, parks) is joined before the last reference goes.
//
// Invariants:
//   I1  durable_ counts only bytes of recorded parts and recorded parked segments (G1).
//   I2  a part number is bound to its byte range by the plan, saved before its bytes are sent (G2).
//   I3  a parked object is deleted only after what replaces it is recorded (G3).
//   I4  complete() is asked only in state completing, with recorded parts that cover the object (G4).
//   I5  a fenced writer changes nothing (G7).
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/signal.h"
#include "base/task.h"
#include "base/task_scope.h"
#include "core/command.h"
#include "core/part_plan.h"
#include "core/range_set.h"
#include "core/write_claims.h"
#include "engine/assembly.h"
#include "engine/body_source.h"
#include "engine/options.h"
#include "engine/upload_service.h"
#include "ports/state_db.h"

namespace sluice::engine {

using core::WriterId;

// How the body of a request ended.
enum class BodyEnd : std::uint8_t {
  kClean,         // as announced
  kTooLong,       // more bytes than announced
  kDisconnected,  // FIN or RST before the end
  kTimedOut,      // no progress
  kMalformed,     // broken chunked framing
  kInterrupted,   // by us: taken over, or draining
};

// What the pump does next.
struct Step {
  enum class Kind : std::uint8_t {
    kRead,   // read at most `max` bytes (0: look whether the body has ended) and offer them
    kStop,   // answer `outcome`
    kStale,  // nothing was read: what is in memory is not what is recorded; load the upload anew
  };
  Kind kind = Kind::kStop;
  ByteCount max;
  core::Outcome outcome;
  WriterId writer = 0;
};

class Registry;

class LiveUpload : public std::enable_shared_from_this<LiveUpload> {
 public:
  // `services`, `options` and `background` belong to the owning UploadService and outlive this.
  LiveUpload(const Services* services, const EngineOptions* options, TaskScope* background,
             UploadId id);
  ~LiveUpload();

  const UploadId& id() const noexcept { return id_; }
  Executor executor() const { return services_->executor; }

  // --- life in memory

  // Just created in the state database by us.
  void adopt(UploadRow row, FenceToken token, Registry* registry);
  // Reads and claims the upload; the first caller does it, later ones wait. kNotFound, or the
  // database's error.
  Task<Result<Ok>> load(Registry* registry);
  // It takes care itself of leaving the registry. Any thread.
  bool idling() const noexcept { return idling_.load(); }

  // --- one request that sends bytes

  // `recorded`: what the database was just seen to hold. More than we know of means that another
  // process has written meanwhile; a client may know of it, so nothing lower is said (G1).
  Task<Step> admit(core::Append append, BodySource* body, core::RangeSet recorded);
  Task<Step> offer(WriterId writer, Bytes bytes);
  Task<core::Outcome> finish(WriterId writer, BodyEnd end);

  // A request has become a writer after this one did.
  Task<bool> has_newer_writer(WriterId id);

  // --- other requests

  // nullopt: stale, as Step::Kind::kStale.
  Task<std::optional<core::Outcome>> query(core::Query query, core::RangeSet recorded);
  // Aborts an open upload. kConflict: it is completing or complete.
  Task<Result<Ok>> abort(std::string reason);
  // Makes the name of a complete upload free. kConflict: it is not complete.
  Task<Result<Ok>> release_name();
  // Waits for a running completion or abort to end. False: not within the time.
  Task<bool> wait_settled(Deadline deadline);
  // Waits until nothing is on its way to the store. Store calls have deadlines, so that it ends.
  Task<void> wait_quiet();
  // Starts what a state needs that nobody drives: completing, aborting.
  void drive();
  Task<void> drive_again();
  // A newer attempt took this upload's name: the database says aborting, memory follows.
  Task<Result<Ok>> replaced();

  // --- memory and shutdown

  // Ends the running request with Refused{kDraining}.
  void interrupt_for_drain() noexcept;
  // Makes everything received durable: full parts are shipped, the rest is parked.
  // kTimedOut when the deadline comes first; what was begun goes on.
  Task<Result<Ok>> settle(Deadline deadline = Deadline::never());
  // Parks what is unparked and forgets it in memory, without waiting, until about `enough` bytes
  // are on their way out of memory.
  void give_memory_back(ByteCount enough);
  ByteCount resident() const noexcept;
  ByteCount unparked() const noexcept;
  // What give_memory_back() could set free, and how much its absence would help: memory times the
  // time it has been held. What a fast client's part takes comes back by itself in a moment.
  struct Reclaimable {
    ByteCount bytes;  // of whole blocks
    double byte_seconds = 0;
    std::uint32_t parking = 0;  // segments on their way into the store
  };
  Reclaimable reclaimable() const noexcept;
  // Its writers' bodies give up what they hold in reserve.
  void let_go_of_reserves() noexcept;
  // Ends the work in the background: what is not recorded by now is not acknowledged either.
  // Whoever waits for it is told.
  Task<void> stop();
  bool writing() const noexcept { return writing_.load(); }  // any thread

 private:
  struct Writer {
    WriterId id = 0;
    ByteOffset begin;  // where the body began
    ByteOffset next;   // where the next byte of the body belongs
    BodySource* body = nullptr;
    bool ends_object = false;
    bool ends_at_total = true;
    bool exact = false;
  };
  struct Slot {
    Slot(PartNumber number, ByteRange range, wire::ChecksumKind kind)
        : assembly(number, range, kind) {}
    Assembly assembly;
    bool shipping = false;
    bool parking = false;
    bool evict_when_parked = false;
    Instant held_since{};  // something of it has been in memory
    bool busy() const noexcept { return shipping || parking; }
  };

  void start_idling(Registry* registry);
  // Parks what is idle for too long and ends when nothing is left to keep in memory and the
  // registry has let go of it. Once, from the moment the state is known: whoever read it, perhaps
  // after somebody else had failed to.
  static Task<void> idle(std::shared_ptr<LiveUpload> self, Registry* registry);

  // admission and bytes (live_upload.cc)
  core::Outcome incomplete(bool body_unread) const;
  core::About about() const;
  Task<std::optional<core::Outcome>> settle_for_good();
  Task<core::Outcome> offset_mismatch();
  Task<core::Outcome> progress(std::optional<ByteCount> total);
  core::Outcome refused(core::ProblemType type, std::string detail, bool body_unread) const;
  std::optional<core::Outcome> settled_outcome(bool body_unread) const;
  std::optional<Step> not_admitted() const;
  std::optional<core::Outcome> apply_total(ByteCount total);
  std::optional<core::Outcome> ensure_plan(const core::Append& append);
  void fence_writers();
  void add_writer(const Writer& writer);
  void end_writer(WriterId id);
  Writer* find_writer(WriterId id);
  Task<core::Outcome> ended_outcome(WriterId id);
  Step next_read(const Writer& writer) const;
  void drop_unrecorded(std::string_view why);
  void heed(const core::RangeSet& recorded);
  bool may_read() const noexcept;
  bool busy() const noexcept;
  std::optional<core::Outcome> accept(Writer& writer, Bytes bytes);
  ByteOffset durable_end() const noexcept;
  void tell_durable() const noexcept;
  // What a client may be told: never less than another process may have told it already.
  core::RangeSet said() const;
  ByteOffset said_end() const;
  ByteOffset received_end() const;
  ByteOffset part_end(PartNumber number) const;
  Slot& slot_at(PartNumber number);
  bool is_small() const;
  core::Outcome store_refusal() const;
  Task<void> completion_awaited();

  // many writers at once (live_upload_swarm.cc)
  std::optional<core::Outcome> refuse_in_swarm(const core::Append& append) const;
  void join_swarm(const Writer& writer, const core::Append& append);
  void begin_writing(const Writer& writer);
  ByteOffset end_of_claim(const Writer& writer, ByteOffset at) const noexcept;
  ByteOffset end_of_foreign(const Writer& writer, ByteOffset at) const noexcept;
  bool is_written(ByteRange range) const noexcept;
  Task<void> settle_soon(ByteRange what);

  // ships and parks (live_upload_store.cc)
  void queue_ship(PartNumber number);
  void pump_ships();
  Task<void> ship(PartNumber number);
  Task<Result<Ok>> ship_part(PartNumber number);
  Task<Result<Ok>> ensure_multipart();
  Task<Result<Ok>> settle_range(ByteRange what, Deadline deadline);
  core::RangeSet only_in_memory(ByteRange what) const;
  bool start_park(PartNumber number, Slot& slot, ByteRange wanted);
  Task<void> park(PartNumber number, ByteRange range);
  Task<Result<Ok>> park_range(PartNumber number, ByteRange range);
  Task<void> remove_objects(std::vector<ObjectKey> keys);
  void store_failed(Error error);
  Mutation mutation() const;
  Task<Result<Ok>> commit(Mutation mutation);
  Deadline store_deadline(ByteCount bytes) const;
  ObjectKey parked_key(ByteRange range) const;
  ObjectSpec spec() const;

  // completion and abort (live_upload_finish.cc)
  Task<core::Outcome> complete_and_answer();
  Task<Result<Ok>> ship_everything();
  static Task<void> drive_completion(std::shared_ptr<LiveUpload> self);
  Task<Result<ObjectInfo>> complete_in_store();
  Task<Result<ObjectInfo>> put_small();
  Task<Result<ObjectInfo>> complete_multipart();
  Task<Result<ObjectInfo>> find_our_object();
  Task<Result<Ok>> record_complete(ObjectInfo info);
  Task<Result<Ok>> reopen();
  Task<Result<Ok>> begin_abort(std::string reason);
  static Task<void> drive_abort(std::shared_ptr<LiveUpload> self);
  Task<void> remove_parked_and_strays();
  bool knows_whole() const;
  wire::Checksum whole_checksum() const;

  // Constant after construction.
  const Services* const services_;
  const EngineOptions* const options_;
  TaskScope* const background_;
  const UploadId id_;

  UploadRow row_;  // as recorded, with total and plan as known
  FenceToken token_ = 0;
  std::optional<core::PartPlan> plan_;
  bool plan_saved_ = false;
  bool total_saved_ = false;
  bool strays_possible_ = false;
  bool loaded_ = false;
  bool loading_ = false;
  std::atomic<bool> idling_{false};
  // A commit failed or was fenced: memory and database may differ. Nothing more is written through
  // this object; it is unloaded and read again.
  bool poisoned_ = false;
  bool fenced_ = false;
  bool stopped_ = false;  // what was on its way has been cancelled

  core::RangeSet durable_;
  core::RangeSet recorded_;  // all that requests saw in the database
  std::map<PartNumber, Slot> slots_;  // parts that are not recorded yet
  std::vector<PartNumber> ready_;     // full, waiting for a place in flight
  std::uint32_t in_flight_ = 0;
  bool creating_multipart_ = false;
  std::optional<Error> multipart_error_;  // of the last attempt: for those who waited for it
  std::optional<Error> store_error_;  // why the last ship or park failed; cleared by the next admit

  std::map<WriterId, Writer> writers_;  // at most one, unless the upload is parallel
  core::WriteClaims claims_;            // theirs, if the upload is parallel
  std::set<WriterId> failed_writers_;   // ended because the store failed; until they are told
  std::atomic<bool> writing_{false};    // there are writers
  WriterId last_writer_ = 0;
  bool draining_ = false;
  Instant last_byte_at_{};
  Instant last_query_settle_{};

  bool completing_driven_ = false;
  bool aborting_driven_ = false;
  // Changes of state on their way into the database: other records may come too late for them.
  int state_moving_ = 0;
  // A former process was completing: look for the object before anything is asked of the store.
  bool look_first_ = false;
  // How often the store refused a part list in which it shows nothing wrong.
  int odd_refusals_ = 0;

  friend class Registry;
  friend class Use;
  std::atomic<std::uint64_t> uses_{0};  // raised under the registry's mutex

  Signal changed_;   // notified whenever any of the above may have moved
  TaskScope work_;   // ships, parks and deletions of this upload
};

}  // namespace sluice::engine
