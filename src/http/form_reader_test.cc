// Parts of a multipart body as bodies of their own: split anywhere, without copies, and never ended
// by a cut.
#include "http/form_reader.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "base/block_pool.h"
#include "base/text.h"
#include "http/checked_body.h"

namespace sluice::http {
namespace {

using literals::operator""_MiB;

// A request's body, in the pieces a test gives; then its end or an error.
class Pieces final : public engine::BodySource {
 public:
  explicit Pieces(BlockPool* pool) : pool_(pool) {}

  Task<Result<Bytes>> read(ByteCount max) override {
    Bytes out;
    if (pieces.empty() && error) co_return fail(*error, "scripted");
    if (pieces.empty()) co_return out;
    std::string piece = std::move(pieces.front());
    pieces.pop_front();
    if (piece.size() > max.value()) {
      pieces.push_front(piece.substr(max.value()));
      piece.resize(max.value());
    }
    auto blocks = pool_->try_take(1);
    std::memcpy(blocks.front()->data(), piece.data(), piece.size());
    out.append(Slice(blocks.front(), 0, static_cast<std::uint32_t>(piece.size())));
    co_return out;
  }
  void interrupt() noexcept override { ++interrupts; }
  void let_go() noexcept override { ++let_gos; }

  std::deque<std::string> pieces;
  std::optional<Errc> error;
  int interrupts = 0;
  int let_gos = 0;

 private:
  BlockPool* const pool_;
};

class FormReaderTest : public ::testing::Test {
 protected:
  void begin(std::deque<std::string> pieces, std::optional<Errc> error = std::nullopt) {
    source_.pieces = std::move(pieces);
    source_.error = error;
    reader_.emplace(&source_, context_.get_executor(),
                    wire::Multipart{wire::MultipartKind::kFormData, "B"});
  }
  // Everything, one line a part; ends with "end" or the error's code.
  std::string all(std::uint64_t max) {
    std::string out;
    boost::asio::co_spawn(context_, reading(&*reader_, max, &out), boost::asio::detached);
    context_.restart();
    context_.run();
    return out;
  }
  static Task<void> reading(FormReader* reader, std::uint64_t max, std::string* out) {
    while (true) {
      const auto more = co_await reader->next_part();
      if (!more) {
        *out += std::string(to_string(more.error().code()));
        co_return;
      }
      if (!*more) break;
      *out += reader->part().name + ":";
      while (true) {
        const auto got = co_await reader->read(ByteCount(max));
        if (!got) {
          *out += "!" + std::string(to_string(got.error().code()));
          co_return;
        }
        if (got->empty()) break;
        EXPECT_LE(got->size().value(), max);
        *out += got->to_string();
      }
      *out += "\n";
    }
    *out += "end";
  }

  BlockPool pool_{4_MiB};
  boost::asio::io_context context_{1};
  Pieces source_{&pool_};
  std::optional<FormReader> reader_;
};

std::string part(const std::string& name, const std::string& data) {
  return "--B\r\nContent-Disposition: form-data; name=" + name + "; filename=x\r\n\r\n" + data +
         "\r\n";
}

TEST_F(FormReaderTest, EverySplitGivesTheSame) {
  const std::string data = "1\r\n--\r\r\n--A2\r\n";
  const std::string body = part("a", data) + part("b", "") + part("c", "x") + "--B--\r\n";
  const std::string want = "a:" + data + "\nb:\nc:x\nend";
  for (std::size_t cut = 1; cut < body.size(); ++cut) {
    for (const std::uint64_t max : {1U, 3U, 1U << 20}) {
      begin({body.substr(0, cut), body.substr(cut)});
      ASSERT_EQ(all(max), want) << "cut at " << cut << ", reads of " << max;
    }
  }
  std::deque<std::string> bytes;
  for (const char c : body) bytes.emplace_back(1, c);
  begin(bytes);
  EXPECT_EQ(all(7), want);
  reader_.reset();
  EXPECT_EQ(pool_.usage().taken, ByteCount());
}

TEST_F(FormReaderTest, ACutIsNeverAnEnd) {
  const std::string body = part("a", "hello") + "--B--";
  for (std::size_t n = 1; n < body.size(); ++n) {
    begin({body.substr(0, n)}, Errc::kDisconnected);
    const std::string cut = all(100);
    EXPECT_EQ(cut.find("hello\n"), std::string::npos) << n;
    EXPECT_FALSE(reader_->malformed());
    // The HTTP body may be whole although the form is not.
    begin({body.substr(0, n)});
    const std::string short_body = all(100);
    EXPECT_EQ(short_body.find("hello\n"), std::string::npos) << n;
    ASSERT_TRUE(reader_->malformed()) << n;
    EXPECT_EQ(reader_->malformed()->code(), Errc::kInvalidArgument);
  }
}

TEST_F(FormReaderTest, UnwantedPartsAreSkipped) {
  begin({part("a", std::string(50'000, 'x')) + part("b", "2") + "--B--"});
  std::string out;
  const auto skip = [](FormReader* reader, std::string* o) -> Task<void> {
    const auto first = co_await reader->next_part();
    const auto second = co_await reader->next_part();
    const auto value = co_await reader->value(10);
    const auto third = co_await reader->next_part();
    *o = std::string(*first && *second && !*third ? "ok " : "bad ") + *value;
  };
  boost::asio::co_spawn(context_, skip(&*reader_, &out), boost::asio::detached);
  context_.run();
  EXPECT_EQ(out, "ok 2");
}

TEST_F(FormReaderTest, ValuesHaveALimit) {
  begin({part("a", "12345") + "--B--"});
  std::string out;
  const auto ask = [](FormReader* reader, std::string* o) -> Task<void> {
    const auto more = co_await reader->next_part();
    if (!more || !*more) co_return;
    const auto value = co_await reader->value(4);
    *o = value ? *value : std::string(to_string(value.error().code()));
  };
  boost::asio::co_spawn(context_, ask(&*reader_, &out), boost::asio::detached);
  context_.run();
  EXPECT_EQ(out, to_string(Errc::kTooLarge));
}

// What may be a boundary's beginning holds a block; under pressure it is let go and written again.
TEST_F(FormReaderTest, LetGoFreesWhatIsWithheld) {
  const std::string head = part("a", "x").substr(0, part("a", "x").size() - 2);
  begin({head, "\r\n--", "y\r\n--B--"});
  std::string out;
  const auto read_first = [](FormReader* reader, BlockPool* pool, std::string* o) -> Task<void> {
    const auto more = co_await reader->next_part();
    const auto first = co_await reader->read(ByteCount(100));
    *o = first->to_string() + (*more ? "" : "?");
    reader->let_go();
    const auto second = co_await reader->read(ByteCount(100));
    *o += "|" + second->to_string();
    static_cast<void>(pool);
  };
  boost::asio::co_spawn(context_, read_first(&*reader_, &pool_, &out), boost::asio::detached);
  context_.run();
  EXPECT_EQ(out, "x|\r\n--y");
  EXPECT_EQ(source_.let_gos, 1);
  reader_->interrupt();
  EXPECT_EQ(source_.interrupts, 1);
}

TEST_F(FormReaderTest, CheckedBodiesAreNeverEndedWrongly) {
  const auto sum = wire::Checksum::of(wire::ChecksumKind::kCrc32c, as_bytes("hello"));
  const auto other = wire::Checksum::of(wire::ChecksumKind::kCrc32c, as_bytes("hullo"));
  const auto read_all = [](CheckedBody* body, std::string* o) -> Task<void> {
    while (true) {
      const auto got = co_await body->read(ByteCount(100));
      if (!got) *o += "!";
      if (!got || got->empty()) co_return;
      *o += got->to_string();
    }
  };
  const auto outcome = [&](std::optional<ByteCount> length, std::optional<wire::Checksum> wanted) {
    source_.pieces = {"he", "llo"};
    CheckedBody body(&source_, length, wanted);
    std::string out;
    boost::asio::co_spawn(context_, read_all(&body, &out), boost::asio::detached);
    context_.restart();
    context_.run();
    return out + (body.differs() ? " differs" : "") + (body.sum() == sum ? " sum" : "");
  };
  EXPECT_EQ(outcome(ByteCount(5), sum), "hello sum");
  EXPECT_EQ(outcome(std::nullopt, sum), "hello sum");
  EXPECT_EQ(outcome(std::nullopt, std::nullopt), "hello sum");
  // Of a known length the last bytes are withheld, else the end.
  EXPECT_EQ(outcome(ByteCount(5), other), "he! differs sum");
  EXPECT_EQ(outcome(std::nullopt, other), "hello! differs sum");
}

}  // namespace
}  // namespace sluice::http
