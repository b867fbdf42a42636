#include "http/form_reader.h"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/check.h"
#include "http/body_text.h"

namespace sluice::http {

namespace {

using What = wire::FormParser::What;

constexpr ByteCount kSkipBatch{64U << 10};  // read at once where nobody wants the bytes

}  // namespace

FormReader::FormReader(engine::BodySource* source, Executor executor, wire::Multipart multipart,
                       wire::FormLimits limits)
    : source_(source),
      executor_(std::move(executor)),
      shared_(std::make_shared<Shared>()),
      parser_(std::move(multipart), limits) {
  shared_->reader = this;
}

FormReader::~FormReader() {
  shared_->reader = nullptr;
}

Task<Result<bool>> FormReader::next_part() {
  while (!ended_) {
    const auto what = co_await advance(kSkipBatch);
    if (!what) co_return fail(what.error());
    ready_ = Bytes();
    if (*what == What::kPart) co_return true;
  }
  co_return false;
}

Task<Result<std::string>> FormReader::value(std::size_t max) {
  auto text = co_await text_of(this, max, "a part of the body");
  if (!text && text.error().code() == Errc::kTooLarge) co_return broken(std::move(text).error());
  co_return text;
}

Task<Result<Bytes>> FormReader::read(ByteCount max) {
  SLUICE_CHECK(max > ByteCount());
  while (ready_.empty() && in_part_) {
    const auto what = co_await advance(max);
    if (!what) co_return fail(what.error());
  }
  co_return ready_.take_front(std::min(max, ready_.size()));
}

void FormReader::let_go() noexcept {
  source_->let_go();
  auto drop = [shared = shared_] {
    if (shared->reader != nullptr) shared->reader->withheld_ = Bytes();
  };
  boost::asio::post(executor_, std::move(drop));
}

// To the next event: data goes to ready_. Never kMore.
Task<Result<What>> FormReader::advance(ByteCount max) {
  if (malformed_) co_return fail(*malformed_);
  while (true) {
    if (pending_.empty()) {
      auto got = co_await source_->read(max);
      if (!got) co_return fail(got.error());
      if (got->empty()) {
        co_return broken(Error(Errc::kInvalidArgument, "the body ends before its last boundary"));
      }
      pending_ = std::move(*got);
    }
    const Slice slice = pending_.slices().front();
    const auto step = parser_.next(slice.text());
    if (!step) co_return broken(step.error());
    take_data(slice, *step);
    keep_withheld(slice, step->used);
    if (step->used > 0) pending_.drop_front(ByteCount(step->used));
    if (step->what == What::kMore) continue;
    if (step->what != What::kData) in_part_ = step->what == What::kPart;
    ended_ = step->what == What::kEnd;
    co_return step->what;
  }
}

void FormReader::take_data(const Slice& slice, const wire::FormParser::Step& step) {
  if (!step.held.empty()) {
    const bool kept = withheld_.size() == ByteCount(step.held.size());
    ready_.append(kept ? std::move(withheld_) : Bytes::copy_of(step.held));
    withheld_ = Bytes();
  }
  if (step.data > 0) ready_.append(slice.first(static_cast<std::uint32_t>(step.data)));
}

void FormReader::keep_withheld(const Slice& slice, std::size_t used) {
  const std::size_t count = parser_.withheld();
  if (count <= used) withheld_ = Bytes();  // nothing from before is among them
  const std::size_t here = std::min(count, used);
  if (here == 0) return;
  const auto end = static_cast<std::uint32_t>(used);
  const auto size = static_cast<std::uint32_t>(here);
  withheld_.append(slice.first(end).without_first(end - size));
}

tl::unexpected<Error> FormReader::broken(Error error) {
  malformed_ = error;
  pending_ = Bytes();
  withheld_ = Bytes();
  return fail(std::move(error));
}

}  // namespace sluice::http
