#include "sim/client.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>
#include <vector>

#include "engine/wait.h"

namespace sluice::sim {

using core::Complete;
using core::Incomplete;
using core::ProblemType;
using core::Refused;

namespace {

constexpr Duration kPatience = std::chrono::seconds(90);

std::string_view describe(const core::Outcome& outcome, std::uint64_t* number) {
  if (const auto* incomplete = std::get_if<Incomplete>(&outcome)) {
    *number = incomplete->offset.value();
    return "incomplete";
  }
  if (const auto* refused = std::get_if<Refused>(&outcome)) {
    if (refused->offset) *number = refused->offset->value();
    return refused->problem.detail;
  }
  if (std::holds_alternative<Complete>(outcome)) return "complete";
  if (std::holds_alternative<core::Cancelled>(outcome)) return "cancelled";
  if (std::holds_alternative<core::Inspected>(outcome)) return "inspected";
  return "client gone";
}

}  // namespace

Client::Client(Outside* outside, std::string name, ClientKind kind, const File* file,
               std::function<Process*()> any_process, std::uint64_t seed)
    : outside_(outside),
      name_(std::move(name)),
      kind_(kind),
      file_(file),
      any_process_(std::move(any_process)),
      draw_(seed),
      persistent_(!draw_.chance(outside->settings.abandoned)) {}

Task<void> Client::run() {
  const Duration start = draw_.time_up_to(std::chrono::seconds(draw_.between(0, 30)));
  co_await sleep(start);
  switch (kind_) {
    case ClientKind::kPutsWhole:
      co_await put_whole();
      break;
    case ClientKind::kContinues:
      co_await continue_whole();
      break;
    case ClientKind::kSendsChunks:
      co_await send_chunks(true);
      break;
    case ClientKind::kSendsUntilDone:
      co_await send_chunks(false);
      break;
    case ClientKind::kAppendsExactly:
      co_await append_exactly();
      break;
    case ClientKind::kSwarms:
      co_await swarm();
      break;
    case ClientKind::kAsks:
      co_await ask();
      break;
    case ClientKind::kCancels:
      co_await cancel();
      break;
  }
  done_ = true;
  outside_->note(name_, "is done");
}

// --- ways to send a file

Task<void> Client::put_whole() {
  while (!gives_up()) {
    const Answer answer = co_await put();
    if (succeeded(answer)) co_return;
    co_await rest();
  }
}

Task<void> Client::continue_whole() {
  std::optional<ByteOffset> at = ByteOffset();
  while (!gives_up()) {
    Answer answer;
    if (at) {
      answer = co_await send(*at, file_->content.size() - at->value(), true, false);
    } else {
      answer = co_await query(true);
    }
    if (succeeded(answer)) co_return;
    at = begin_again(answer) ? ByteOffset() : next_offset(answer);
    co_await rest();
  }
}

Task<void> Client::send_chunks(bool total_known) {
  const std::size_t size = file_->content.size();
  const std::size_t chunk = draw_.between(1, std::max<std::size_t>(size / 2, 1));
  std::optional<ByteOffset> at = ByteOffset();
  while (!gives_up()) {
    Answer answer;
    if (at) {
      const std::size_t left = size - at->value();
      const std::size_t length = std::min(chunk, left);
      const bool last = length == left;
      const bool ends_object = last && !total_known && draw_.chance(500);
      answer = co_await send(*at, length, total_known || (last && !ends_object), ends_object);
    } else {
      answer = co_await query(total_known && draw_.chance(500));
    }
    if (succeeded(answer)) co_return;
    at = begin_again(answer) ? ByteOffset() : next_offset(answer);
    // A client that is getting on need not wait.
    if (!at) co_await rest();
  }
}

Task<void> Client::append_exactly() {
  const std::size_t size = file_->content.size();
  const std::size_t chunk = draw_.between(1, std::max<std::size_t>(size, 1));
  const bool total_known = draw_.chance(700);
  std::optional<ByteOffset> at;
  while (!gives_up()) {
    Answer answer;
    if (at) {
      core::Append append;
      append.begin = *at;
      append.may_begin = false;
      append.exact = true;
      const std::size_t length = std::min<std::size_t>(chunk, size - at->value());
      if (draw_.chance(700)) append.length = ByteCount(length);
      if (length == size - at->value()) append.total = ByteCount(size);
      answer = co_await send_append(append, length);
    } else {
      core::Query query;
      query.settle = draw_.chance(300);
      core::Command request = command();
      request.verb = query;
      answer = co_await exchange(std::move(request), nullptr);
    }
    if (succeeded(answer)) co_return;
    if (begin_again(answer)) {
      // Others of the same name may have begun again meanwhile: two that only ever begin would
      // replace each other's upload for ever.
      co_await rest();
      answer = co_await query(false);
      if (begin_again(answer)) answer = co_await create(total_known);
      if (succeeded(answer)) co_return;
    }
    at = next_offset(answer);
    if (!at) co_await rest();
  }
}

Task<void> Client::swarm() {
  core::RangeSet stored;
  while (!gives_up()) {
    const ByteRange range = next_range(stored);
    Answer answer;
    if (range.empty() || draw_.chance(100)) {
      answer = co_await query(draw_.chance(500));
    } else {
      answer = co_await send_parallel(range);
    }
    if (succeeded(answer)) co_return;
    if (begin_again(answer)) {
      // Somebody may have begun again meanwhile.
      stored = core::RangeSet();
      co_await rest();
      answer = co_await query(false);
      if (begin_again(answer)) answer = co_await begin_parallel();
      if (succeeded(answer)) co_return;
    }
    const auto* incomplete = answer ? std::get_if<Incomplete>(&*answer) : nullptr;
    if (incomplete != nullptr) {
      stored = core::RangeSet();
      for (const ByteRange& known : incomplete->ranges) stored.add(known);
    } else {
      co_await rest();
    }
  }
}

// --- others

Task<void> Client::ask() {
  for (std::uint64_t left = draw_.between(1, 12); left > 0; --left) {
    if (draw_.chance(700)) {
      const Answer answer = co_await query(false);
      static_cast<void>(answer);
    } else {
      core::Command inspect = command();
      inspect.verb = core::Inspect();
      const Answer answer = co_await exchange(std::move(inspect), nullptr);
      static_cast<void>(answer);
    }
    co_await rest();
  }
}

Task<void> Client::cancel() {
  core::Command cancel = command();
  cancel.verb = core::Cancel();
  const Answer answer = co_await exchange(std::move(cancel), nullptr);
  static_cast<void>(answer);
}

// --- requests

core::Command Client::command() const {
  core::Command command;
  command.name = file_->name;
  command.attributes.metadata.emplace_back("file", std::to_string(file_->id));
  return command;
}

std::shared_ptr<SimBody> Client::body_of(ByteOffset begin, std::size_t length) {
  const Settings& settings = outside_->settings;
  LineEnd end = LineEnd::kClean;
  std::size_t arrives = length;
  if (!outside_->calm && length > 0) {
    if (draw_.chance(settings.cut_bodies)) end = LineEnd::kBreaks;
    if (draw_.chance(settings.stalled_bodies)) end = LineEnd::kFallsSilent;
    if (end != LineEnd::kClean) arrives = draw_.between(0, length - 1);
  }
  const Duration pause = outside_->calm ? Duration::zero() : settings.body_pause;
  return std::make_shared<SimBody>(file_->content.substr(begin.value(), length), arrives, end,
                                   pause, draw_.branch());
}

Task<Client::Answer> Client::put() {
  core::Append append;
  append.ends_object = true;
  if (draw_.chance(600)) {
    append.total = ByteCount(file_->content.size());
    append.length = append.total;
  }
  core::Command request = command();
  request.verb = append;
  std::shared_ptr<SimBody> body = body_of(ByteOffset(), file_->content.size());
  co_return co_await exchange(std::move(request), std::move(body));
}

Task<Client::Answer> Client::send(ByteOffset begin, std::size_t length, bool with_total,
                                  bool ends_object) {
  core::Append append;
  append.begin = begin;
  append.ends_object = ends_object;
  if (!ends_object || draw_.chance(500)) append.length = ByteCount(length);
  if (with_total) append.total = ByteCount(file_->content.size());
  co_return co_await send_append(append, length);
}

Task<Client::Answer> Client::create(bool with_total) {
  core::Create create;
  if (with_total) create.total = ByteCount(file_->content.size());
  core::Command request = command();
  request.verb = create;
  co_return co_await exchange(std::move(request), nullptr);
}

// The empty request.
Task<Client::Answer> Client::begin_parallel() {
  core::Append append;
  append.length = ByteCount();
  append.ends_object = file_->content.empty();
  append.total = ByteCount(file_->content.size());
  append.parallel = true;
  core::Command request = command();
  request.verb = append;
  std::shared_ptr<SimBody> body = body_of(ByteOffset(), 0);
  co_return co_await exchange(std::move(request), std::move(body));
}

Task<Client::Answer> Client::send_parallel(ByteRange range) {
  core::Append append;
  append.begin = range.begin();
  append.length = range.size();
  append.total = ByteCount(file_->content.size());
  append.parallel = true;
  co_return co_await send_append(append, range.size().value());
}

Task<Client::Answer> Client::send_append(core::Append append, std::size_t length) {
  const ByteOffset begin = *append.begin;
  core::Command request = command();
  request.verb = append;
  if (!outside_->calm && draw_.chance(outside_->settings.replays)) {
    // Browsers send a request again by themselves after a reset: the first may still be running.
    Process* const process = any_process_();
    if (process != nullptr) {
      process->receive(request, body_of(begin, length), std::make_shared<Reply>());
    }
    const Duration between = draw_.time_up_to(std::chrono::seconds(2));
    co_await sleep(between);
  }
  std::shared_ptr<SimBody> body = body_of(begin, length);
  co_return co_await exchange(std::move(request), std::move(body));
}

Task<Client::Answer> Client::query(bool with_total) {
  core::Query query;
  if (with_total) query.total = ByteCount(file_->content.size());
  core::Command request = command();
  request.verb = query;
  co_return co_await exchange(std::move(request), nullptr);
}

Task<Client::Answer> Client::exchange(core::Command request, std::shared_ptr<SimBody> body) {
  Process* const process = any_process_();
  if (process == nullptr) co_return std::nullopt;
  static constexpr std::string_view kVerbs[] = {"append", "query", "cancel", "inspect", "create"};
  const auto* append = std::get_if<core::Append>(&request.verb);
  outside_->note(name_, kVerbs[request.verb.index()], process->name(),
                 append != nullptr && append->begin ? append->begin->value() : 0,
                 append != nullptr && append->length ? append->length->value() : 0);
  auto reply = std::make_shared<Reply>();
  process->receive(std::move(request), body, reply);
  const bool impatient = !outside_->calm && draw_.chance(outside_->settings.impatience);
  const Duration patience = impatient ? draw_.time_up_to(std::chrono::seconds(5)) : kPatience;
  const Instant until = outside_->now() + patience;
  while (!reply->outcome && !reply->broken) {
    const Signal::Seen seen = reply->moved.seen();
    if (reply->outcome || reply->broken) break;
    const bool moved = co_await engine::wait_until(&reply->moved, seen, &outside_->clock, until);
    if (!moved) break;
  }
  if (body) body->disconnect();
  if (!reply->outcome) {
    outside_->note(name_, "hears nothing");
    co_return std::nullopt;
  }
  std::uint64_t number = 0;
  const std::string_view said = describe(*reply->outcome, &number);
  outside_->note(name_, "hears", said, number);
  co_return std::move(reply->outcome);
}

Task<void> Client::sleep(Duration time) {
  const Instant until = outside_->now() + time;
  co_await outside_->clock.sleep_until(until);
}

Task<void> Client::rest() {
  const Duration pause = draw_.time_up_to(std::chrono::seconds(draw_.chance(700) ? 2 : 15));
  co_await sleep(pause);
}

bool Client::succeeded(const Answer& answer) {
  if (!answer) return false;
  const auto* complete = std::get_if<Complete>(&*answer);
  if (complete == nullptr) return false;
  return complete->result.size.value() == file_->content.size();
}

std::optional<ByteOffset> Client::next_offset(const Answer& answer) const {
  if (!answer) return std::nullopt;
  const auto* incomplete = std::get_if<Incomplete>(&*answer);
  if (incomplete == nullptr || incomplete->offset.value() > file_->content.size()) {
    return std::nullopt;
  }
  return incomplete->offset;
}

// Nothing is there to be continued.
bool Client::begin_again(const Answer& answer) const {
  if (!answer) return false;
  const auto* refused = std::get_if<Refused>(&*answer);
  if (refused == nullptr) return false;
  const ProblemType type = refused->problem.type;
  return type == ProblemType::kUploadNotFound || type == ProblemType::kUploadGone ||
         type == ProblemType::kUploadFailed;
}

// What is missing, from one border to any place in it; now and then anything.
ByteRange Client::next_range(const core::RangeSet& stored) {
  const std::uint64_t size = file_->content.size();
  if (size == 0) return {};
  const ByteRange all{ByteOffset(), ByteOffset(size)};
  const std::vector<ByteRange> missing = stored.missing(all);
  if (missing.empty()) return {};
  ByteRange within = missing[draw_.between(0, missing.size() - 1)];
  if (draw_.chance(200)) within = all;
  const std::uint64_t low = within.begin().value();
  const std::uint64_t high = within.end().value();
  const std::uint64_t begin = draw_.chance(500) ? low : draw_.between(low, high - 1);
  const std::uint64_t end = draw_.chance(300) ? high : draw_.between(begin + 1, high);
  return {ByteOffset(begin), ByteOffset(end)};
}

bool Client::gives_up() {
  return !persistent_ && (outside_->calm || draw_.chance(250));
}

}  // namespace sluice::sim
