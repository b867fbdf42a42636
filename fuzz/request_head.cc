// Request heads: what is accepted is unambiguous, and nothing depends on how the bytes arrive.
#include <string>

#include "fuzz/input.h"
#include "wire/http1.h"

using namespace sluice;        // NOLINT
using namespace sluice::fuzz;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  wire::Http1Limits limits;
  limits.head_bytes_max = 64 + 64 * input.take(256);
  limits.fields_max = 1 + input.take(32);
  const std::string_view text = input.rest();
  const auto parsed = wire::parse_request_head(text, limits);
  if (!parsed || !*parsed) return 0;
  const wire::ParsedRequest& request = **parsed;
  require(request.consumed <= text.size(), "no more is consumed than there is");
  require(request.consumed <= limits.head_bytes_max + 4, "the limit holds");
  require(request.head.headers.list().size() <= limits.fields_max, "no more fields than allowed");
  require(text.substr(0, request.consumed).ends_with("\r\n\r\n"), "a head ends with an empty line");
  require(request.head.headers.count("content-length") <= 1, "one Content-Length");
  require(request.head.headers.count("host") <= 1, "one Host");
  const bool chunked = request.head.headers.count("transfer-encoding") > 0;
  require(!chunked || request.head.headers.count("content-length") == 0, "no two lengths");
  require(chunked == (request.head.framing == wire::BodyFraming::kChunked), "chunked is chunked");
  for (const wire::Header& header : request.head.headers.list()) {
    require(header.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos,
            "no line break inside a value");
    require(!header.name.empty(), "no empty name");
  }
  for (const std::size_t cut : {request.consumed - 1, request.consumed / 2}) {
    const auto shorter = wire::parse_request_head(text.substr(0, cut), limits);
    require(shorter && !*shorter, "the beginning of a good head is never refused");
  }
  const auto longer = wire::parse_request_head(std::string(text) + "GET", limits);
  require(longer && *longer && (*longer)->consumed == request.consumed,
          "what follows is no matter");
  return 0;
}
