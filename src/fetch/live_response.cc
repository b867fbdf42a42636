#include "fetch/live_response.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"

namespace sluice::fetch {

namespace {
constexpr std::size_t kChunkedGulp = 16U << 10;
}  // namespace

class LiveResponse::Body {
 public:
  Body(const wire::ParsedResponse& parsed, std::unique_ptr<Connection> connection,
       std::string input, bool reusable)
      : framing_(parsed.framing),
        left_(parsed.content_length.value()),
        reusable_(reusable && parsed.keep_alive),
        connection_(std::move(connection)),
        input_(std::move(input)) {
    const bool empty = framing_ == wire::BodyFraming::kNone ||
                       (framing_ == wire::BodyFraming::kContentLength && left_ == 0);
    if (empty) finish();
  }

  bool ended() const noexcept { return ended_; }
  bool broken() const noexcept { return !ended_ && !connection_; }
  Stream* stream() const noexcept { return connection_->stream(); }

  // Where the next receive goes, and how much of it is wanted: into the caller's memory where the
  // bytes are known to be body, else into our own.
  MutableBuffer place(MutableBuffer into) {
    if (framing_ != wire::BodyFraming::kChunked) {
      into.size = wanted(into.size);
      return into;
    }
    input_.erase(0, std::exchange(used_, 0));
    const std::size_t have = input_.size();
    input_.resize(have + kChunkedGulp);
    return MutableBuffer{reinterpret_cast<std::byte*>(input_.data() + have), kChunkedGulp};
  }
  // After receiving into place(). Answers the bytes that are the caller's now.
  std::size_t placed(std::size_t n) {
    if (framing_ != wire::BodyFraming::kChunked) {
      count(n);
      return n;
    }
    input_.resize(input_.size() - kChunkedGulp + n);
    return 0;
  }

  // Hands out what has been received already. 0: nothing, or the end.
  Result<std::size_t> take_input(MutableBuffer into) {
    if (framing_ == wire::BodyFraming::kChunked) return take_chunked(into);
    const std::size_t n = std::min(wanted(into.size), input_.size() - used_);
    copy(into, n);
    count(n);
    return n;
  }

  // The peer has closed. True: that is how this body ends.
  bool end_by_close() {
    if (framing_ != wire::BodyFraming::kUntilClose) return false;
    finish();
    return true;
  }

  Error break_off(const std::string& why) {
    connection_.reset();
    return Error(Errc::kOutcomeUnknown, "answer cut short: " + why);
  }

 private:
  std::size_t wanted(std::size_t room) const noexcept {
    if (framing_ != wire::BodyFraming::kContentLength) return room;
    return static_cast<std::size_t>(std::min<std::uint64_t>(room, left_));
  }
  void count(std::size_t n) {
    if (framing_ != wire::BodyFraming::kContentLength) return;
    left_ -= n;
    if (left_ == 0) finish();
  }
  void copy(MutableBuffer into, std::size_t n) {
    if (n > 0) std::memcpy(into.data, input_.data() + used_, n);
    used_ += n;
    if (used_ == input_.size()) {
      input_ = {};
      used_ = 0;
    }
  }

  Result<std::size_t> take_chunked(MutableBuffer into) {
    while (chunk_ == 0) {
      if (last_seen_) {
        finish();
        return std::size_t{0};
      }
      SLUICE_TRY(const wire::ChunkedDecoder::Step step,
                 decoder_.next(std::string_view(input_).substr(used_)));
      used_ += step.skip;
      chunk_ = step.data;
      last_seen_ = step.end;
      if (step.skip == 0 && step.data == 0 && !step.end) return std::size_t{0};
    }
    const std::size_t n = std::min(chunk_, into.size);
    chunk_ -= n;
    copy(into, n);
    // The end is often in the same gulp: see it now, so that the connection is free now.
    if (chunk_ == 0 && last_seen_) finish();
    return n;
  }

  void finish() {
    ended_ = true;
    // Bytes behind the end belong to no request of ours: such a connection is not trusted.
    const bool clean = used_ == input_.size();
    if (reusable_ && clean && framing_ != wire::BodyFraming::kUntilClose) {
      Connection::give_back(std::move(connection_));
    }
    connection_.reset();
  }

  const wire::BodyFraming framing_;
  std::uint64_t left_;  // with kContentLength
  const bool reusable_;
  std::unique_ptr<Connection> connection_;
  std::string input_;
  std::size_t used_ = 0;  // of input_
  bool ended_ = false;

  wire::ChunkedDecoder decoder_;
  std::size_t chunk_ = 0;   // data at the front of the unused input
  bool last_seen_ = false;  // behind it the body ends
};

LiveResponse::LiveResponse(wire::ParsedResponse parsed, std::unique_ptr<Connection> connection,
                           std::string input, bool reusable)
    : status_(parsed.head.status),
      headers_(parsed.head.headers),
      body_(std::make_shared<Body>(parsed, std::move(connection), std::move(input), reusable)) {}

LiveResponse::~LiveResponse() {
  // A pending read holds the body; it must not hold the connection against our will.
  if (!body_->ended() && !body_->broken()) body_->stream()->close();
}

Task<Result<std::size_t>> LiveResponse::read(MutableBuffer into, Deadline deadline) {
  return read_from(body_, into, deadline);
}

Task<Result<std::size_t>> LiveResponse::read_from(BodyPtr body, MutableBuffer into,
                                                  Deadline deadline) {
  SLUICE_CHECK(into.size > 0);
  while (true) {
    if (body->ended()) co_return std::size_t{0};
    if (body->broken()) co_return fail(Errc::kOutcomeUnknown, "answer cut short");
    const auto ready = body->take_input(into);
    if (!ready) co_return fail(body->break_off(ready.error().detail()));
    if (*ready > 0) co_return *ready;
    if (body->ended()) co_return std::size_t{0};
    std::vector<MutableBuffer> room(1, body->place(into));
    const auto n = co_await body->stream()->read(std::move(room), deadline);
    const std::size_t mine = body->placed(n.value_or(0));
    if (!n) co_return fail(body->break_off(n.error().detail()));
    if (*n == 0) {
      const bool at_end = body->end_by_close();
      if (at_end) co_return std::size_t{0};
      co_return fail(body->break_off("connection closed"));
    }
    if (mine > 0) co_return mine;
  }
}

}  // namespace sluice::fetch
