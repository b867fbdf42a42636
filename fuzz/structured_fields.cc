// Structured fields: what is accepted can be written, and is read again as the same value; written
// once more it is the same text.
#include "wire/structured_fields.h"

#include "fuzz/input.h"

using namespace sluice;            // NOLINT
using namespace sluice::fuzz;      // NOLINT
namespace sf = sluice::wire::sf;

namespace {

template <class Parse>
void check(std::string_view text, Parse parse) {
  const auto value = parse(text);
  if (!value) return;
  const auto written = sf::serialize(*value);
  require(written.has_value(), "what was read can be written");
  const auto again = parse(*written);
  require(again && *again == *value, "written again, it means the same");
  require(sf::serialize(*again) == written, "the canonical text is stable");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = Input(data, size).rest();
  check(text, sf::parse_item);
  check(text, sf::parse_list);
  check(text, sf::parse_dictionary);
  return 0;
}
