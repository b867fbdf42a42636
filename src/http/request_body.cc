#include "http/request_body.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/check.h"

namespace sluice::http {

namespace {

constexpr std::size_t kBatchMin = BlockPool::kBlockBytes;
// Wake up for this much of a body, or for less after kPatience. limits digest 3: 16 KiB is the knee
// between wake-ups and kernel memory.
constexpr std::size_t kLowWater = 16U << 10;
constexpr std::chrono::seconds kPatience{1};
// Whose calls bring that much is worth waiting for a quarter of the next one.
constexpr std::size_t kBatchFast = 1U << 20;
constexpr std::chrono::seconds kHintPause{1};
// Who is known to be slow is waited for until a block is full, or for so long: thousands of slow
// clients wait in the kernel, not in the pool, and what has to be put aside when memory is short are
// whole blocks. The stream asks for less where the kernel has no memory for that.
constexpr std::size_t kLowWaterSlow = BlockPool::kBlockBytes;
constexpr std::chrono::seconds kPatienceSlow{12};
// Slow is who would not fill a block in kPatience, but brings so much at a time. Bytes that come one
// by one cost nothing, and whoever sends them may be waiting for them to arrive.
constexpr std::size_t kSlowMin = 1U << 10;
// Chunks up to this size are moved together inside their block; a slice for each would cost more.
constexpr std::size_t kJoinMax = 4U << 10;
constexpr std::size_t kDrainBuffer = 16U << 10;
constexpr ByteCount kReportEvery{1U << 20};
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::size_t clamp_to_size(std::uint64_t n) noexcept {
  return static_cast<std::size_t>(
      std::min<std::uint64_t>(n, std::numeric_limits<std::size_t>::max()));
}

// To the engine, too much framing is as broken as any other (engine/body_source.h).
Error framing_error(const Error& error) {
  return Error(Errc::kInvalidArgument, error.detail());
}

}  // namespace

class RequestBody::Interruptible {
 public:
  Interruptible(Interrupt* shared, Stream* stream) : shared_(shared) { shared_->reading = stream; }
  ~Interruptible() { shared_->reading = nullptr; }
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

 private:
  Interrupt* const shared_;
};

RequestBody::RequestBody(Services services, const wire::RequestHead& head, std::string early)
    : services_(std::move(services)),
      chunked_(head.framing == wire::BodyFraming::kChunked),
      interrupt_(std::make_shared<Interrupt>()),
      early_(std::move(early)),
      continue_due_(head.expects_continue && early_.empty()),
      left_(head.content_length.value()),
      batch_(kBatchMin),
      received_at_(services_.clock->now()),
      patience_(kPatience) {
  interrupt_->body = this;
  early_.shrink_to_fit();  // it comes with the memory of the whole head
  if (!chunked_ && left_ == 0) finish();
}

RequestBody::~RequestBody() {
  interrupt_->body = nullptr;
  if (unreported_ > ByteCount()) services_.metrics->received(unreported_);
}

Task<Result<Bytes>> RequestBody::read(ByteCount max) {
  SLUICE_CHECK(max > ByteCount());
  Bytes out;
  while (out.empty()) {
    if (interrupt_->asked.load()) co_return fail(Errc::kCancelled, "interrupted");
    if (failure_) co_return fail(*failure_);
    if (finished_) break;
    std::size_t want = std::min(clamp_to_size(max.value()), batch());
    if (!chunked_) want = std::min(want, clamp_to_size(left_));
    auto filled = co_await fill(want);
    if (filled) {
      accept(*filled, &out);
    } else if (filled.error().code() != Errc::kCancelled) {
      failure_ = std::move(filled).error();
      tail_ = BlockRef();
    }
  }
  co_return out;
}

void RequestBody::interrupt() noexcept {
  interrupt_->asked.store(true);
  interrupt_->room.notify_all();
  // Only a wait that is still going on is cancelled: by the time this runs the connection may be
  // reading its next request.
  auto cancel = [shared = interrupt_] {
    if (shared->reading != nullptr) shared->reading->cancel_read();
  };
  boost::asio::post(services_.executor, std::move(cancel));
}

void RequestBody::durable(ByteOffset end) noexcept {
  std::uint64_t known = durable_.load();
  while (known < end.value() && !durable_.compare_exchange_weak(known, end.value())) {
  }
}

void RequestBody::hint(Hints hints) {
  hints_ = std::move(hints);
  hinted_at_ = services_.clock->now();
  told_at_ = hinted_at_;
}

void RequestBody::let_go() noexcept {
  auto let_go = [shared = interrupt_] {
    if (shared->body != nullptr) shared->body->tail_ = BlockRef();
  };
  boost::asio::post(services_.executor, std::move(let_go));
}

std::optional<ByteCount> RequestBody::rest() const noexcept {
  if (finished_) return ByteCount();
  if (chunked_) return std::nullopt;
  return ByteCount(left_);
}

Task<bool> RequestBody::drain(std::size_t bytes_max, Deadline deadline) {
  std::string buffer;
  std::size_t drained = 0;
  while (!finished_ && !failure_) {
    if (early_.empty()) {
      if (drained >= bytes_max) co_return false;
      std::size_t want = std::min(kDrainBuffer, bytes_max - drained);
      if (!chunked_) {
        if (left_ > bytes_max - drained) co_return false;
        want = std::min(want, clamp_to_size(left_));
      }
      buffer.resize(want);
      std::vector<MutableBuffer> into;
      into.push_back(MutableBuffer{reinterpret_cast<std::byte*>(buffer.data()), want});
      const auto got = co_await services_.stream->read(std::move(into), deadline);
      if (!got || *got == 0) {
        failure_ = got ? Error(Errc::kDisconnected, "the body was cut") : got.error();
        break;
      }
      drained += *got;
      early_.assign(buffer, 0, *got);
    }
    swallow_early();
  }
  co_return finished_;
}

std::string RequestBody::take_behind() {
  SLUICE_CHECK(finished_);
  return std::exchange(early_, std::string());
}

// Receives up to `want` bytes into blocks. Waits for the client first and for memory then, so that
// a silent client holds none.
Task<Result<std::vector<RequestBody::Region>>> RequestBody::fill(std::size_t want) {
  const auto told = co_await say_interim();
  if (!told) co_return fail(told.error());
  if (!early_.empty()) {
    auto room = co_await make_room(std::min(want, early_.size()));
    if (!room) co_return room;
    std::size_t copied = 0;
    for (const Region& region : *room) {
      std::memcpy(region.block->data() + region.offset, early_.data() + copied, region.size);
      copied += region.size;
    }
    early_.erase(0, copied);
    early_.shrink_to_fit();  // an assigned empty string would keep the memory
    co_return room;
  }
  const Instant asked = services_.clock->now();
  const auto ready = co_await wait_readable(want);
  if (!ready) co_return fail(ready.error());
  const Duration waited = services_.clock->now() - asked;
  auto room = co_await make_room(want);
  if (!room) co_return room;

  std::vector<MutableBuffer> into;
  into.reserve(room->size());
  std::size_t capacity = 0;
  for (const Region& region : *room) {
    into.push_back(MutableBuffer{region.block->data() + region.offset, region.size});
    capacity += region.size;
  }
  const Deadline deadline(services_.clock->now() + services_.options->body_timeout);
  const auto got = co_await receive(std::move(into), deadline);
  if (!got) co_return fail(got.error());
  if (*got == 0) co_return fail(Errc::kDisconnected, "the connection ended inside the body");
  SLUICE_CHECK(*got <= capacity);

  judge_pace(*got, waited);
  if (*got == capacity && capacity >= batch_) {
    batch_ = std::min(batch_ * 2, std::max(kBatchMin, services_.options->receive_batch));
  } else if (*got < batch_ / 4) {
    batch_ = std::max(kBatchMin, batch_ / 2);
  }
  // Blocks that got nothing go back at once.
  std::size_t left = *got;
  auto used = room->begin();
  for (; used != room->end() && left > 0; ++used) {
    used->size = static_cast<std::uint32_t>(std::min<std::size_t>(used->size, left));
    left -= used->size;
  }
  room->erase(used, room->end());
  co_return room;
}

// What the client is told between two reads: where its upload lives, that it may go on, how far it
// is.
Task<Result<Ok>> RequestBody::say_interim() {
  std::string text = std::exchange(hints_.announcement, std::string());
  if (std::exchange(continue_due_, false)) text += kContinue;
  text += progress_due();
  if (text.empty()) co_return Ok{};
  std::vector<ConstBuffer> from;
  from.push_back(ConstBuffer{reinterpret_cast<const std::byte*>(text.data()), text.size()});
  const Deadline deadline(services_.clock->now() + services_.options->write_timeout);
  co_return co_await services_.stream->write(std::move(from), deadline);
}

// Once a second at first (P-13) and less often the longer it takes, so that what a client never
// reads stays within its socket's buffer: some 50 KiB a day.
std::string RequestBody::progress_due() {
  if (!hints_.progress) return {};
  const std::uint64_t end = durable_.load();
  const Instant now = services_.clock->now();
  const Duration pause = std::max<Duration>(kHintPause, (now - hinted_at_) / 64);
  if (end <= told_ || now - told_at_ < pause) return {};
  told_ = end;
  told_at_ = now;
  return hints_.progress(ByteOffset(end));
}

// What has just been received says how long more is worth waiting for. `waited`: for the client, not
// for memory.
void RequestBody::judge_pace(std::size_t got, Duration waited) noexcept {
  const Instant now = services_.clock->now();
  const Duration since = std::max<Duration>(now - std::exchange(received_at_, now), Duration(1));
  const double block_per_patience = static_cast<double>(got) / kLowWaterSlow *
                                    (static_cast<double>(Duration(kPatience).count()) /
                                     static_cast<double>(since.count()));
  // Who wants to hear of its progress hears of it between two reads (IETF P-13).
  if (block_per_patience >= 1 || got < kSlowMin || hints_.progress) {
    patience_ = kPatience;
  } else if (waited >= kPatience / 20) {
    // Not when it was we who kept it waiting: then its pace is unknown.
    patience_ = kPatienceSlow;
  }
}

// How much to ask of the next receive call. From a slow client what fills a block, not a few bytes of
// the next one: it would be held for them.
std::size_t RequestBody::batch() noexcept {
  if (patience_ == kPatience) return batch_;
  if (!tail_) return BlockPool::kBlockBytes;
  const std::size_t rest = tail_->capacity() - tail_used_;
  if (rest >= kLowWater) return rest;
  tail_ = BlockRef();
  return BlockPool::kBlockBytes;
}

// Waits until it is worth a system call: until there is as much as the client's pace is worth, or
// patience ends; then every byte counts. When memory is short a block is not taken for less than fills
// it.
Task<Result<Ok>> RequestBody::wait_readable(std::size_t want) {
  const Instant now = services_.clock->now();
  const Deadline deadline(now + services_.options->body_timeout);
  std::uint64_t sure = left_;
  if (chunked_) sure = std::max<std::uint64_t>(decoder_.certain(), 1);
  const bool is_short = services_.pool != nullptr && services_.pool->crowded();
  Duration patience = is_short ? kPatienceSlow : patience_;
  // What has come by then must still be read in time.
  const Duration half = services_.options->body_timeout / 2;
  if (patience > kPatience) patience = std::clamp<Duration>(half, kPatience, patience);
  const std::size_t brisk = batch_ < kBatchFast ? kLowWater : batch_ / 4;
  const std::size_t pays = patience > kPatience ? kLowWaterSlow : brisk;
  const std::size_t mark = std::min({pays, want, clamp_to_size(sure)});

  const Interruptible interruptible(interrupt_.get(), services_.stream);
  if (interrupt_->asked.load()) co_return fail(Errc::kCancelled, "interrupted");
  if (mark > 1) {
    const Deadline soon = deadline.tightened(now + patience);
    auto enough = co_await services_.stream->wait_readable(mark, soon);
    if (enough || enough.error().code() != Errc::kTimedOut) co_return enough;
    if (interrupt_->asked.load()) co_return fail(Errc::kCancelled, "interrupted");
  }
  co_return co_await services_.stream->wait_readable(1, deadline);
}

// Room for up to `want` bytes: the rest of the tail block, then fresh blocks, as many as there are.
Task<Result<std::vector<RequestBody::Region>>> RequestBody::make_room(std::size_t want) {
  std::vector<Region> room;
  const auto add = [&room, &want](BlockRef block, std::uint32_t offset) {
    const auto size =
        static_cast<std::uint32_t>(std::min<std::size_t>(block->capacity() - offset, want));
    want -= size;
    room.push_back(Region{std::move(block), offset, size});
  };
  if (tail_) add(tail_, tail_used_);
  if (want > 0) {
    SLUICE_CHECK(services_.pool != nullptr);
    const std::size_t count = (want + BlockPool::kBlockBytes - 1) / BlockPool::kBlockBytes;
    auto blocks = services_.pool->try_take(count);
    if (blocks.empty() && room.empty()) {
      const std::shared_ptr<Interrupt> shared = interrupt_;
      blocks = co_await services_.pool->take_unless(count, &shared->room, &shared->asked);
      if (blocks.empty()) co_return fail(Errc::kCancelled, "interrupted");
    }
    for (BlockRef& block : blocks) add(std::move(block), 0);
  }
  co_return room;
}

Task<Result<std::size_t>> RequestBody::receive(std::vector<MutableBuffer> into, Deadline deadline) {
  const Interruptible interruptible(interrupt_.get(), services_.stream);
  if (interrupt_->asked.load()) co_return fail(Errc::kCancelled, "interrupted");
  co_return co_await services_.stream->read(std::move(into), deadline);
}

void RequestBody::accept(const std::vector<Region>& filled, Bytes* out) {
  if (chunked_) {
    accept_chunked(filled, out);
    return;
  }
  for (const Region& region : filled) {
    left_ -= region.size;
    count(region.size);
    out->append(Slice(region.block, region.offset, region.size));
  }
  const Region& last = filled.back();
  tail_used_ = last.offset + last.size;
  tail_ = tail_used_ < last.block->capacity() ? last.block : BlockRef();
  if (left_ == 0) finish();
}

void RequestBody::accept_chunked(const std::vector<Region>& filled, Bytes* out) {
  std::string behind;
  for (const Region& region : filled) {
    std::byte* const base = region.block->data();
    const auto text = [base](std::uint32_t from, std::uint32_t to) {
      return std::string_view(reinterpret_cast<const char*>(base) + from, to - from);
    };
    std::uint32_t at = region.offset;
    std::uint32_t kept = region.offset;  // end of the data that stays in this block
    const std::uint32_t end = region.offset + region.size;
    while (at < end && !finished_) {
      const auto step = decoder_.next(text(at, end));
      if (!step) {
        failure_ = framing_error(step.error());
        tail_ = BlockRef();
        return;
      }
      at += static_cast<std::uint32_t>(step->skip);
      if (step->data > 0) {
        const auto size = static_cast<std::uint32_t>(step->data);
        if (size > kJoinMax) {
          kept = at;
        } else if (kept != at) {
          std::memmove(base + kept, base + at, size);
        }
        out->append(Slice(region.block, kept, size));
        kept += size;
        at += size;
        count(size);
      }
      if (step->end) finish();
    }
    if (finished_) {
      behind.append(text(at, end));
    } else {
      tail_used_ = kept;
      tail_ = kept < region.block->capacity() ? region.block : BlockRef();
    }
  }
  if (!behind.empty()) early_.insert(0, behind);
}

// Throws away what is in early_, up to the end of the body.
void RequestBody::swallow_early() {
  if (!chunked_) {
    const std::size_t n = std::min(clamp_to_size(left_), early_.size());
    left_ -= n;
    count(n);
    early_.erase(0, n);
    if (left_ == 0) finish();
    return;
  }
  std::size_t at = 0;
  while (at < early_.size() && !finished_) {
    const auto step = decoder_.next(std::string_view(early_).substr(at));
    if (!step) {
      failure_ = framing_error(step.error());
      return;
    }
    at += step->skip + step->data;
    count(step->data);
    if (step->end) finish();
  }
  early_.erase(0, at);
}

void RequestBody::count(std::size_t bytes) {
  received_ += ByteCount(bytes);
  unreported_ += ByteCount(bytes);
  if (unreported_ < kReportEvery) return;
  services_.metrics->received(unreported_);
  unreported_ = ByteCount();
}

void RequestBody::finish() noexcept {
  finished_ = true;
  continue_due_ = false;
  tail_ = BlockRef();
}

}  // namespace sluice::http
