#include "engine/upload_service.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/task_scope.h"
#include "base/text.h"
#include "core/range_set.h"
#include "engine/live_upload.h"
#include "engine/registry.h"
#include "engine/run_on.h"
#include "engine/wait.h"

namespace sluice::engine {

using core::ProblemType;

namespace {

core::Outcome refuse(ProblemType type, std::string detail) {
  core::Refused refusal{core::Problem(type, std::move(detail)), std::nullopt, true};
  if (core::problem_entry(type).status == 503) refusal.problem.retry_after_s = 2;
  return refusal;
}

core::Outcome state_unavailable(const Error& error) {
  if (error.code() == Errc::kCorrupt) {
    return refuse(ProblemType::kInternal, "the upload's state cannot be read");
  }
  return refuse(ProblemType::kOverloaded, "the upload's state cannot be reached right now");
}

core::RangeSet durable_ranges(const UploadRow& row) {
  core::RangeSet durable;
  for (const PartRow& part : row.parts) durable.add(part.range);
  for (const ParkedRow& parked : row.parked) durable.add(parked.range);
  return durable;
}

core::Outcome describe(const UploadRow& row, bool writing, std::chrono::seconds expire_after) {
  const core::RangeSet durable = durable_ranges(row);
  core::Inspected state;
  state.state = std::string(to_string(row.state));
  state.id = row.id;
  state.name = row.name;
  state.offset = row.result ? end_of(row.result->size) : durable.end_of_run(ByteOffset());
  state.total = row.total;
  state.ranges = durable.ranges();
  state.created_at = row.created_at;
  if (row.state == UploadState::kOpen) state.expires_at = row.touched_at + expire_after;
  state.result = row.result;
  state.parallel = row.parallel;
  state.writing = writing;
  return state;
}

core::Outcome stored_result(const UploadRow& row) {
  core::Complete complete;
  complete.result = *row.result;
  complete.body_unread = true;
  complete.about.raw_metadata = row.attributes.raw_metadata;
  return complete;
}

// The answer for an upload that has ended. Precondition: it is neither open nor completing.
core::Outcome ended_result(const UploadRow& row) {
  if (row.state == UploadState::kComplete) return stored_result(row);
  if (row.reason == "failed") {
    return refuse(ProblemType::kUploadFailed, "the object store refused the upload");
  }
  return refuse(ProblemType::kUploadGone, "the upload was " + row.reason);
}

// A range that comes after the end of its parallel upload must not begin another one: some connection
// repeats what it has sent. What comes much later is a new version that happens to have the same size;
// to answer that with the old result would be a false success.
constexpr std::chrono::minutes kLateMax{15};

bool is_just_over(const UploadRow& row, WallTime now) {
  const WallTime end = row.result ? row.result->completed_at : row.touched_at;
  return row.parallel && now - end < kLateMax;
}

// Segments of one thread's uploads that are parked at once to set memory free. Each needs a connection
// to the store while it lasts.
constexpr std::uint32_t kParksMax = 128;

// After the drain's deadline: time to park the tails of requests that had to be ended.
constexpr Duration kParkTime = std::chrono::seconds(10);

BodyEnd end_of_body(Errc code) noexcept {
  if (code == Errc::kTimedOut) return BodyEnd::kTimedOut;
  if (code == Errc::kInvalidArgument || code == Errc::kTooLarge) return BodyEnd::kMalformed;
  if (code == Errc::kCancelled) return BodyEnd::kInterrupted;
  return BodyEnd::kDisconnected;
}

}  // namespace

class UploadService::Impl {
 public:
  Impl(Services services, EngineOptions options, std::shared_ptr<Registry> registry)
      : services_(std::move(services)),
        options_(options),
        registry_(std::move(registry)),
        background_(services_.executor) {}

  Task<core::Outcome> execute(core::Command command, core::Grant grant, BodySource* body);
  Task<void> recover();
  Task<Result<Ok>> abort(UploadId id, std::string reason);
  Task<void> drain(Deadline deadline);
  Task<void> stop();
  void relieve_pressure() noexcept;
  Status status() const;

 private:
  // What an append does next, now that it has looked at the recorded state.
  struct Turn {
    std::unique_ptr<core::Outcome> over;  // it has been answered
    Use use;                              // or this upload takes its bytes; neither: look again
    core::RangeSet recorded;
  };

  Task<core::Outcome> counted(Task<core::Outcome> task);
  Task<core::Outcome> append(core::Command command, core::Append verb, core::Grant grant,
                             BodySource* body);
  Task<Turn> turn(const core::Command* command, core::Append verb, const core::Grant* grant,
                  BodySource* body, std::optional<UploadId>* ours);
  Task<core::Outcome> begin(core::Command command, core::Create verb, core::Grant grant);
  Task<core::Outcome> append_to_complete(UploadRow row, core::Append verb, BodySource* body);
  Task<core::Outcome> query(core::Command command, core::Query verb, core::Grant grant);
  Task<core::Outcome> cancel(core::Command command, core::Cancel verb, core::Grant grant);
  Task<bool> completion_ended(Use use);
  Task<core::Outcome> inspect(core::Command command, core::Grant grant);

  Task<Result<Use>> create(core::Command command, core::Append verb, core::Grant grant,
                           std::optional<UploadId> replaces);
  Task<Result<Use>> wake(UploadId id);
  Task<std::unique_ptr<core::Outcome>> pump(Use use, core::Append verb, BodySource* body,
                                            core::RangeSet recorded);
  Task<std::unique_ptr<core::Outcome>> finish(std::shared_ptr<LiveUpload> up, WriterId writer,
                                              BodyEnd end);
  Task<void> retire(LiveUpload* stale);
  Task<void> abort_replaced(UploadId id);
  Task<void> relieve();
  bool relieve_once(bool at_any_rate);
  Task<void> park_more(Instant until);
  std::shared_ptr<LiveUpload> make_live(const UploadId& id);
  std::string random_id(std::size_t bytes);

  // Constant after construction.
  const Services services_;
  const EngineOptions options_;
  const std::shared_ptr<Registry> registry_;

  std::atomic<bool> draining_{false};
  std::atomic<std::size_t> writers_{0};
  std::atomic<bool> relieving_{false};
  std::atomic<bool> relief_asked_{false};
  std::int64_t reclaimable_ = 0;  // bytes, as last told the registry; on this thread
  // Chosen by the last look, on this thread: who is being parked, and who is to follow.
  struct Chosen {
    std::weak_ptr<LiveUpload> upload;
    ByteCount enough;
  };
  std::vector<std::weak_ptr<LiveUpload>> parking_;
  std::deque<Chosen> to_park_;
  bool stopped_ = false;       // on this thread
  std::size_t executing_ = 0;  // on this thread
  Signal executed_;
  TaskScope background_;
};

std::string UploadService::Impl::random_id(std::size_t bytes) {
  std::vector<std::byte> raw(bytes);
  services_.random->fill(raw);
  return base64url(raw);
}

std::shared_ptr<LiveUpload> UploadService::Impl::make_live(const UploadId& id) {
  return std::make_shared<LiveUpload>(&services_, &options_, &background_, id);
}

// --- dispatch

// What thousands of requests hold for as long as their bodies take to come is in the frames of the
// coroutines from here to the body. So this one is none, and those that are leave what is needed
// only for a moment to others, which end before.
Task<core::Outcome> UploadService::Impl::execute(core::Command command, core::Grant grant,
                                                 BodySource* body) {
  if (const auto* verb = std::get_if<core::Append>(&command.verb)) {
    const core::Append append_verb = *verb;
    return counted(append(std::move(command), append_verb, std::move(grant), body));
  }
  if (const auto* asked = std::get_if<core::Query>(&command.verb)) {
    const core::Query query_verb = *asked;
    return counted(query(std::move(command), query_verb, std::move(grant)));
  }
  if (const auto* unwanted = std::get_if<core::Cancel>(&command.verb)) {
    const core::Cancel cancel_verb = *unwanted;
    return counted(cancel(std::move(command), cancel_verb, std::move(grant)));
  }
  if (const auto* wanted = std::get_if<core::Create>(&command.verb)) {
    const core::Create create_verb = *wanted;
    return counted(begin(std::move(command), create_verb, std::move(grant)));
  }
  return counted(inspect(std::move(command), std::move(grant)));
}

Task<core::Outcome> UploadService::Impl::counted(Task<core::Outcome> task) {
  if (stopped_) co_return refuse(ProblemType::kDraining, "the server is stopping");
  ++executing_;
  std::exception_ptr thrown;
  core::Outcome outcome = core::ClientGone{};
  try {
    outcome = co_await std::move(task);
  } catch (...) {
    thrown = std::current_exception();  // cancellation only
  }
  --executing_;
  executed_.notify_all();
  if (thrown) std::rethrow_exception(thrown);
  co_return outcome;
}

// --- append

Task<core::Outcome> UploadService::Impl::append(core::Command command, core::Append verb,
                                                core::Grant grant, BodySource* body) {
  constexpr int kTriesMax = 8;
  // Once this request has spoken to an attempt it stays with that one: bytes of two are never mixed.
  std::optional<UploadId> ours;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    Turn next = co_await turn(&command, verb, &grant, body, &ours);
    if (next.over) co_return std::move(*next.over);
    if (!next.use) continue;
    const std::unique_ptr<core::Outcome> outcome =
        co_await pump(std::move(next.use), verb, body, std::move(next.recorded));
    if (outcome) co_return std::move(*outcome);
  }
  co_return refuse(ProblemType::kOverloaded, "too many requests begin this upload at once");
}

Task<UploadService::Impl::Turn> UploadService::Impl::turn(const core::Command* command,
                                                          core::Append verb,
                                                          const core::Grant* grant,
                                                          BodySource* body,
                                                          std::optional<UploadId>* ours) {
  const auto over = [](core::Outcome outcome) {
    Turn end;
    end.over = std::make_unique<core::Outcome>(std::move(outcome));
    return end;
  };
  const bool from_start = !verb.begin || *verb.begin == ByteOffset();
  if (draining_) co_return over(refuse(ProblemType::kDraining, "the server is stopping"));
  Result<UploadRow> row = co_await services_.state->find(grant->subject, command->name);
  if (!row && row.error().code() != Errc::kNotFound) co_return over(state_unavailable(row.error()));

  Turn next;
  if (row && row->state == UploadState::kCompleting) {
    // Nothing may begin under this name, and nothing be added, before that has ended.
    Result<Use> use = co_await wake(row->id);
    if (!use) co_return over(state_unavailable(use.error()));
    const bool settled = co_await completion_ended(std::move(*use));
    if (!settled) co_return over(refuse(ProblemType::kCompleting, "the object is being assembled"));
    co_return next;
  }
  const bool open = row && row->state == UploadState::kOpen;
  if (*ours && (!row || row->id != **ours)) {
    co_return over(refuse(ProblemType::kTakenOver, "a newer request took over"));
  }
  if (row && !open && !verb.may_begin) {
    if (row->state != UploadState::kComplete) co_return over(ended_result(*row));
    core::Outcome found_complete = co_await append_to_complete(std::move(*row), verb, body);
    co_return over(std::move(found_complete));
  }
  if (*ours && !open) co_return over(ended_result(*row));
  if (open && (verb.begin || *ours)) {  // continue
    Result<Use> use = co_await wake(row->id);
    if (!use) {
      if (use.error().code() == Errc::kNotFound) co_return next;
      co_return over(state_unavailable(use.error()));
    }
    *ours = row->id;
    next.recorded = durable_ranges(*row);
    next.use = std::move(*use);
    co_return next;
  }
  const bool late = row && verb.parallel && verb.begin && row->total == verb.total &&
                    is_just_over(*row, services_.clock->wall_now());
  if (late || (!from_start && !verb.parallel)) {
    if (!row) co_return over(refuse(ProblemType::kUploadNotFound, "no upload of that name"));
    co_return over(ended_result(*row));
  }
  if (!verb.may_begin) {
    co_return over(refuse(ProblemType::kUploadNotFound, "no upload of that name"));
  }

  std::optional<UploadId> replaces;
  if (row) replaces = row->id;
  Result<Use> use = co_await create(*command, verb, *grant, replaces);
  if (!use) {
    if (use.error().code() == Errc::kConflict) co_return next;  // somebody was faster
    if (use.error().code() == Errc::kTooLarge) {
      co_return over(refuse(ProblemType::kTooLarge, "the object may not be that large"));
    }
    co_return over(state_unavailable(use.error()));
  }
  if (open) background_.spawn(abort_replaced(*replaces));
  *ours = use->get()->id();
  next.use = std::move(*use);
  co_return next;
}

// False: it takes longer than a request is held for it.
Task<bool> UploadService::Impl::completion_ended(Use use) {
  const Deadline patience(services_.clock->now() + options_.complete_wait);
  Task<bool> waiting = use->wait_settled(patience);
  co_return co_await run_on(use->executor(), std::move(waiting));
}

// A request that only continues, and finds that all is there already. Nothing to add is a success
// (TP-06): some clients end with an empty request, or repeat the last one.
Task<core::Outcome> UploadService::Impl::append_to_complete(UploadRow row, core::Append verb,
                                                            BodySource* body) {
  if (!verb.exact) co_return ended_result(row);
  const ByteOffset end = end_of(row.result->size);
  if (verb.begin != end) {
    core::Refused refusal{core::Problem(ProblemType::kOffsetMismatch, "the upload is complete"), end,
                          true};
    co_return refusal;
  }
  if (verb.total && *verb.total != row.result->size) {
    co_return refuse(ProblemType::kTotalMismatch, "the upload is complete, with another length");
  }
  bool more = verb.length && verb.length->value() > 0;
  if (!verb.length) {
    const Result<Bytes> got = co_await body->read(ByteCount(1));
    if (!got) co_return core::ClientGone{};
    more = !got->empty();
  }
  if (more) co_return refuse(ProblemType::kBodyTooLong, "the upload is complete");
  co_return ended_result(row);
}

// An upload without bytes yet: begun as by an append that always begins.
Task<core::Outcome> UploadService::Impl::begin(core::Command command, core::Create verb,
                                               core::Grant grant) {
  constexpr int kTriesMax = 8;
  core::Append as_append;
  as_append.total = verb.total;
  as_append.parallel = verb.parallel;
  std::optional<UploadId> ours;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    Turn next = co_await turn(&command, as_append, &grant, nullptr, &ours);
    if (next.over) co_return std::move(*next.over);
    if (!next.use) continue;
    // The parts are planned when the first bytes come; of nothing there is nothing to wait for.
    Task<std::optional<core::Outcome>> asking = next.use->query(core::Query(), core::RangeSet());
    std::optional<core::Outcome> outcome =
        co_await run_on(next.use->executor(), std::move(asking));
    if (outcome) co_return std::move(*outcome);
    co_return refuse(ProblemType::kTakenOver, "another request has taken over this name");
  }
  co_return refuse(ProblemType::kOverloaded, "too many requests begin this upload at once");
}

Task<Result<Use>> UploadService::Impl::create(core::Command command, core::Append verb,
                                              core::Grant grant,
                                              std::optional<UploadId> replaces) {
  if (verb.total && (*verb.total > options_.size_max ||
                     (grant.size_max && *verb.total > *grant.size_max) ||
                     *verb.total > services_.store->limits().object_max)) {
    co_return fail(Errc::kTooLarge, "announced size over the limit");
  }
  UploadRow row;
  row.id = UploadId(random_id(16));
  row.token = UploadToken(random_id(16));
  row.subject = grant.subject;
  row.name = command.name;
  row.key = ObjectKey(grant.key.value_or(command.key.value_or(command.name)));
  row.attributes = command.attributes;
  row.checksum_kind = options_.checksum.value_or(services_.store->checksum_kind());
  row.size_max = grant.size_max;
  row.created_at = services_.clock->wall_now();
  row.touched_at = row.created_at;
  row.total = verb.total;
  row.parallel = verb.parallel && verb.total;

  // In the registry before it is in the database: whoever finds the row finds us.
  bool made = false;
  const UploadId id = row.id;
  Use use = registry_->acquire(id, [this, &id] { return make_live(id); }, &made);
  UploadRow stored = row;
  Result<FenceToken> token = co_await services_.state->create(std::move(row), replaces);
  if (!token) {
    const std::shared_ptr<LiveUpload> live = use.get();
    use = Use();
    if (!live->idling()) registry_->remove_if_unused(*live);
    co_return fail(token.error());
  }
  use->adopt(std::move(stored), *token, registry_.get());
  services_.metrics->upload_created();
  co_return std::move(use);
}

// The actor of a known upload, with its state read.
Task<Result<Use>> UploadService::Impl::wake(UploadId id) {
  bool made = false;
  Use use = registry_->acquire(id, [this, &id] { return make_live(id); }, &made);
  const std::shared_ptr<LiveUpload> live = use.get();
  Task<Result<Ok>> loading = live->load(registry_.get());
  const Result<Ok> loaded = co_await run_on(live->executor(), std::move(loading));
  if (!loaded) {
    use = Use();
    if (!live->idling()) registry_->remove_if_unused(*live);
    co_return fail(loaded.error());
  }
  co_return std::move(use);
}

// Moves the body into the upload. Runs on the connection's thread; the upload may live on another.
// Null: nothing was done, the upload has to be woken again.
Task<std::unique_ptr<core::Outcome>> UploadService::Impl::pump(Use use, core::Append verb,
                                                               BodySource* body,
                                                               core::RangeSet recorded) {
  LiveUpload* const up = use.get().get();
  const Executor owner = up->executor();
  Task<Step> admission = up->admit(verb, body, std::move(recorded));
  Step step = co_await run_on(owner, std::move(admission));
  if (step.kind == Step::Kind::kStop) {
    // Completed a moment ago: what that means for a request that only continues is decided above.
    const bool complete = std::holds_alternative<core::Complete>(step.outcome);
    if (complete && verb.exact && !verb.may_begin) co_return nullptr;
    co_return std::make_unique<core::Outcome>(std::move(step.outcome));
  }
  if (step.kind == Step::Kind::kStale) {
    co_await retire(up);
    co_return nullptr;
  }
  if (!verb.parallel && verb.begin.value_or(ByteOffset()) > ByteOffset()) {
    services_.metrics->upload_resumed();
  }

  const WriterId writer = step.writer;
  ++writers_;
  BodyEnd end = BodyEnd::kClean;
  std::exception_ptr thrown;
  try {
    ByteCount left = verb.length.value_or(ByteCount(INT64_MAX));
    while (true) {
      const ByteCount max = std::min(step.max, left);
      if (max.value() == 0) {
        // As much as was announced is here. More would be a lie about the length, unless the
        // framing is known to say too much.
        if (verb.cut_body) break;
        Result<Bytes> more = co_await body->read(ByteCount(1));
        if (!more) end = end_of_body(more.error().code());
        if (more && !more->empty()) end = BodyEnd::kTooLong;
        break;
      }
      Result<Bytes> chunk = co_await body->read(max);
      if (!chunk) {
        end = end_of_body(chunk.error().code());
        break;
      }
      if (chunk->empty()) break;
      left -= chunk->size();
      Task<Step> offering = up->offer(writer, std::move(*chunk));
      step = co_await run_on(owner, std::move(offering));
      if (step.kind == Step::Kind::kStop) break;
    }
  } catch (...) {
    thrown = std::current_exception();
    end = BodyEnd::kDisconnected;
  }
  --writers_;
  std::unique_ptr<core::Outcome> outcome;
  if (!thrown && step.kind == Step::Kind::kStop) {
    outcome = std::make_unique<core::Outcome>(std::move(step.outcome));
  } else {
    outcome = co_await finish(use.get(), writer, end);
  }
  if (thrown) std::rethrow_exception(thrown);
  const bool success = std::holds_alternative<core::Complete>(*outcome) ||
                       std::holds_alternative<core::Incomplete>(*outcome);
  if (success && verb.exact) {
    // It would say that the bytes of this very request are stored (T-95).
    Task<bool> asking = up->has_newer_writer(writer);
    const bool superseded = co_await run_on(owner, std::move(asking));
    if (superseded) *outcome = refuse(ProblemType::kTakenOver, "a newer request took over");
  }
  co_return outcome;
}

Task<std::unique_ptr<core::Outcome>> UploadService::Impl::finish(std::shared_ptr<LiveUpload> up,
                                                                 WriterId writer, BodyEnd end) {
  Task<core::Outcome> finishing = up->finish(writer, end);
  core::Outcome outcome = co_await run_on(up->executor(), std::move(finishing));
  co_return std::make_unique<core::Outcome>(std::move(outcome));
}

// What this object still has on its way to the store ends before another one begins: two part
// requests of one number must not cross.
Task<void> UploadService::Impl::retire(LiveUpload* stale) {
  Task<void> quiet = stale->wait_quiet();
  co_await run_on_void(stale->executor(), std::move(quiet));
  registry_->retire(*stale);
}

// The database has moved the old attempt to aborting already; what is left is to act on it.
Task<void> UploadService::Impl::abort_replaced(UploadId id) {
  Use live = registry_->find(id);
  if (live) {
    Task<Result<Ok>> replacing = live->replaced();
    const Result<Ok> done = co_await run_on(live->executor(), std::move(replacing));
    static_cast<void>(done);
    // Whoever failed to load it meanwhile left it to us.
    const std::shared_ptr<LiveUpload> upload = live.get();
    live = Use();
    if (!upload->idling()) registry_->remove_if_unused(*upload);
    co_return;
  }
  const Result<Use> use = co_await wake(id);  // loading drives the abort
  if (!use) {
    services_.log->warn("replaced upload not removed yet",
                        {{"upload_id", id.str()}, {"error", use.error().detail()}});
  }
}

// --- the others

Task<core::Outcome> UploadService::Impl::query(core::Command command, core::Query verb,
                                               core::Grant grant) {
  Result<UploadRow> row = co_await services_.state->find(grant.subject, command.name);
  if (!row) {
    if (row.error().code() != Errc::kNotFound) co_return state_unavailable(row.error());
    co_return refuse(ProblemType::kUploadNotFound, "no upload of that name");
  }
  const bool running =
      row->state == UploadState::kOpen || row->state == UploadState::kCompleting;
  if (!running) co_return ended_result(*row);
  constexpr int kTriesMax = 3;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    Result<Use> use = co_await wake(row->id);
    if (!use) co_return state_unavailable(use.error());
    Task<std::optional<core::Outcome>> asking = use->get()->query(verb, durable_ranges(*row));
    std::optional<core::Outcome> outcome =
        co_await run_on(use->get()->executor(), std::move(asking));
    if (outcome) co_return std::move(*outcome);
    co_await retire(use->get().get());
  }
  co_return refuse(ProblemType::kOverloaded, "the upload's state cannot be read right now");
}

Task<core::Outcome> UploadService::Impl::cancel(core::Command command, core::Cancel verb,
                                                core::Grant grant) {
  constexpr int kTriesMax = 3;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    Result<UploadRow> row = co_await services_.state->find(grant.subject, command.name);
    if (!row) {
      if (row.error().code() != Errc::kNotFound) co_return state_unavailable(row.error());
      co_return refuse(ProblemType::kUploadNotFound, "no upload of that name");
    }
    if (row->state == UploadState::kAborting || row->state == UploadState::kAborted) {
      co_return refuse(ProblemType::kUploadGone, "the upload was " + row->reason);
    }
    const bool complete = row->state == UploadState::kComplete;
    if (complete && !verb.release_complete) {
      co_return refuse(ProblemType::kAlreadyComplete, "the object exists; it is not deleted here");
    }
    Result<Use> use = co_await wake(row->id);
    if (!use) co_return state_unavailable(use.error());
    const Executor owner = use->get()->executor();
    if (complete) {
      Task<Result<Ok>> releasing = use->get()->release_name();
      const Result<Ok> released = co_await run_on(owner, std::move(releasing));
      if (!released) co_return state_unavailable(released.error());
      co_return core::Cancelled{};
    }
    Task<Result<Ok>> aborting = use->get()->abort("cancelled");
    const Result<Ok> aborted = co_await run_on(owner, std::move(aborting));
    if (aborted) {
      // The client is told when the parts are gone, or after a while; the rest happens anyway.
      const Deadline patience(services_.clock->now() + std::chrono::seconds(5));
      Task<bool> waiting = use->get()->wait_settled(patience);
      co_await run_on(owner, std::move(waiting));
      co_return core::Cancelled{};
    }
    const Errc code = aborted.error().code();
    const bool completing = code == Errc::kConflict || code == Errc::kCancelled;
    if (!completing) co_return state_unavailable(aborted.error());
    if (!verb.release_complete) {
      co_return refuse(ProblemType::kAlreadyComplete, "the upload is being completed");
    }
    const bool ended = co_await completion_ended(std::move(*use));
    if (!ended) break;
  }
  co_return refuse(ProblemType::kCompleting, "the object is being assembled");
}

Task<core::Outcome> UploadService::Impl::inspect(core::Command command, core::Grant grant) {
  Result<UploadRow> row = co_await services_.state->find(grant.subject, command.name);
  if (!row) {
    if (row.error().code() != Errc::kNotFound) co_return state_unavailable(row.error());
    co_return refuse(ProblemType::kUploadNotFound, "no upload of that name");
  }
  const bool writing = registry_->is_writing(row->id);
  co_return describe(*row, writing, options_.expire_after);
}

Task<void> UploadService::Impl::recover() {
  UploadFilter filter;
  filter.states = {UploadState::kCompleting, UploadState::kAborting};
  filter.limit = 100;
  while (!draining_) {
    UploadFilter page = filter;
    Result<std::vector<UploadRow>> rows = co_await services_.state->list(std::move(page));
    if (!rows) {
      services_.log->warn("unfinished uploads not listed", {{"error", rows.error().detail()}});
      co_return;
    }
    for (const UploadRow& row : *rows) {
      filter.after = row.id;
      Result<Use> use = co_await wake(row.id);
      if (!use) {
        services_.log->warn("upload not recovered",
                            {{"upload_id", row.id.str()}, {"error", use.error().detail()}});
        continue;
      }
      Task<void> driving = use->get()->drive_again();
      co_await run_on_void(use->get()->executor(), std::move(driving));
    }
    if (rows->size() < filter.limit) co_return;
  }
}

Task<Result<Ok>> UploadService::Impl::abort(UploadId id, std::string reason) {
  Result<Use> use = co_await wake(std::move(id));
  if (!use) co_return fail(use.error());
  Task<Result<Ok>> aborting = use->get()->abort(std::move(reason));
  co_return co_await run_on(use->get()->executor(), std::move(aborting));
}

// --- memory and shutdown

void UploadService::Impl::relieve_pressure() noexcept {
  relief_asked_ = true;
  if (relieving_.exchange(true)) return;  // it will look again
  boost::asio::post(services_.executor, [this] { background_.spawn(relieve()); });
}

// Goes on for as long as memory is short: what could not be parked a moment ago may be parkable now,
// and nobody asks twice for the same wait.
Task<void> UploadService::Impl::relieve() {
  // To look at each upload costs a few microseconds: at most some percent of the time.
  constexpr Duration kPauseFirst = std::chrono::milliseconds(20);
  constexpr Duration kPausePerUpload = std::chrono::microseconds(50);
  constexpr Duration kPauseMax = std::chrono::seconds(1);
  constexpr int kPatience = 10;  // rounds, some of them long
  Duration pause{};
  int in_vain = 0;
  while (true) {
    const Duration shortest =
        kPauseFirst + kPausePerUpload * static_cast<Duration::rep>(registry_->size());
    if (relief_asked_.exchange(false)) pause = Duration::zero();
    pause = std::max(pause, shortest);
    const bool helped = relieve_once(in_vain >= kPatience);
    const bool awaited = services_.pool->usage().waiting > 0;
    in_vain = helped || !awaited ? 0 : in_vain + 1;
    // Give what was started a moment before the next choice is made.
    const Instant soon = services_.clock->now() + pause;
    co_await park_more(soon);
    pause = std::max(std::min(pause * 2, kPauseMax), shortest);
    const bool short_of_it = services_.pool->crowded() || services_.pool->usage().waiting > 0;
    if (relief_asked_ || short_of_it) continue;
    registry_->count_reclaimable(-std::exchange(reclaimable_, 0));
    relieving_ = false;
    // Asked between the look and the end?
    if (!relief_asked_ || relieving_.exchange(true)) co_return;
  }
}

// What does not come back by itself may have half of the budget; the rest is for what flows. More is
// parked, longest held first. `at_any_rate`: somebody has waited for long, and nothing flows.
// False: nothing was begun.
bool UploadService::Impl::relieve_once(bool at_any_rate) {
  struct Candidate {
    std::shared_ptr<LiveUpload> upload;
    LiveUpload::Reclaimable memory;
  };
  const Executor here = services_.executor;
  // Ours only: the state of others may be read on their threads alone.
  const std::vector<std::shared_ptr<LiveUpload>> ours =
      registry_->peek([&](const LiveUpload& live) { return live.executor() == here; });
  std::vector<Candidate> candidates;
  std::int64_t own = 0;
  std::uint32_t parking = 0;
  parking_.clear();
  to_park_.clear();
  for (const std::shared_ptr<LiveUpload>& live : ours) {
    if (at_any_rate) live->let_go_of_reserves();
    const LiveUpload::Reclaimable memory = live->reclaimable();
    parking += memory.parking;
    if (memory.parking > 0) parking_.push_back(live);
    if (memory.bytes == ByteCount()) continue;
    candidates.push_back(Candidate{live, memory});
    own += static_cast<std::int64_t>(memory.bytes.value());
  }
  const std::int64_t all = registry_->count_reclaimable(own - std::exchange(reclaimable_, own));
  const auto budget = static_cast<std::int64_t>(services_.pool->usage().budget.value());
  std::int64_t excess = std::max<std::int64_t>(all - budget / 2, 0);
  if (at_any_rate) excess = std::max(excess, budget / 8);
  if (own == 0 || excess == 0) return false;
  // Each thread its share.
  const double share = static_cast<double>(own) / static_cast<double>(std::max(all, own));
  const ByteCount enough(static_cast<std::uint64_t>(static_cast<double>(excess) * share) + 1);
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.memory.byte_seconds > b.memory.byte_seconds;
  });
  ByteCount leaving;
  for (const Candidate& candidate : candidates) {
    if (leaving >= enough) break;
    const ByteCount rest = enough - leaving;
    leaving += candidate.memory.bytes;
    if (parking >= kParksMax) {
      to_park_.push_back(Chosen{candidate.upload, rest});
      continue;
    }
    ++parking;
    candidate.upload->give_memory_back(rest);
    parking_.push_back(candidate.upload);
  }
  return leaving > ByteCount();
}

// Parks what was chosen, one for each that has ended: thousands are not looked at for each of them.
Task<void> UploadService::Impl::park_more(Instant until) {
  constexpr Duration kPause = std::chrono::milliseconds(10);
  const auto ended = [](const std::weak_ptr<LiveUpload>& upload) {
    const std::shared_ptr<LiveUpload> live = upload.lock();
    return !live || live->reclaimable().parking == 0;
  };
  while (!to_park_.empty()) {
    const Instant soon = services_.clock->now() + kPause;
    if (soon >= until) break;
    co_await services_.clock->sleep_until(soon);
    std::erase_if(parking_, ended);
    while (!to_park_.empty() && parking_.size() < kParksMax) {
      const Chosen next = std::move(to_park_.front());
      to_park_.pop_front();
      const std::shared_ptr<LiveUpload> live = next.upload.lock();
      if (!live) continue;
      const Use use = registry_->find(live->id());  // it may be about to leave
      if (use.get() != live) continue;
      live->give_memory_back(next.enough);
      parking_.push_back(next.upload);
    }
  }
  co_await services_.clock->sleep_until(until);
}

Task<void> UploadService::Impl::drain(Deadline deadline) {
  draining_ = true;
  const Executor here = services_.executor;
  std::vector<Use> ours =
      registry_->select([&](const LiveUpload& live) { return live.executor() == here; });
  // What is nearly done may end by itself.
  while (executing_ > 0) {
    const Signal::Seen seen = executed_.seen();
    if (executing_ == 0) break;
    const bool moved = co_await wait_until(&executed_, seen, services_.clock, deadline.at());
    if (!moved) break;
  }
  const Deadline end(std::max(services_.clock->now(), deadline.at()) + kParkTime);
  for (const Use& use : ours) use->interrupt_for_drain();
  while (executing_ > 0) {
    const Signal::Seen seen = executed_.seen();
    if (executing_ == 0) break;
    const bool moved = co_await wait_until(&executed_, seen, services_.clock, end.at());
    if (!moved) break;
  }
  for (const Use& use : ours) {
    if (services_.clock->now() >= end.at()) break;
    const Result<Ok> settled = co_await use->settle(end);
    if (!settled && settled.error().code() != Errc::kCancelled) {
      services_.log->warn("tail not parked at shutdown",
                          {{"upload_id", use->id().str()}, {"error", settled.error().detail()}});
    }
    const bool ended = co_await use->wait_settled(end);
    if (!ended) break;
  }
}

Task<void> UploadService::Impl::stop() {
  const Executor here = services_.executor;
  stopped_ = true;  // nothing begins any more
  // In rounds: requests on their way to their end still start things, and wait for each other's and
  // other instances' work.
  while (true) {
    background_.cancel();
    std::vector<Use> ours =
        registry_->select([&](const LiveUpload& live) { return live.executor() == here; });
    for (const Use& use : ours) co_await use->stop();
    ours.clear();  // held, they would keep their own watchers from ending
    if (executing_ == 0 && background_.running() == 0) break;
    co_await services_.clock->sleep_until(services_.clock->now() + std::chrono::milliseconds(5));
  }
}

UploadService::Status UploadService::Impl::status() const {
  Status status;
  status.live_uploads = registry_->size();
  status.writers = writers_;
  return status;
}

// --- the public face

UploadService::UploadService(Services services, EngineOptions options,
                             std::shared_ptr<Registry> registry)
    : impl_(std::make_unique<Impl>(std::move(services), options, std::move(registry))) {}

UploadService::~UploadService() = default;

Task<core::Outcome> UploadService::execute(core::Command command, core::Grant grant,
                                           BodySource* body) {
  return impl_->execute(std::move(command), std::move(grant), body);
}

Task<void> UploadService::recover() { return impl_->recover(); }

Task<Result<Ok>> UploadService::abort(UploadId id, std::string reason) {
  return impl_->abort(std::move(id), std::move(reason));
}

Task<void> UploadService::drain(Deadline deadline) { return impl_->drain(deadline); }

Task<void> UploadService::stop() { return impl_->stop(); }

void UploadService::relieve_pressure() noexcept { impl_->relieve_pressure(); }

UploadService::Status UploadService::status() const { return impl_->status(); }

}  // namespace sluice::engine
