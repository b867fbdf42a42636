// A push parser for multipart/form-data (RFC 7578) and multipart/related (RFC 2387) bodies of any
// size. It never copies a part's bytes: it tells where in the given input they lie. Pure and total.
//
//   input   preamble ─► boundary ─► head ─► data ─► boundary ─► head … ─► last boundary ─► epilogue
//   event                           kPart   kData   kPartEnd              kPartEnd, kEnd
//
// What it keeps: the head of the part that is being received, nothing else. Bytes at the end of an
// input that may begin a boundary are withheld; if they turn out to be data, they are given back as
// text, because what they say is known (the beginning of the boundary line).
//
// Strict, so that nobody else reads the same bytes differently: CRLF only; a line that begins with
// the boundary is one (RFC 2046 5.1.1) and malformed if it goes on with anything but blanks; no
// folding. One mercy: a multipart/related body whose first line ends with a bare LF has bare LFs
// throughout, because Google's Python client sends such ones (google-308 digest, PY).
//
// A body that ends before finished() is malformed or cut, never a part's end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/form_part.h"

namespace sluice::wire {

struct FormLimits {
  std::size_t parts_max = 1'000;
  std::size_t head_bytes_max = 8U << 10;    // of one part's head; also of the preamble
  std::size_t head_fields_max = 16;         // in one part's head
  std::size_t field_bytes_max = 64U << 10;  // value of one part that is no file; form-data only
  std::size_t fields_bytes_max = 1U << 20;  // all of them together
};

class FormParser {
 public:
  explicit FormParser(Multipart multipart, FormLimits limits = {});

  enum class What : std::uint8_t {
    kMore,     // the whole input has been used: give more
    kPart,     // a part begins: part()
    kData,     // bytes of the part
    kPartEnd,  // its boundary has been seen
    kEnd,      // the last boundary has been seen; everything behind it is nothing
  };
  struct Step {
    What what = What::kMore;
    std::size_t used = 0;  // bytes at the front of the input that need not be given again
    std::size_t data = 0;  // kData: the first so many of them belong to the part
    // kData: comes before them; was withheld from earlier inputs. Lives as long as the parser.
    std::string_view held;
  };

  // Looks at the front of `input`; call again with what is behind `used` until it answers kMore.
  // kInvalidArgument: malformed; kTooLarge: over a limit; kRejected: an encoded part. The detail is
  // fit for strangers. After an error every call gives the same error.
  Result<Step> next(std::string_view input);

  // Of the last kPart.
  const FormPart& part() const noexcept { return part_; }
  // kEnd has been given.
  bool finished() const noexcept { return state_ == State::kEpilogue; }
  // So many bytes at the end of what has been used are withheld.
  std::size_t withheld() const noexcept { return state_ == State::kData ? matched_ : 0; }

 private:
  enum class State : std::uint8_t {
    kPreamble,  // looking for the first boundary
    kLine,      // behind a boundary: blanks and the line's end, or two dashes
    kLineFeed,  // behind the CR of that line
    kDash,      // behind the first of the two dashes
    kHead,      // a part's head
    kData,      // a part's bytes
    kClosed,    // kEnd is due
    kEpilogue,
    kFailed,
  };

  Result<Step> search(std::string_view input);
  Result<Step> take_head(std::string_view input);
  Step boundary_line_done(State next, std::size_t used);
  Result<Ok> read_head();
  Result<Ok> count_data(std::size_t bytes);
  tl::unexpected<Error> broken(Errc code, std::string why);

  const FormLimits limits_;
  const MultipartKind kind_;
  std::string delimiter_;  // CRLF, two dashes and the boundary; later perhaps with a bare LF

  State state_ = State::kPreamble;
  std::size_t matched_;  // bytes of delimiter_ seen at the end of what was used
  std::size_t preamble_bytes_ = 0;
  std::size_t line_bytes_ = 0;  // behind the boundary
  bool bare_lf_ = false;        // known from the first boundary line on
  bool in_part_ = false;
  std::string head_;            // received so far, line ends included
  std::size_t line_begin_ = 0;  // of the head's current line
  FormPart part_;
  std::size_t parts_ = 0;
  std::size_t field_bytes_ = 0;
  std::size_t fields_bytes_ = 0;
  Error failure_{Errc::kInvalidArgument, ""};
};

}  // namespace sluice::wire
