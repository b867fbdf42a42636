#include "protocols/put308_fields.h"

#include <string>
#include <utility>

#include "base/text.h"
#include "base/units.h"

namespace sluice::protocols::put308 {

namespace {

constexpr std::uint64_t kOffsetMax = 0x7fffffffffffffffULL;

tl::unexpected<core::Problem> refuse(core::ProblemType type, std::string why) {
  return tl::unexpected<core::Problem>(core::Problem(type, std::move(why)));
}

// Bytes the framing announces; nullopt: chunked, so only the end of the body tells. A request
// without any framing has a body of zero bytes.
std::optional<std::uint64_t> body_length(const wire::RequestHead& request) noexcept {
  if (request.framing == wire::BodyFraming::kChunked) return std::nullopt;
  if (request.framing == wire::BodyFraming::kContentLength) return request.content_length.value();
  return 0;
}

std::string numbers(std::string_view before, std::uint64_t a, std::string_view between,
                    std::uint64_t b) {
  std::string out(before);
  out += std::to_string(a);
  out += between;
  out += std::to_string(b);
  return out;
}

std::optional<ByteCount> count(std::optional<std::uint64_t> n) {
  return n ? std::optional(ByteCount(*n)) : std::nullopt;
}

core::Append data(std::optional<std::uint64_t> begin, std::optional<std::uint64_t> length,
                  std::optional<std::uint64_t> total, bool ends_object) {
  core::Append out;
  if (begin) out.begin = ByteOffset(*begin);
  out.length = count(length);
  out.total = count(total);
  out.ends_object = ends_object;
  return out;
}

// No Content-Range: the body is the object.
tl::expected<core::Append, core::Problem> whole(std::optional<std::uint64_t> body,
                                                std::optional<std::uint64_t> total) {
  // A chunked body ends the object where it ends, unless a total was announced: then that decides.
  if (!body) return data(std::nullopt, total, total, !total);
  // Announced, nothing sent yet: an upload of that size begins.
  if (*body == 0 && total && *total > 0) return data(std::nullopt, 0, total, false);
  if (total && *total != *body) {
    return refuse(core::ProblemType::kLengthMismatch,
                  numbers("the body has ", *body, " bytes, X-Upload-Content-Length says ", *total));
  }
  return data(std::nullopt, body, body, true);
}

// "a-*/*" and "a-*/N".
tl::expected<core::Append, core::Problem> open_end(std::uint64_t first,
                                                   std::optional<std::uint64_t> body,
                                                   std::optional<std::uint64_t> total) {
  if (!body) {
    if (!total) return data(first, std::nullopt, std::nullopt, true);
    return data(first, *total - first, total, false);
  }
  const std::uint64_t end = first + *body;  // both below 2^63
  if (end > kOffsetMax) {
    return refuse(core::ProblemType::kTooLarge, "the body ends behind byte 2^63 - 1");
  }
  if (total && *total != end) {
    return refuse(core::ProblemType::kLengthMismatch,
                  numbers("the body ends at ", end, ", the total is ", *total));
  }
  return data(first, body, end, true);
}

// "a-b/N" and "a-b/*". An inclusive end is at most N - 1, so b == N is an exclusive one; so is an
// end that fits the body's length as such (C1).
tl::expected<core::Append, core::Problem> closed(const ContentRange& range,
                                                 std::optional<std::uint64_t> body,
                                                 std::optional<std::uint64_t> total) {
  const std::uint64_t exclusive = range.last - range.first;
  const std::uint64_t inclusive = exclusive + 1;
  if (total && range.last == *total) {
    core::Append out = data(range.first, exclusive, total, false);
    out.cut_body = body && *body != exclusive;
    if (!out.cut_body || *body == *total) return out;
    return refuse(core::ProblemType::kLengthMismatch,
                  numbers("the range has ", exclusive, " bytes, the body ", *body));
  }
  if (!body || *body == inclusive) return data(range.first, inclusive, total, false);
  if (*body == exclusive) return data(range.first, exclusive, total, false);
  return refuse(core::ProblemType::kLengthMismatch,
                numbers("the range has ", inclusive, " bytes, the body ", *body));
}

}  // namespace

tl::expected<std::optional<ContentRange>, core::Problem> content_range(
    const wire::Headers& headers) {
  using core::ProblemType;
  const std::string* field = headers.find("Content-Range");
  if (field == nullptr) return std::nullopt;
  if (headers.count("Content-Range") > 1) {
    return refuse(ProblemType::kMalformedContentRange, "there is more than one Content-Range");
  }
  auto range = parse_content_range(*field);
  if (!range) return refuse(ProblemType::kMalformedContentRange, std::move(range).error());
  return std::optional(*range);
}

tl::expected<std::optional<std::uint64_t>, core::Problem> total_of(
    const wire::Headers& headers, const std::optional<ContentRange>& range) {
  using core::ProblemType;
  std::optional<std::uint64_t> total = range ? range->total : std::nullopt;
  const std::string* field = headers.find("X-Upload-Content-Length");
  if (field == nullptr) return total;
  const std::optional<std::uint64_t> said = parse_decimal(trim(*field));
  if (!said || headers.count("X-Upload-Content-Length") > 1) {
    return refuse(ProblemType::kMalformedRequest,
                  "X-Upload-Content-Length is not one number of at most 2^63 - 1");
  }
  if (total && *total != *said) {
    return refuse(ProblemType::kTotalMismatch,
                  numbers("Content-Range says ", *total, ", X-Upload-Content-Length says ", *said));
  }
  // The total was not known when the range was checked.
  if (range && range->form != ContentRange::Form::kQuery &&
      (range->first > *said || range->last > *said)) {
    return refuse(ProblemType::kTotalMismatch,
                  "the range lies behind the total of X-Upload-Content-Length");
  }
  return said;
}

tl::expected<core::Append, core::Problem> data_of(const wire::RequestHead& request,
                                                  const std::optional<ContentRange>& range) {
  const auto total = total_of(request.headers, range);
  if (!total) return tl::unexpected(total.error());
  const std::optional<std::uint64_t> body = body_length(request);
  if (body && *body > kOffsetMax) {
    return refuse(core::ProblemType::kTooLarge, "the body has more than 2^63 - 1 bytes");
  }
  if (!range) return whole(body, *total);
  if (range->form == ContentRange::Form::kOpenEnd) return open_end(range->first, body, *total);
  return closed(*range, body, *total);
}

tl::expected<bool, core::Problem> wants_parallel(const wire::Headers& headers) {
  const std::string* field = headers.find("X-Upload-Parallel");
  if (field == nullptr) return false;
  const std::string_view value = trim(*field);
  if (headers.count("X-Upload-Parallel") > 1 || (value != "0" && value != "1")) {
    return refuse(core::ProblemType::kMalformedRequest, "X-Upload-Parallel is not one 1 or 0");
  }
  return value == "1";
}

}  // namespace sluice::protocols::put308
