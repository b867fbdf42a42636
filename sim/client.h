// Client: somebody who wants a file to be stored and does not give up, or somebody who gets in the
// way. Speaks in commands, as the dialects do; its lines break and its patience ends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/task.h"
#include "core/command.h"
#include "core/range_set.h"
#include "sim/body.h"
#include "sim/checker.h"
#include "sim/draw.h"
#include "sim/outside.h"
#include "sim/process.h"

namespace sluice::sim {

enum class ClientKind {
  kPutsWhole,       // bare PUT; again from the start after a failure
  kContinues,       // the whole range first, then asks and sends the rest
  kSendsChunks,     // ranges of its own size, the total known
  kSendsUntilDone,  // chunks without a total; the last one tells it
  kAppendsExactly,  // begins without bytes, then appends at the offset it was told (tus)
  kSwarms,          // one connection of a parallel upload: any ranges of it, in any order
  kAsks,            // queries and inspections only
  kCancels,         // one cancel, some time
};

class Client {
 public:
  // `any_process`: one that answers right now; nullptr if there is none (connection refused).
  Client(Outside* outside, std::string name, ClientKind kind, const File* file,
         std::function<Process*()> any_process, std::uint64_t seed);

  Task<void> run();
  bool done() const noexcept { return done_; }
  const std::string& name() const noexcept { return name_; }

 private:
  using Answer = std::optional<core::Outcome>;  // empty: the connection broke

  Task<void> put_whole();
  Task<void> continue_whole();
  Task<void> send_chunks(bool total_known);
  Task<void> append_exactly();
  Task<void> swarm();
  Task<void> ask();
  Task<void> cancel();

  Task<Answer> put();
  Task<Answer> send(ByteOffset begin, std::size_t length, bool with_total, bool ends_object);
  Task<Answer> create(bool with_total);
  Task<Answer> begin_parallel();
  Task<Answer> send_parallel(ByteRange range);
  Task<Answer> send_append(core::Append append, std::size_t length);
  Task<Answer> query(bool with_total);
  Task<Answer> exchange(core::Command command, std::shared_ptr<SimBody> body);
  Task<void> sleep(Duration time);
  Task<void> rest();
  core::Command command() const;
  std::shared_ptr<SimBody> body_of(ByteOffset begin, std::size_t length);
  bool succeeded(const Answer& answer);
  // Where to go on, from an answer that says it; nullopt: ask again.
  std::optional<ByteOffset> next_offset(const Answer& answer) const;
  bool begin_again(const Answer& answer) const;
  // A range of a parallel upload of which this is stored.
  ByteRange next_range(const core::RangeSet& stored);
  bool gives_up();

  Outside* const outside_;
  const std::string name_;
  const ClientKind kind_;
  const File* const file_;
  const std::function<Process*()> any_process_;
  Draw draw_;
  const bool persistent_;
  bool done_ = false;
};

}  // namespace sluice::sim
