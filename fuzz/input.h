// What a fuzzer's bytes mean beyond one text: small numbers taken from their end, so that the text
// in front stays readable in the corpus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace sluice::fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : text_(reinterpret_cast<const char*>(data), size) {}

  // A number in [0, below), from the last byte; 0 when nothing is left.
  std::size_t take(std::size_t below) {
    if (text_.empty()) return 0;
    const auto last = static_cast<unsigned char>(text_.back());
    text_.remove_suffix(1);
    return last % below;
  }
  std::string_view rest() const noexcept { return text_; }

 private:
  std::string_view text_;
};

// What must hold for every input. Fuzzers are built with and without NDEBUG.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: does not hold: %s\n", what);
  std::abort();
}

}  // namespace sluice::fuzz
