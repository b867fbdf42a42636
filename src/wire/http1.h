// HTTP/1.1 codec (RFC 9112): strict parsing of heads and chunked framing, serialization of heads.
// Pure and total: any byte string in, a value or an error out. No request smuggling: CRLF only, no
// folding, one Content-Length of digits only, Transfer-Encoding exactly "chunked" and only on 1.1
// and never beside Content-Length, exactly one Host on 1.1, no NUL or bare CR anywhere. Whoever
// gets an error closes the connection: nothing behind it can be trusted.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/http_message.h"

namespace sluice::wire {

struct Http1Limits {
  std::size_t head_bytes_max = 32U << 10;  // request line and fields; more is kTooLarge
  std::size_t fields_max = 128;
};

struct ParsedRequest {
  RequestHead head;
  std::size_t consumed = 0;  // bytes of the buffer that belong to the head
};
struct ParsedResponse {
  ResponseHead head;
  std::size_t consumed = 0;
  BodyFraming framing = BodyFraming::kNone;
  ByteCount content_length;
  bool keep_alive = true;
};

// nullopt: the head is not complete yet. kInvalidArgument: malformed (the detail says what, fit for
// strangers); kTooLarge: over the limits; kRejected: HTTP version other than 1.0 and 1.1.
// One empty line before the request line is skipped (RFC 9112 2.2).
Result<std::optional<ParsedRequest>> parse_request_head(std::string_view buffer,
                                                        const Http1Limits& limits);

// `to_head_request`: the response belongs to a HEAD request and has no body whatever it says.
// 1xx heads are answered like any other; the caller loops.
Result<std::optional<ParsedResponse>> parse_response_head(std::string_view buffer,
                                                          const Http1Limits& limits,
                                                          bool to_head_request);

// Request line and fields, ready to send. Precondition: no CR, LF or NUL in any part (checked).
std::string write_request_head(std::string_view method, std::string_view target,
                               const Headers& headers);
// Status line and fields. Precondition as above.
std::string write_response_head(const ResponseHead& head);

std::string_view standard_reason(int status) noexcept;

// Chunked transfer coding as a push parser that never touches the data: it tells where framing ends
// and data begins, so that data can stay where it was received.
class ChunkedDecoder {
 public:
  struct Step {
    std::size_t skip = 0;  // framing bytes at the front of the input, to be thrown away
    std::size_t data = 0;  // data bytes directly behind them
    bool end = false;      // the whole body, trailers included, has been seen behind skip + data
  };
  // Looks at the front of `input`; call again with the rest until it answers skip = data = 0 and
  // not end: then more input is needed. kInvalidArgument: malformed framing, kTooLarge: an
  // oversized size line, extension or trailer (4 KiB each, 16 trailers).
  Result<Step> next(std::string_view input);

  // At least so many bytes come before the body can end; 0 behind its end. Whoever waits may wait
  // for that many at once.
  std::uint64_t certain() const noexcept;

 private:
  enum class State { kSize, kExtension, kSizeLf, kData, kDataCr, kDataLf, kTrailer, kEnd };
  State state_ = State::kSize;
  std::uint64_t left_ = 0;      // of the chunk
  std::size_t line_bytes_ = 0;  // of the current framing line
  std::size_t digits_ = 0;
  std::size_t trailers_ = 0;
  bool saw_cr_ = false;     // in a trailer
  bool saw_colon_ = false;  // in a trailer
};

}  // namespace sluice::wire
