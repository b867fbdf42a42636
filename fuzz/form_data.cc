// Multipart bodies: the same bytes give the same parts, however they are split; a part's bytes lie
// in the body, one behind the other.
#include "wire/form_data.h"

#include <string>

#include "fuzz/input.h"

using namespace sluice;        // NOLINT
using namespace sluice::fuzz;  // NOLINT

namespace {

struct Outcome {
  std::string parts;  // heads, data and ends
  bool refused = false;
  bool finished = false;
};

Outcome parse(std::string_view text, const wire::Multipart& multipart, std::size_t piece) {
  wire::FormLimits limits;
  limits.parts_max = 20;
  limits.head_bytes_max = 512;
  wire::FormParser parser(multipart, limits);
  Outcome outcome;
  std::size_t withheld = 0;
  std::size_t data = 0;
  for (std::size_t at = 0; at < text.size() && !outcome.refused; at += piece) {
    std::string_view input = text.substr(at, piece);
    while (true) {
      const auto step = parser.next(input);
      outcome.refused = !step;
      if (!step) break;
      require(step->data <= step->used && step->used <= input.size(), "no more than there is");
      require(step->held.empty() || step->held.size() == withheld, "held is what was withheld");
      if (step->what == wire::FormParser::What::kPart) {
        outcome.parts += "\n[" + parser.part().name + "]" + parser.part().filename.value_or("-") +
                         "|" + parser.part().content_type + "\n";
      }
      if (step->what == wire::FormParser::What::kPartEnd) outcome.parts += "\n[end]";
      if (step->what == wire::FormParser::What::kData) {
        require(step->held.size() + step->data > 0, "data is something");
        outcome.parts += step->held;
        outcome.parts += input.substr(0, step->data);
        data += step->held.size() + step->data;
      }
      input.remove_prefix(step->used);
      withheld = parser.withheld();
      require(withheld < multipart.boundary.size() + 4, "less than a boundary is withheld");
      if (step->what != wire::FormParser::What::kMore) continue;
      require(input.empty(), "everything is used before more is wanted");
      break;
    }
  }
  require(data <= text.size(), "data comes from the body");
  outcome.finished = parser.finished();
  return outcome;
}

}  // namespace

// The text is a Content-Type, a line feed, and the body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::size_t piece = 1 + input.take(64);
  const std::string_view text = input.rest();
  const std::size_t line = text.find('\n');
  const auto multipart = wire::multipart_of(text.substr(0, line));
  if (!multipart || !*multipart || line == std::string_view::npos) return 0;
  const std::string_view body = text.substr(line + 1);
  const Outcome whole = parse(body, **multipart, body.size() + 1);
  const Outcome split = parse(body, **multipart, piece);
  require(whole.refused == split.refused && whole.finished == split.finished, "the same verdict");
  if (!whole.refused) require(whole.parts == split.parts, "the same parts");
  return 0;
}
