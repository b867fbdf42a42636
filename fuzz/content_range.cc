// Content-Range: what is accepted makes sense, and says the same when it is written again.
#include "protocols/content_range.h"

#include <string>

#include "fuzz/input.h"

using namespace sluice;        // NOLINT
using namespace sluice::fuzz;  // NOLINT
using protocols::ContentRange;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = Input(data, size).rest();
  const auto range = protocols::parse_content_range(text);
  if (!range) {
    require(!range.error().empty(), "a refusal says why");
    return 0;
  }
  std::string again = "bytes ";
  switch (range->form) {
    case ContentRange::Form::kQuery:
      again += "*";
      break;
    case ContentRange::Form::kData:
      require(range->first <= range->last, "no empty range");
      require(!range->total || range->last <= *range->total, "inside the total");
      again += std::to_string(range->first) + "-" + std::to_string(range->last);
      break;
    case ContentRange::Form::kOpenEnd:
      require(!range->total || range->first <= *range->total, "inside the total");
      again += std::to_string(range->first) + "-*";
      break;
  }
  again += "/" + (range->total ? std::to_string(*range->total) : std::string("*"));
  const auto second = protocols::parse_content_range(again);
  require(second && *second == *range, "written again, it means the same");
  return 0;
}
