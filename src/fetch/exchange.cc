#include "fetch/exchange.h"

#include <chrono>
#include <exception>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include "fetch/request_head.h"

namespace sluice::fetch {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kReadBytes = 8U << 10;
constexpr Duration kContinueTime = std::chrono::seconds(1);
// Bodies up to this go into the socket's buffer at once: no second task for them.
constexpr std::uint64_t kInlineBody = 64U << 10;
constexpr int kInterimMax = 64;

const wire::Http1Limits kLimits{.head_bytes_max = 64U << 10, .fields_max = 256};

ConstBuffer buffer_of(const std::string& text) noexcept {
  return ConstBuffer{reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

void add_slices(std::vector<ConstBuffer>& to, const Bytes& bytes) {
  to.reserve(to.size() + bytes.slices().size());
  for (const Slice& slice : bytes.slices()) to.push_back(ConstBuffer{slice.data(), slice.size()});
}

}  // namespace

// The background task that writes the body. It holds the exchange; whoever reads the answer waits
// for its end, or, when cancelled, closes the connection under it and lets it end by itself.
struct Exchange::Writer {
  bool running = true;
  Signal* ended = nullptr;  // of the one who waits; nullptr: nobody does any more
  asio::cancellation_signal stop;
};

Exchange::Exchange(std::unique_ptr<Connection> connection, std::shared_ptr<const Outgoing> outgoing)
    : outgoing_(std::move(outgoing)), connection_(std::move(connection)) {}

Exchange::~Exchange() = default;

Task<Result<wire::ParsedResponse>> Exchange::run(Self self, Executor executor, Clock* clock,
                                                 ConnectionPool* pool, Deadline deadline) {
  const Request& request = self->outgoing_->request;
  const std::uint64_t size = body_size(request).value();
  bool head_sent = false;
  if (request.expect_continue && size > 0) {
    auto sent = co_await send_head(self, deadline);
    if (sent) {
      const Deadline patience = deadline.tightened(clock->now() + kContinueTime);
      auto answer = co_await read_head(self, patience);
      if (answer && answer->head.status >= 200) co_return answer;
      // A server that does not know the expectation stays silent until it has the body.
      const bool silent =
          !answer && answer.error().code() == Errc::kTimedOut && !deadline.passed(clock->now());
      if (!answer && !silent) co_return answer;
    }
    // A failed write is found again by whoever reads.
    if (!sent) co_return co_await read_final_head(self, deadline);
    head_sent = true;
  }
  if (!request.producer && size <= kInlineBody) {
    auto sent = co_await send_body(self, !head_sent, deadline);
    if (!sent && sent.error().code() == Errc::kTimedOut) co_return fail(std::move(sent).error());
    co_return co_await read_final_head(self, deadline);
  }
  co_return co_await send_and_read(self, executor, pool, !head_sent, deadline);
}

Task<Result<wire::ParsedResponse>> Exchange::read_head(Self self, Deadline deadline) {
  const bool to_head = self->outgoing_->request.method == "HEAD";
  while (true) {
    if (!self->input_.empty()) {
      auto parsed = wire::parse_response_head(self->input_, kLimits, to_head);
      if (!parsed) co_return fail(std::move(parsed).error());
      if (*parsed) {
        self->input_.erase(0, (*parsed)->consumed);
        co_return std::move(**parsed);
      }
    }
    // The writer failed before this read began, where cancel_read() found nothing to end.
    if (self->producer_error_) co_return fail(*self->producer_error_);
    const std::size_t have = self->input_.size();
    self->input_.resize(have + kReadBytes);
    std::vector<MutableBuffer> into(1);
    into[0].data = reinterpret_cast<std::byte*>(self->input_.data() + have);
    into[0].size = kReadBytes;
    const auto n = co_await self->stream()->read(std::move(into), deadline);
    self->input_.resize(have + n.value_or(0));
    if (!n) co_return fail(n.error());
    if (*n == 0) co_return fail(Errc::kDisconnected, "connection closed before an answer");
    self->answered_ = true;
  }
}

Task<Result<wire::ParsedResponse>> Exchange::read_final_head(Self self, Deadline deadline) {
  for (int interim = 0; interim < kInterimMax; ++interim) {
    auto answer = co_await read_head(self, deadline);
    if (!answer) co_return answer;
    if (answer->head.status >= 200) co_return answer;
    if (answer->head.status == 101) {
      co_return fail(Errc::kInvalidArgument, "the server changed protocols unasked");
    }
  }
  co_return fail(Errc::kInvalidArgument, "too many interim answers");
}

Task<Result<Ok>> Exchange::send_head(Self self, Deadline deadline) {
  std::vector<ConstBuffer> from(1, buffer_of(self->outgoing_->head));
  co_return co_await self->stream()->write(std::move(from), deadline);
}

Task<Result<Ok>> Exchange::send_body(Self self, bool with_head, Deadline deadline) {
  if (self->outgoing_->request.producer) {
    co_return co_await send_produced(self, with_head, deadline);
  }
  std::vector<ConstBuffer> from;
  if (with_head) from.push_back(buffer_of(self->outgoing_->head));
  add_slices(from, self->outgoing_->request.body);
  const auto written = co_await self->stream()->write(std::move(from), deadline);
  if (!written) co_return fail(written.error());
  self->sent_ = true;
  co_return Ok{};
}

Task<Result<Ok>> Exchange::send_produced(Self self, bool with_head, Deadline deadline) {
  const Request& request = self->outgoing_->request;
  const std::shared_ptr<BodyProducer> producer = request.producer;
  ByteCount left = request.producer_length;
  bool head_due = with_head;
  while (head_due || left > ByteCount(0)) {
    Bytes bytes;
    if (left > ByteCount(0)) {
      self->producer_started_ = true;
      auto produced = co_await producer->next();
      if (!produced) {
        self->producer_error_.emplace(produced.error());
        co_return fail(produced.error());
      }
      bytes = std::move(*produced);
      if (bytes.empty() || bytes.size() > left) {
        self->producer_error_.emplace(Errc::kCorrupt, "produced body has another length");
        co_return fail(*self->producer_error_);
      }
      left -= bytes.size();
    }
    std::vector<ConstBuffer> from;
    if (head_due) from.push_back(buffer_of(self->outgoing_->head));
    head_due = false;
    add_slices(from, bytes);
    const auto written = co_await self->stream()->write(std::move(from), deadline);
    if (!written) co_return fail(written.error());
  }
  self->sent_ = true;
  co_return Ok{};
}

Task<void> Exchange::write_in_background(Self self, bool with_head, Deadline deadline) {
  const auto sent = co_await send_body(self, with_head, deadline);
  // The reader finds a broken connection by itself; of a broken producer it must be told.
  if (!sent && self->producer_error_ && self->connection_) self->stream()->cancel_read();
}

namespace {

// Leaves no writer behind on an exchange nobody waits for.
template <class Writer>
class WriterGuard {
 public:
  WriterGuard(Writer* writer, Stream* stream, Signal* ended) : writer_(writer), stream_(stream) {
    writer_->ended = ended;
  }
  ~WriterGuard() {
    writer_->ended = nullptr;
    if (!writer_->running) return;
    stream_->close();
    writer_->stop.emit(asio::cancellation_type::terminal);
  }
  WriterGuard(const WriterGuard&) = delete;
  WriterGuard& operator=(const WriterGuard&) = delete;

 private:
  Writer* const writer_;
  Stream* const stream_;
};

}  // namespace

Task<Result<wire::ParsedResponse>> Exchange::send_and_read(Self self, Executor executor,
                                                           ConnectionPool* pool, bool with_head,
                                                           Deadline deadline) {
  const ConnectionPool::SignalLease ended(pool->shared_from_this());
  self->writer_ = std::make_unique<Writer>();
  Writer* const writer = self->writer_.get();
  const WriterGuard<Writer> guard(writer, self->stream(), ended.get());
  auto on_end = [self](const std::exception_ptr&) {
    self->writer_->running = false;
    if (self->writer_->ended != nullptr) self->writer_->ended->notify_all();
  };
  asio::co_spawn(executor, write_in_background(self, with_head, deadline),
                 asio::bind_cancellation_slot(writer->stop.slot(), std::move(on_end)));

  auto answer = co_await read_final_head(self, deadline);

  // An answer, or the end of the connection: whatever has not been sent is of no use any more.
  if (writer->running && !self->sent_) writer->stop.emit(asio::cancellation_type::terminal);
  while (true) {
    const Signal::Seen seen = ended.get()->seen();
    if (!writer->running) break;
    co_await ended.get()->wait(seen);
  }
  if (self->producer_error_ && !answer) co_return fail(*self->producer_error_);
  co_return answer;
}

}  // namespace sluice::fetch
