// Response heads of stores and applications, and what is made of them.
#include "fuzz/input.h"
#include "hooks/forward_answer.h"
#include "wire/http1.h"
#include "wire/s3_request.h"

using namespace sluice;        // NOLINT
using namespace sluice::fuzz;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const bool to_head = input.take(2) == 1;
  const std::string_view text = input.rest();
  const auto parsed = wire::parse_response_head(text, wire::Http1Limits(), to_head);
  if (!parsed || !*parsed) return 0;
  const wire::ParsedResponse& response = **parsed;
  require(response.consumed <= text.size(), "no more is consumed than there is");
  require(response.head.status >= 100 && response.head.status <= 999, "a status of three digits");
  require(!to_head || response.framing == wire::BodyFraming::kNone, "HEAD has no body");
  const auto shorter = wire::parse_response_head(text.substr(0, response.consumed - 1),
                                                 wire::Http1Limits(), to_head);
  require(shorter && !*shorter, "the beginning of a good head is never refused");
  static_cast<void>(hooks::grant_from(response.head.headers));
  for (const auto kind : {wire::ChecksumKind::kCrc64Nvme, wire::ChecksumKind::kCrc32c}) {
    static_cast<void>(wire::s3_checksum_in(response.head.headers, kind));
  }
  return 0;
}
