// Upload: one file on its way, by one connection at a time: what it sends next, and what an answer
// means. No sockets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::crowd {

// Byte `at` of file `number` is pattern[(at + 7919 * number) % pattern.size()].
class Pattern {
 public:
  explicit Pattern(std::string bytes) : bytes_(std::move(bytes)) {}
  // Bytes of the file from `at` on: at least one, at most `max`.
  std::string_view at(std::uint64_t number, std::uint64_t at, std::size_t max) const {
    const std::size_t begin = static_cast<std::size_t>((at + 7919 * number) % bytes_.size());
    return std::string_view(bytes_).substr(begin, max);
  }

 private:
  std::string bytes_;
};

struct Answer {
  int status = 0;            // 0: nothing that could be understood
  std::uint64_t stored = 0;  // from Range
  std::size_t consumed = 0;  // bytes of the head and body in the buffer; 0: more must come
};

// Of the final answer; interim ones are skipped.
Answer parse_answer(std::string_view buffer);

class Upload {
 public:
  // kRanges resumes, by ranges and queries; the others begin again: a plain PUT, or a POST as in
  // tus 1.0's creation with upload.
  enum class Kind { kRanges, kPlain, kTus };
  Upload(std::string target, std::uint64_t number, std::uint64_t size, Kind kind)
      : target_(std::move(target)),
        number_(number),
        size_(size),
        resumable_(kind == Kind::kRanges),
        tus_(kind == Kind::kTus) {}

  // Head of the next request; moves to the first byte it announces.
  std::string next_head();
  bool asking() const noexcept { return asking_; }
  std::uint64_t number() const noexcept { return number_; }
  std::uint64_t size() const noexcept { return size_; }
  std::uint64_t position() const noexcept { return position_; }
  std::uint64_t left() const noexcept { return asking_ ? 0 : size_ - position_; }
  void sent(std::uint64_t bytes) noexcept { position_ += bytes; }

  enum class Next { kDone, kGoOn, kRetry, kFailed };
  // After an answer. kGoOn: next_head() at once. kRetry: after a pause.
  Next answered(const Answer& answer);
  // The connection broke, or was cut.
  void broken();

  std::uint64_t sent_twice() const noexcept { return sent_twice_; }

 private:
  std::string target_;
  std::uint64_t number_;
  std::uint64_t size_;
  bool resumable_;
  bool tus_;
  std::uint64_t position_ = 0;
  std::uint64_t reached_ = 0;  // most that was ever sent
  std::uint64_t sent_twice_ = 0;
  bool asking_ = false;
};

}  // namespace sluice::crowd
