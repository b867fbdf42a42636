// Chunked framing: the same bytes give the same data, however they are split.
#include <string>

#include "fuzz/input.h"
#include "wire/http1.h"

using namespace sluice;        // NOLINT
using namespace sluice::fuzz;  // NOLINT

namespace {

struct Outcome {
  std::string data;
  bool end = false;
  bool refused = false;
  std::size_t used = 0;
};

Outcome decode(std::string_view text, std::size_t piece) {
  Outcome outcome;
  wire::ChunkedDecoder decoder;
  std::size_t given = 0;
  while (!outcome.end && !outcome.refused) {
    const std::string_view window = text.substr(outcome.used, given - outcome.used);
    require(decoder.certain() > 0, "more must come before the end");
    const auto step = decoder.next(window);
    if (!step) {
      outcome.refused = true;
      break;
    }
    require(step->skip + step->data <= window.size(), "no more is used than there is");
    outcome.data.append(window.substr(step->skip, step->data));
    outcome.used += step->skip + step->data;
    outcome.end = step->end;
    if (step->skip + step->data > 0 || step->end) continue;
    if (given == text.size()) break;
    given = std::min(text.size(), given + piece);
  }
  require(!outcome.end || decoder.certain() == 0, "nothing is certain behind the end");
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::size_t piece = 1 + input.take(64);
  const std::string_view text = input.rest();
  const Outcome whole = decode(text, text.size() + 1);
  const Outcome split = decode(text, piece);
  require(whole.end == split.end && whole.refused == split.refused, "the same verdict");
  require(whole.data == split.data, "the same data");
  if (whole.end) require(whole.used == split.used, "the same end");
  return 0;
}
