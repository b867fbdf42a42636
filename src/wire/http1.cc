#include "wire/http1.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/text.h"

namespace sluice::wire {

namespace {

// Framing lines of the chunked coding: size with extension, and each trailer.
constexpr std::size_t kFramingLineMax = 4U << 10;
constexpr std::size_t kTrailersMax = 16;
constexpr std::size_t kSizeDigitsMax = 16;
constexpr std::uint64_t kLengthMax = 0x7fffffffffffffffULL;

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = true;
  for (unsigned c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (const char c :
       {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}
constexpr std::array<bool, 256> kTokenTable = make_token_table();

bool is_token_char(char c) noexcept {
  return kTokenTable[static_cast<unsigned char>(c)];
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

// Control characters other than the tab. None of them has a place in a head.
bool is_control(char c) noexcept {
  const auto b = static_cast<unsigned char>(c);
  return (b < 0x20 && c != '\t') || b == 0x7f;
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// Where a head lies in a buffer. `end` is behind the empty line.
struct HeadSpan {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Looks for the empty line that ends a head. Judges line ends and control characters on the way, so
// that what can never become a head is refused at once, not after a timeout, and so that the answer
// for a prefix never contradicts the one for the whole.
Result<std::optional<HeadSpan>> find_head(std::string_view buffer, std::size_t bytes_max,
                                          bool skip_empty_line) {
  HeadSpan span;
  if (skip_empty_line && !buffer.empty() && buffer.front() == '\r') {
    if (buffer.size() < 2) return std::nullopt;
    if (buffer[1] == '\n') span.begin = 2;
  }
  const std::size_t limit = std::min(buffer.size(), span.begin + bytes_max);
  std::size_t line = span.begin;
  for (std::size_t i = span.begin; i < limit; ++i) {
    const char c = buffer[i];
    if (!is_control(c)) continue;
    if (c == '\n') return fail(Errc::kInvalidArgument, "line ends with LF instead of CRLF");
    if (c != '\r') return fail(Errc::kInvalidArgument, "control character in the message head");
    if (i + 1 == buffer.size()) return std::nullopt;
    if (buffer[i + 1] != '\n') {
      return fail(Errc::kInvalidArgument, "CR without LF in the message head");
    }
    if (i + 1 == limit) break;
    if (i == line) {
      if (i == span.begin) return fail(Errc::kInvalidArgument, "empty start line");
      span.end = i + 2;
      return span;
    }
    ++i;
    line = i + 1;
  }
  if (buffer.size() - span.begin >= bytes_max) {
    return fail(Errc::kTooLarge, "message head is larger than the limit");
  }
  return std::nullopt;
}

// Takes the next line off `text`. Precondition: find_head() saw its end.
std::string_view take_line(std::string_view* text) {
  const std::size_t end = text->find("\r\n");
  SLUICE_CHECK(end != std::string_view::npos);
  const std::string_view line = text->substr(0, end);
  text->remove_prefix(end + 2);
  return line;
}

Result<Headers> parse_fields(std::string_view text, std::size_t fields_max) {
  std::vector<Header> list;
  while (true) {
    const std::string_view line = take_line(&text);
    if (line.empty()) return Headers(std::move(list));
    if (list.size() == fields_max) return fail(Errc::kTooLarge, "too many header fields");
    if (line.front() == ' ' || line.front() == '\t') {
      return fail(Errc::kInvalidArgument, "folded header line");
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return fail(Errc::kInvalidArgument, "header line without a colon");
    }
    const std::string_view name = line.substr(0, colon);
    if (name.empty()) return fail(Errc::kInvalidArgument, "empty header name");
    if (!is_token(name)) {
      return fail(Errc::kInvalidArgument, "header name with a character that is not allowed");
    }
    list.push_back(Header{std::string(name), std::string(trim(line.substr(colon + 1)))});
  }
}

// Minor version of "HTTP/1.x".
Result<int> parse_version(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != 8 || !text.starts_with("HTTP/") || !digit(text[5]) || text[6] != '.' ||
      !digit(text[7])) {
    return fail(Errc::kInvalidArgument, "malformed HTTP version");
  }
  if (text[5] != '1' || text[7] > '1') {
    return fail(Errc::kRejected, "HTTP version is not 1.0 or 1.1");
  }
  return text[7] - '0';
}

bool lists_token(const Headers& headers, std::string_view field, std::string_view token) {
  for (const Header& header : headers.list()) {
    if (!equals_ignoring_case(header.name, field)) continue;
    std::string_view rest = header.value;
    while (true) {
      const std::size_t comma = rest.find(',');
      if (equals_ignoring_case(trim(rest.substr(0, comma)), token)) return true;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return false;
}

bool keeps_alive(int minor_version, const Headers& headers) {
  if (lists_token(headers, "Connection", "close")) return false;
  return minor_version >= 1 || lists_token(headers, "Connection", "keep-alive");
}

struct Framing {
  BodyFraming framing = BodyFraming::kNone;  // kNone: no field says anything
  ByteCount content_length;
};

Result<Framing> parse_framing(int minor_version, const Headers& headers) {
  Framing out;
  const std::size_t lengths = headers.count("Content-Length");
  const std::size_t codings = headers.count("Transfer-Encoding");
  if (codings > 0) {
    if (lengths > 0) {
      return fail(Errc::kInvalidArgument, "Content-Length and Transfer-Encoding together");
    }
    if (codings > 1 || !equals_ignoring_case(*headers.find("Transfer-Encoding"), "chunked")) {
      return fail(Errc::kInvalidArgument, "Transfer-Encoding is not exactly chunked");
    }
    if (minor_version < 1) {
      return fail(Errc::kInvalidArgument, "Transfer-Encoding in an HTTP/1.0 message");
    }
    out.framing = BodyFraming::kChunked;
    return out;
  }
  if (lengths == 0) return out;
  if (lengths > 1) return fail(Errc::kInvalidArgument, "more than one Content-Length");
  const auto length = parse_decimal(*headers.find("Content-Length"));
  if (!length) return fail(Errc::kInvalidArgument, "Content-Length is not a number");
  out.framing = BodyFraming::kContentLength;
  out.content_length = ByteCount(*length);
  return out;
}

bool is_host(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const char l = lower(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~%!$&'()*+;=:[]").find(c) != std::string_view::npos;
  });
}

Result<Ok> check_host(int minor_version, const Headers& headers) {
  const std::size_t hosts = headers.count("Host");
  if (hosts > 1) return fail(Errc::kInvalidArgument, "more than one Host");
  if (hosts == 0) {
    if (minor_version >= 1) return fail(Errc::kInvalidArgument, "no Host");
    return Ok{};
  }
  if (!is_host(*headers.find("Host"))) return fail(Errc::kInvalidArgument, "malformed Host");
  return Ok{};
}

struct Target {
  std::string_view authority;  // of the absolute form; else empty
  std::string_view rest;       // origin form, or "*"
};

// Origin-form; absolute-form, which a server must understand (RFC 9112 3.2.2); "*" of OPTIONS. Raw
// UTF-8 passes: scripts send names as they are.
Result<Target> parse_target(std::string_view method, std::string_view text) {
  Target target;
  target.rest = text;
  if (text == "*" && method == "OPTIONS") return target;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equals_ignoring_case(text.substr(0, scheme.size()), scheme)) continue;
    text.remove_prefix(scheme.size());
    const std::size_t end = std::min(text.find_first_of("/?#"), text.size());
    target.authority = text.substr(0, end);
    target.rest = text.substr(end);
    if (target.rest.empty()) target.rest = "/";
    if (target.authority.empty() || !is_host(target.authority)) {
      return fail(Errc::kInvalidArgument, "malformed host in the request target");
    }
    break;
  }
  if (target.rest.empty() || target.rest.front() != '/') {
    return fail(Errc::kInvalidArgument, "request target does not begin with a slash");
  }
  if (target.rest.find_first_of(" \t#") != std::string_view::npos || !is_utf8(target.rest)) {
    return fail(Errc::kInvalidArgument, "request target with a character that is not allowed");
  }
  return target;
}

void check_clean(std::string_view text) {
  SLUICE_CHECK(text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
}

void append_fields(std::string* out, const Headers& headers) {
  for (const Header& header : headers.list()) {
    check_clean(header.name);
    check_clean(header.value);
    out->append(header.name).append(": ").append(header.value).append("\r\n");
  }
  out->append("\r\n");
}

}  // namespace

Result<std::optional<ParsedRequest>> parse_request_head(std::string_view buffer,
                                                        const Http1Limits& limits) {
  SLUICE_TRY(const auto span, find_head(buffer, limits.head_bytes_max, true));
  if (!span) return std::nullopt;
  std::string_view text = buffer.substr(span->begin, span->end - span->begin);

  const std::string_view line = take_line(&text);
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return fail(Errc::kInvalidArgument, "malformed request line");
  }
  const std::string_view method = line.substr(0, first);
  if (!is_token(method)) return fail(Errc::kInvalidArgument, "malformed method");
  SLUICE_TRY(const int minor_version, parse_version(line.substr(last + 1)));
  SLUICE_TRY(const Target parts, parse_target(method, line.substr(first + 1, last - first - 1)));
  const std::string_view target = parts.rest;

  ParsedRequest out;
  out.consumed = span->end;
  RequestHead& head = out.head;
  head.minor_version = minor_version;
  SLUICE_TRY(head.headers, parse_fields(text, limits.fields_max));
  SLUICE_TRY_OK(check_host(minor_version, head.headers));
  SLUICE_TRY(const Framing framing, parse_framing(minor_version, head.headers));
  // The target's authority counts, whatever Host says (RFC 9112 3.2.2).
  if (!parts.authority.empty()) head.headers.set("Host", std::string(parts.authority));
  head.method = method;
  head.target = target;
  const std::size_t question = target.find('?');
  head.path = target.substr(0, question);
  if (question != std::string_view::npos) head.query = target.substr(question + 1);
  head.framing = framing.framing;
  head.content_length = framing.content_length;
  head.keep_alive = keeps_alive(minor_version, head.headers);
  head.expects_continue = minor_version >= 1 && lists_token(head.headers, "Expect", "100-continue");
  return out;
}

Result<std::optional<ParsedResponse>> parse_response_head(std::string_view buffer,
                                                          const Http1Limits& limits,
                                                          bool to_head_request) {
  SLUICE_TRY(const auto span, find_head(buffer, limits.head_bytes_max, false));
  if (!span) return std::nullopt;
  std::string_view text = buffer.substr(0, span->end);

  const std::string_view line = take_line(&text);
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) {
    return fail(Errc::kInvalidArgument, "malformed status line");
  }
  SLUICE_TRY(const int minor_version, parse_version(line.substr(0, space)));
  const std::string_view rest = line.substr(space + 1);
  const auto status = parse_decimal(rest.substr(0, 3));
  // The reason, with the blank before it, is often left out altogether.
  if (rest.size() < 3 || !status || *status < 100 || *status > 599 ||
      (rest.size() > 3 && rest[3] != ' ')) {
    return fail(Errc::kInvalidArgument, "malformed status line");
  }

  ParsedResponse out;
  out.consumed = span->end;
  out.head.status = static_cast<int>(*status);
  if (rest.size() > 4) out.head.reason = rest.substr(4);
  SLUICE_TRY(out.head.headers, parse_fields(text, limits.fields_max));
  SLUICE_TRY(const Framing framing, parse_framing(minor_version, out.head.headers));
  out.keep_alive = keeps_alive(minor_version, out.head.headers);

  const bool bodiless = to_head_request || *status < 200 || *status == 204 || *status == 304;
  if (bodiless) {
    // A coding on a status that has no body: servers disagree whether a chunk follows.
    if (framing.framing == BodyFraming::kChunked && !to_head_request) out.keep_alive = false;
    return out;
  }
  out.framing = framing.framing == BodyFraming::kNone ? BodyFraming::kUntilClose : framing.framing;
  out.content_length = framing.content_length;
  if (out.framing == BodyFraming::kUntilClose) out.keep_alive = false;
  return out;
}

std::string write_request_head(std::string_view method, std::string_view target,
                               const Headers& headers) {
  check_clean(method);
  check_clean(target);
  std::string out;
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
  append_fields(&out, headers);
  return out;
}

std::string write_response_head(const ResponseHead& head) {
  SLUICE_CHECK(head.status >= 100 && head.status <= 999);
  check_clean(head.reason);
  std::string out = "HTTP/1.1 ";
  out.append(std::to_string(head.status)).append(" ");
  out.append(head.reason.empty() ? standard_reason(head.status) : std::string_view(head.reason));
  out.append("\r\n");
  append_fields(&out, head.headers);
  return out;
}

std::string_view standard_reason(int status) noexcept {
  switch (status) {
    case 100:
      return "Continue";
    case 104:
      return "Upload Resumption Supported";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 423:
      return "Locked";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 460:
      return "Checksum Mismatch";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "";
  }
}

Result<ChunkedDecoder::Step> ChunkedDecoder::next(std::string_view input) {
  Step step;
  while (state_ != State::kEnd && step.skip < input.size()) {
    if (state_ == State::kData) {
      const std::size_t there = input.size() - step.skip;
      step.data = left_ < there ? static_cast<std::size_t>(left_) : there;
      left_ -= step.data;
      if (left_ == 0) state_ = State::kDataCr;
      return step;
    }
    const char c = input[step.skip];
    ++step.skip;
    switch (state_) {
      case State::kSize: {
        const int digit = hex_digit(c);
        if (digit >= 0) {
          // No shift can overflow: 16 digits at most, and the top bit is refused.
          if (++digits_ > kSizeDigitsMax) {
            return fail(Errc::kInvalidArgument, "chunk size with too many digits");
          }
          left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
          if (left_ > kLengthMax) return fail(Errc::kInvalidArgument, "chunk size too large");
          break;
        }
        if (digits_ == 0) return fail(Errc::kInvalidArgument, "chunk without a size");
        line_bytes_ = digits_;
        if (c == ';') {
          state_ = State::kExtension;
        } else if (c == '\r') {
          state_ = State::kSizeLf;
        } else {
          return fail(Errc::kInvalidArgument, "malformed chunk size");
        }
        break;
      }
      case State::kExtension:
        if (c == '\r') {
          state_ = State::kSizeLf;
        } else if (is_control(c)) {
          return fail(Errc::kInvalidArgument, "control character in a chunk extension");
        } else if (++line_bytes_ > kFramingLineMax) {
          return fail(Errc::kTooLarge, "chunk extension too long");
        }
        break;
      case State::kSizeLf:
        if (c != '\n') return fail(Errc::kInvalidArgument, "CR without LF behind a chunk size");
        digits_ = 0;
        line_bytes_ = 0;
        state_ = left_ == 0 ? State::kTrailer : State::kData;
        break;
      case State::kDataCr:
        if (c != '\r') return fail(Errc::kInvalidArgument, "chunk longer than its size");
        state_ = State::kDataLf;
        break;
      case State::kDataLf:
        if (c != '\n') return fail(Errc::kInvalidArgument, "CR without LF behind a chunk");
        state_ = State::kSize;
        break;
      case State::kTrailer:
        if (saw_cr_) {
          if (c != '\n') return fail(Errc::kInvalidArgument, "CR without LF in a trailer");
          saw_cr_ = false;
          if (line_bytes_ == 0) {
            state_ = State::kEnd;
          } else if (!saw_colon_) {
            return fail(Errc::kInvalidArgument, "trailer without a colon");
          }
          line_bytes_ = 0;
          saw_colon_ = false;
        } else if (c == '\r') {
          saw_cr_ = true;
        } else if (is_control(c)) {
          return fail(Errc::kInvalidArgument, "control character in a trailer");
        } else {
          if (line_bytes_ == 0 && ++trailers_ > kTrailersMax) {
            return fail(Errc::kTooLarge, "too many trailers");
          }
          if (!saw_colon_) {
            saw_colon_ = c == ':' && line_bytes_ > 0;
            if (!saw_colon_ && !is_token_char(c)) {
              return fail(Errc::kInvalidArgument, "malformed trailer");
            }
          }
          if (++line_bytes_ > kFramingLineMax) return fail(Errc::kTooLarge, "trailer too long");
        }
        break;
      case State::kData:
      case State::kEnd:
        SLUICE_CHECK(false);
    }
  }
  step.end = state_ == State::kEnd;
  return step;
}

std::uint64_t ChunkedDecoder::certain() const noexcept {
  if (state_ == State::kEnd) return 0;
  constexpr std::uint64_t kBehindData = 7;  // CR LF 0 CR LF CR LF
  return state_ == State::kData ? left_ + kBehindData : 1;
}

}  // namespace sluice::wire
