// Bodies of a store, each to every parser: a store may answer anything.
#include "wire/s3_xml.h"

#include "fuzz/input.h"

using namespace sluice;        // NOLINT
using namespace sluice::fuzz;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = Input(data, size).rest();
  const auto error = wire::parse_s3_error(text);
  require(!error || !wire::is_blank_xml(text), "an error is not blank");
  const auto initiated = wire::parse_initiate_result(text);
  require(!initiated || !initiated->empty(), "an upload has an id");
  const auto completed = wire::parse_complete_result(text);
  require(!(error && (initiated || completed)), "an error is no success");
  if (const auto page = wire::parse_parts_page(text)) {
    for (const auto& part : page->parts) require(part.number > 0, "parts have numbers");
    require(!error, "an error is no page");
  }
  const auto uploads = wire::parse_uploads_page(text);
  const auto objects = wire::parse_objects_page(text);
  require(!(error && (uploads || objects)), "an error is no listing");
  if (const auto sts = wire::parse_sts_credentials(text)) {
    require(!sts->access_key.empty() && !sts->secret_key.empty(), "credentials are not empty");
  }
  return 0;
}
