#include "wire/form_data.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace sluice::wire {

namespace {

constexpr std::size_t kLineRestMax = 64;  // blanks behind a boundary
constexpr std::size_t kLineEnd = 2;       // CRLF in front of the dashes

bool is_name_char(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_value_char(char c) noexcept {
  const auto b = static_cast<unsigned char>(c);
  return b == '\t' || (b >= 0x20 && b != 0x7f);
}

}  // namespace

// The first boundary may be the body's first bytes: as if a line had ended just before.
FormParser::FormParser(Multipart multipart, FormLimits limits)
    : limits_(limits),
      kind_(multipart.kind),
      delimiter_("\r\n--" + multipart.boundary),
      matched_(kLineEnd) {}

Result<FormParser::Step> FormParser::next(std::string_view input) {
  std::size_t used = 0;
  // One turn for each byte of a boundary line; everything else goes in runs.
  while (true) {
    if (state_ == State::kFailed) return fail(failure_);
    if (state_ == State::kClosed) {
      state_ = State::kEpilogue;
      Step end;
      end.what = What::kEnd;
      end.used = used;
      return end;
    }
    if (state_ == State::kEpilogue) used = input.size();
    if (used == input.size()) {
      Step more;
      more.used = used;
      return more;
    }
    const std::string_view rest = input.substr(used);
    if (state_ == State::kPreamble || state_ == State::kData || state_ == State::kHead) {
      auto step = state_ == State::kHead ? take_head(rest) : search(rest);
      if (!step) return step;
      step->used += used;
      if (step->what != What::kMore) return step;
      used = step->used;
      continue;
    }

    const char c = rest.front();
    ++used;
    if (++line_bytes_ > kLineRestMax) {
      return broken(Errc::kInvalidArgument, "a boundary line is too long");
    }
    if (state_ == State::kDash) {
      if (c != '-') return broken(Errc::kInvalidArgument, "a boundary line is malformed");
      const bool ends_part = in_part_;
      const Step done = boundary_line_done(State::kClosed, used);
      if (ends_part) return done;
    } else if (state_ == State::kLineFeed || c == '\n') {
      const bool bare = state_ == State::kLine;
      // The very first boundary line decides how lines end.
      if (bare && parts_ == 0 && !in_part_ && kind_ == MultipartKind::kRelated) bare_lf_ = true;
      if (c != '\n' || bare != bare_lf_) {
        return broken(Errc::kInvalidArgument, "a boundary line does not end with CR LF");
      }
      if (bare_lf_ && delimiter_.front() == '\r') delimiter_.erase(0, 1);
      if (parts_ == limits_.parts_max)
        return broken(Errc::kTooLarge, "the body has too many parts");
      ++parts_;
      head_.clear();
      line_begin_ = 0;
      const bool ends_part = in_part_;
      const Step done = boundary_line_done(State::kHead, used);
      if (ends_part) return done;
    } else if (c == '\r') {
      state_ = State::kLineFeed;
    } else if (c == '-' && line_bytes_ == 1) {
      state_ = State::kDash;
    } else if (c != ' ' && c != '\t') {
      return broken(Errc::kInvalidArgument, "a line begins with the boundary and goes on");
    }
  }
}

FormParser::Step FormParser::boundary_line_done(State next, std::size_t used) {
  Step step;
  step.what = What::kPartEnd;
  step.used = used;
  state_ = next;
  in_part_ = false;
  return step;
}

// Data, or the preamble, up to the next boundary. The delimiter's first byte occurs nowhere else in
// it, so a match that fails can begin again only at the byte where it failed.
Result<FormParser::Step> FormParser::search(std::string_view input) {
  Step step;
  std::size_t at = 0;
  const std::size_t before = matched_;  // withheld from earlier inputs
  if (matched_ > 0) {
    const std::size_t n = std::min(delimiter_.size() - matched_, input.size());
    std::size_t same = 0;
    while (same < n && input[same] == delimiter_[matched_ + same]) ++same;
    at = same;
    matched_ += same;
    if (same < n) {  // all of it was data
      step.held = std::string_view(delimiter_).substr(0, before);
      step.data = same;
      matched_ = 0;
    }
  }
  while (matched_ == 0 && at < input.size()) {
    const void* found = std::memchr(input.data() + at, delimiter_.front(), input.size() - at);
    if (found == nullptr) {
      at = step.data = input.size();
      break;
    }
    step.data = static_cast<std::size_t>(static_cast<const char*>(found) - input.data());
    const std::size_t n = std::min(delimiter_.size(), input.size() - step.data);
    matched_ = 1;
    while (matched_ < n && input[step.data + matched_] == delimiter_[matched_]) ++matched_;
    at = step.data + matched_;
    if (matched_ < n) {
      step.data = at;
      matched_ = 0;
    }
  }
  step.used = at;
  const bool preamble = state_ == State::kPreamble;
  if (preamble) {  // nobody's data
    preamble_bytes_ += step.held.size() + step.data;
    if (preamble_bytes_ > limits_.head_bytes_max + kLineEnd) {
      return broken(Errc::kInvalidArgument, "the body does not begin with its boundary");
    }
    step.data = 0;
    step.held = {};
  }
  if (matched_ == delimiter_.size()) {
    state_ = State::kLine;
    line_bytes_ = 0;
    matched_ = 0;
  }
  if (preamble) return step;
  const auto counted = count_data(step.held.size() + step.data);
  if (!counted) return fail(counted.error());
  if (step.data > 0 || !step.held.empty()) step.what = What::kData;
  return step;
}

Result<Ok> FormParser::count_data(std::size_t bytes) {
  if (kind_ != MultipartKind::kFormData || part_.is_file()) return Ok{};
  field_bytes_ += bytes;
  fields_bytes_ += bytes;
  if (field_bytes_ > limits_.field_bytes_max || fields_bytes_ > limits_.fields_bytes_max) {
    return broken(Errc::kTooLarge, "a field of the form is too long");
  }
  return Ok{};
}

// Up to the empty line that ends the head.
Result<FormParser::Step> FormParser::take_head(std::string_view input) {
  Step step;
  while (step.used < input.size()) {
    const std::string_view rest = input.substr(step.used);
    const std::size_t line = rest.find('\n');
    const std::size_t n = line == std::string_view::npos ? rest.size() : line + 1;
    if (head_.size() + n > limits_.head_bytes_max) {
      return broken(Errc::kTooLarge, "the head of a part is too long");
    }
    head_.append(rest.substr(0, n));
    step.used += n;
    if (line == std::string_view::npos) break;
    const std::size_t length = head_.size() - line_begin_;
    line_begin_ = head_.size();
    if (length != (bare_lf_ ? 1U : 2U)) continue;
    const auto read = read_head();
    if (!read) return fail(read.error());
    state_ = State::kData;
    in_part_ = true;
    field_bytes_ = 0;
    head_ = std::string();
    step.what = What::kPart;
    return step;
  }
  return step;
}

Result<Ok> FormParser::read_head() {
  Headers fields;
  std::string_view text(head_);
  while (true) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (!bare_lf_) {
      if (line.empty() || line.back() != '\r') {
        return broken(Errc::kInvalidArgument, "a line in the head of a part ends with a bare LF");
      }
      line.remove_suffix(1);
    }
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos ||
        !std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(colon),
                     is_name_char)) {
      return broken(Errc::kInvalidArgument, "a header field of a part is malformed");
    }
    const std::string_view value = trim(line.substr(colon + 1));
    if (!std::all_of(value.begin(), value.end(), is_value_char)) {
      return broken(Errc::kInvalidArgument, "a header field of a part has a control character");
    }
    if (fields.list().size() == limits_.head_fields_max) {
      return broken(Errc::kTooLarge, "a part has too many header fields");
    }
    fields.add(std::string(line.substr(0, colon)), std::string(value));
  }
  auto part = form_part(std::move(fields), kind_);
  if (!part) return broken(part.error().code(), part.error().detail());
  part_ = std::move(*part);
  return Ok{};
}

tl::unexpected<Error> FormParser::broken(Errc code, std::string why) {
  state_ = State::kFailed;
  failure_ = Error(code, std::move(why));
  return fail(failure_);
}

}  // namespace sluice::wire
