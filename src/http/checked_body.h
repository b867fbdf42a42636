// CheckedBody: a body whose CRC-32C is computed while the engine reads it, and compared with what
// the client says it should be. Other bytes are an error in place of the last ones (known length)
// or of the end (unknown length), so that nothing wrong is ever completed (google-308 R-52).
//
// Executor: the connection's; interrupt() and let_go() from any thread.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"
#include "base/units.h"
#include "engine/body_source.h"
#include "wire/checksum.h"

namespace sluice::http {

class CheckedBody final : public engine::BodySource {
 public:
  // `length`: of the body, where it is known; bytes. `expected`: nullopt: only computed.
  CheckedBody(engine::BodySource* source, std::optional<ByteCount> length,
              std::optional<wire::Checksum> expected)
      : source_(source), length_(length), expected_(expected) {}

  // Errors: as the source's; kInvalidArgument: the checksum differs.
  Task<Result<Bytes>> read(ByteCount max) override {
    auto got = co_await source_->read(max);
    if (!got) co_return got;
    sum_ = sum_.extended(*got);
    count_ += got->size();
    const bool end = length_ ? count_ >= *length_ : got->empty();
    if (end && expected_ && *expected_ != sum_) differs_ = true;
    if (differs_) co_return fail(Errc::kInvalidArgument, "the body has another crc32c");
    co_return got;
  }
  void interrupt() noexcept override { source_->interrupt(); }
  void let_go() noexcept override { source_->let_go(); }

  bool differs() const noexcept { return differs_; }
  // Of what has been read.
  wire::Checksum sum() const noexcept { return sum_; }
  ByteCount count() const noexcept { return count_; }

 private:
  engine::BodySource* const source_;
  const std::optional<ByteCount> length_;
  const std::optional<wire::Checksum> expected_;
  wire::Checksum sum_ = wire::Checksum::of_nothing(wire::ChecksumKind::kCrc32c);
  ByteCount count_;
  bool differs_ = false;
};

}  // namespace sluice::http
