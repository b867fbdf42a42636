#include "stores/s3/piece_source.h"

#include <algorithm>
#include <new>
#include <utility>
#include <variant>

namespace sluice::stores::s3 {

namespace {

// Owner of window blocks: header and bytes in one allocation, freed with the last reference.
class WindowBlocks final : public BlockOwner {
 public:
  BlockRef make(std::uint32_t capacity) {
    void* memory = ::operator new(sizeof(Block) + capacity);
    auto* data = static_cast<std::byte*>(memory) + sizeof(Block);
    return BlockRef(new (memory) Block(this, data, capacity));
  }
  void recycle(Block* block) noexcept override {
    block->~Block();
    ::operator delete(static_cast<void*>(block));
  }
};

WindowBlocks& window_blocks() {
  static WindowBlocks blocks;
  return blocks;
}

// What the producers of one source share.
struct Shared {
  Shared(Payload p, Requester* r, std::string x, Deadline d)
      : payload(std::move(p)), requester(r), prefix(std::move(x)), deadline(d) {}
  const Payload payload;
  Requester* const requester;
  const std::string prefix;
  const Deadline deadline;
  std::optional<Error> failure;
};

class PieceProducer final : public fetch::BodyProducer {
 public:
  explicit PieceProducer(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  Task<Result<Bytes>> next() override {
    const auto& pieces = shared_->payload.pieces();
    if (at_ == pieces.size()) co_return fail(Errc::kInvalidArgument, "read past the body's end");
    const Payload::Piece& piece = pieces[at_];
    if (const auto* resident = std::get_if<Bytes>(&piece)) {
      ++at_;
      co_return *resident;
    }
    auto bytes = co_await next_parked();
    if (!bytes) shared_->failure = bytes.error();
    co_return bytes;
  }

 private:
  // The next window of the parked piece at_.
  Task<Result<Bytes>> next_parked() {
    const auto& piece = std::get<StoredPiece>(shared_->payload.pieces()[at_]);
    if (!response_) {
      left_ = piece.length.value();
      const ByteRange range(piece.begin, piece.begin + piece.length);
      auto call = make_get(shared_->prefix + piece.key.str(), range);
      auto opened = co_await shared_->requester->open(call, shared_->deadline);
      if (!opened) co_return fail(described(opened.error()));
      response_ = *std::move(opened);
      const bool partial = response_->status() == 206;
      const bool whole_from_start = response_->status() == 200 && piece.begin == ByteOffset(0);
      if (!partial && !whole_from_start) {
        co_return fail(Errc::kRejected, "the store ignored the range of a parked piece");
      }
    }
    const std::uint64_t size = std::min<std::uint64_t>(left_, kWindowBytes);
    BlockRef block = window_blocks().make(static_cast<std::uint32_t>(size));
    std::uint32_t filled = 0;
    while (filled < size) {
      const MutableBuffer into{block->data() + filled, size - filled};
      auto n = co_await response_->read(into, shared_->deadline);
      if (!n) co_return fail(described(to_error(Operation::kGetObject, n.error())));
      if (*n == 0) co_return fail(Errc::kCorrupt, "a parked piece is shorter than recorded");
      filled += static_cast<std::uint32_t>(*n);
    }
    left_ -= size;
    if (left_ == 0) {
      // Asking for the end lets the connection go back to the pool; what it says changes nothing.
      std::byte beyond{};
      const MutableBuffer rest{&beyond, 1};
      auto end = co_await response_->read(rest, shared_->deadline);
      static_cast<void>(end);
      ++at_;
      response_.reset();
    }
    co_return Bytes(Slice(block, 0, filled));
  }

  static Error described(const Error& error) {
    const bool gone = error.code() == Errc::kNotFound || error.code() == Errc::kCorrupt;
    return Error(gone ? Errc::kCorrupt : error.code(), "parked piece: " + error.detail());
  }

  const std::shared_ptr<Shared> shared_;
  std::size_t at_ = 0;      // piece
  std::uint64_t left_ = 0;  // of the parked piece that is being read
  std::unique_ptr<fetch::Response> response_;
};

class PieceSource final : public BodySource {
 public:
  explicit PieceSource(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  std::shared_ptr<fetch::BodyProducer> start() override {
    shared_->failure.reset();
    return std::make_shared<PieceProducer>(shared_);
  }
  const std::optional<Error>& failure() const noexcept override { return shared_->failure; }

 private:
  const std::shared_ptr<Shared> shared_;
};

}  // namespace

std::shared_ptr<BodySource> make_piece_source(Payload payload, Requester* requester,
                                              std::string prefix, Deadline deadline) {
  auto shared =
      std::make_shared<Shared>(std::move(payload), requester, std::move(prefix), deadline);
  return std::make_shared<PieceSource>(std::move(shared));
}

std::shared_ptr<Call> make_get(std::string full_key, ByteRange range) {
  auto call = std::make_shared<Call>(Operation::kGetObject, "GET", std::move(full_key));
  call->headers.add("Range", "bytes=" + std::to_string(range.begin().value()) + "-" +
                                 std::to_string(range.end().value() - 1));
  call->answer_max = range.size().value();
  return call;
}

}  // namespace sluice::stores::s3
