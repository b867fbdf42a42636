// The HTTP/1.1 codec: what is understood, and the corpus of request smuggling that must be refused.
// Every input is also parsed in all its prefixes: a prefix may say "incomplete" or the final
// answer, nothing else.
#include "wire/http1.h"

#include <functional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::wire {
namespace {

using namespace std::string_literals;

const Http1Limits kLimits;

Result<std::optional<ParsedRequest>> parse(std::string_view text) {
  return parse_request_head(text, kLimits);
}

std::string describe(const Result<std::optional<ParsedRequest>>& r) {
  if (!r) return std::string(to_string(r.error().code())) + ": " + r.error().detail();
  if (!*r) return "incomplete";
  const RequestHead& h = (*r)->head;
  std::string out = h.method + " " + h.target + " 1." + std::to_string(h.minor_version);
  for (const Header& header : h.headers.list()) out += "|" + header.name + "=" + header.value;
  out += "|framing " + std::to_string(static_cast<int>(h.framing)) + " " +
         std::to_string(h.content_length.value());
  out += "|consumed " + std::to_string((*r)->consumed);
  return out;
}

// Every prefix answers "incomplete" or what the whole answers.
void expect_splits_agree(const std::string& text, const Http1Limits& limits = kLimits) {
  const std::string whole = describe(parse_request_head(text, limits));
  bool answered = false;
  for (std::size_t n = 0; n <= text.size(); ++n) {
    const std::string part = describe(parse_request_head(text.substr(0, n), limits));
    if (part == "incomplete" && !answered) continue;
    answered = true;
    EXPECT_EQ(part, whole) << "prefix of " << n << " bytes of\n" << text;
  }
}

std::string with(const std::string& fields) {
  return "PUT /upload/a HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
}

TEST(RequestHead, PlainPut) {
  const std::string text =
      "PUT /upload/a%20b.bin?x=1&y HTTP/1.1\r\nHost: up.example:8080\r\nContent-Length: 12\r\n"
      "X-Empty:\r\nContent-Type: \t video/mp4 \t\r\n\r\n";
  const auto r = parse(text + "body follows");
  ASSERT_TRUE(r && *r);
  const RequestHead& h = (*r)->head;
  EXPECT_EQ((*r)->consumed, text.size());
  EXPECT_EQ(h.method, "PUT");
  EXPECT_EQ(h.target, "/upload/a%20b.bin?x=1&y");
  EXPECT_EQ(h.path, "/upload/a%20b.bin");
  EXPECT_EQ(h.query, "x=1&y");
  EXPECT_EQ(h.minor_version, 1);
  EXPECT_EQ(h.framing, BodyFraming::kContentLength);
  EXPECT_EQ(h.content_length, ByteCount(12));
  EXPECT_TRUE(h.keep_alive);
  EXPECT_FALSE(h.expects_continue);
  ASSERT_NE(h.headers.find("content-type"), nullptr);
  EXPECT_EQ(*h.headers.find("content-type"), "video/mp4");
  EXPECT_EQ(*h.headers.find("x-empty"), "");
  expect_splits_agree(text + "body follows");
}

TEST(RequestHead, FramingKeepAliveAndExpect) {
  struct Row {
    std::string text;
    BodyFraming framing;
    std::uint64_t length;
    bool keep_alive;
    bool expects;
  };
  const std::vector<Row> rows = {
      {with(""), BodyFraming::kNone, 0, true, false},
      {with("Content-Length: 0\r\n"), BodyFraming::kContentLength, 0, true, false},
      {with("content-LENGTH:007\r\n"), BodyFraming::kContentLength, 7, true, false},
      {with("Content-Length: 9223372036854775807\r\n"), BodyFraming::kContentLength,
       9223372036854775807ULL, true, false},
      {with("Transfer-Encoding: chunked\r\n"), BodyFraming::kChunked, 0, true, false},
      {with("transfer-encoding:CHUNKED \r\n"), BodyFraming::kChunked, 0, true, false},
      {with("Connection: close\r\n"), BodyFraming::kNone, 0, false, false},
      {with("Connection: TE, Close\r\n"), BodyFraming::kNone, 0, false, false},
      {with("Connection: keep-alive\r\nConnection: close\r\n"), BodyFraming::kNone, 0, false,
       false},
      {with("Connection: closed\r\n"), BodyFraming::kNone, 0, true, false},
      {with("Expect: 100-continue\r\nContent-Length: 1\r\n"), BodyFraming::kContentLength, 1, true,
       true},
      {with("Expect: 100-Continue\r\n"), BodyFraming::kNone, 0, true, true},
      {"PUT / HTTP/1.0\r\n\r\n", BodyFraming::kNone, 0, false, false},
      {"PUT / HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: h\r\nContent-Length: 3\r\n\r\n",
       BodyFraming::kContentLength, 3, true, false},
      {"PUT / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", BodyFraming::kNone, 0, false, false},
  };
  for (const Row& row : rows) {
    const auto r = parse(row.text);
    ASSERT_TRUE(r && *r) << row.text << describe(r);
    const RequestHead& h = (*r)->head;
    EXPECT_EQ(h.framing, row.framing) << row.text;
    EXPECT_EQ(h.content_length, ByteCount(row.length)) << row.text;
    EXPECT_EQ(h.keep_alive, row.keep_alive) << row.text;
    EXPECT_EQ(h.expects_continue, row.expects) << row.text;
    expect_splits_agree(row.text);
  }
}

TEST(RequestHead, AcceptedOddities) {
  const std::vector<std::string> rows = {
      "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",  // one empty line first
      "get / HTTP/1.1\r\nHost: h\r\n\r\n",      // a method of its own, not GET
      "M-SEARCH / HTTP/1.1\r\nHost: h\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / HTTP/1.1\r\nHost:\r\n\r\n",  // empty Host is legal
      "GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n",
      "GET /\xc3\xbc HTTP/1.1\r\nHost: h\r\n\r\n",  // raw UTF-8, as curl sends it
      "GET / HTTP/1.1\r\nHost: h\r\nX: \xff\xfe\r\n\r\n",
      "GET /?a|b{c} HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nX: a\tb\r\n\r\n",
  };
  for (const std::string& text : rows) {
    const auto r = parse(text);
    EXPECT_TRUE(r && *r) << text << describe(r);
    if (r && *r) {
      EXPECT_EQ((*r)->consumed, text.size());
    }
    expect_splits_agree(text);
  }
  EXPECT_EQ((*parse(rows[1]))->head.method, "get");
}

TEST(RequestHead, AbsoluteTargetsBecomeOriginForm) {
  const auto r = parse("PUT HTTP://up.example:81/a/b?c HTTP/1.1\r\nHost: other\r\nX: y\r\n\r\n");
  ASSERT_TRUE(r && *r) << describe(r);
  const RequestHead& h = (*r)->head;
  EXPECT_EQ(h.target, "/a/b?c");
  EXPECT_EQ(h.path, "/a/b");
  EXPECT_EQ(h.query, "c");
  EXPECT_EQ(h.headers.count("Host"), 1U);
  EXPECT_EQ(*h.headers.find("Host"), "up.example:81");
  EXPECT_EQ((*parse("GET https://h HTTP/1.1\r\nHost: h\r\n\r\n"))->head.target, "/");
}

TEST(RequestHead, SmugglingCorpusIsRefused) {
  const std::string line = "PUT / HTTP/1.1\r\n";
  const std::vector<std::pair<const char*, std::string>> rows = {
      // Two lengths of one body.
      {"CL and TE", with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")},
      {"TE and CL", with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n")},
      {"two equal CL", with("Content-Length: 3\r\nContent-Length: 3\r\n")},
      {"two different CL", with("Content-Length: 3\r\ncontent-length: 4\r\n")},
      {"CL list", with("Content-Length: 3, 3\r\n")},
      // Lengths that one side reads and the other does not.
      {"signed CL", with("Content-Length: +3\r\n")},
      {"negative CL", with("Content-Length: -3\r\n")},
      {"empty CL", with("Content-Length:\r\n")},
      {"blank CL", with("Content-Length: \t \r\n")},
      {"CL with blank inside", with("Content-Length: 1 0\r\n")},
      {"hex CL", with("Content-Length: 0x10\r\n")},
      {"CL fraction", with("Content-Length: 1.0\r\n")},
      {"CL exponent", with("Content-Length: 1e3\r\n")},
      {"CL above 2^63-1", with("Content-Length: 9223372036854775808\r\n")},
      {"CL of 2^64 + 3", with("Content-Length: 18446744073709551619\r\n")},
      {"CL of 20 digits", with("Content-Length: 00000000000000000003\r\n")},
      {"CL in other digits", with("Content-Length: \xd9\xa3\r\n")},
      // Transfer codings.
      {"xchunked", with("Transfer-Encoding: xchunked\r\n")},
      {"chunked, identity", with("Transfer-Encoding: chunked, identity\r\n")},
      {"identity", with("Transfer-Encoding: identity\r\n")},
      {"gzip, chunked", with("Transfer-Encoding: gzip, chunked\r\n")},
      {"chunked, chunked", with("Transfer-Encoding: chunked, chunked\r\n")},
      {"chunked twice", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
      {"chunked and identity", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n")},
      {"empty TE", with("Transfer-Encoding:\r\n")},
      {"TE with parameter", with("Transfer-Encoding: chunked;q=1\r\n")},
      {"quoted TE", with("Transfer-Encoding: \"chunked\"\r\n")},
      {"TE with a leading comma", with("Transfer-Encoding: ,chunked\r\n")},
      {"TE behind a vertical tab", with("Transfer-Encoding: \x0b"
                                        "chunked\r\n")},
      {"TE on 1.0", "PUT / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"},
      // Lines and bytes.
      {"folded line", with("X: a\r\n b\r\n")},
      {"folded with tab", with("Transfer-Encoding:\r\n\tchunked\r\n")},
      {"blank before the first field", line + " Host: h\r\n\r\n"},
      {"bare LF", "PUT / HTTP/1.1\nHost: h\n\n"},
      {"bare LF behind one field", line + "Host: h\nX: y\r\n\r\n"},
      {"LF at the end", line + "Host: h\r\n\n"},
      {"bare CR in a value", with("X: a\rb\r\n")},
      {"bare CR between fields", line + "Host: h\rX: y\r\n\r\n"},
      {"CR CR LF", with("X: a\r\r\n")},
      {"NUL in a value", with("X: a\0b\r\n"s)},
      {"NUL in a name", with("X\0: b\r\n"s)},
      {"NUL in the target", "PUT /a\0b HTTP/1.1\r\nHost: h\r\n\r\n"s},
      {"DEL in a value", with("X: a\x7f\r\n")},
      {"escape in a value", with("X: a\x1b[0m\r\n")},
      {"space before the colon", with("Content-Length : 3\r\n")},
      {"tab before the colon", with("Transfer-Encoding\t: chunked\r\n")},
      {"empty name", with(": x\r\n")},
      {"no colon", with("Content-Length\r\n")},
      {"name with a bracket", with("X[1]: a\r\n")},
      {"name above ASCII", with("X\xc3\xbc: a\r\n")},
      {"two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"},
      // Host.
      {"no Host", line + "\r\n"},
      {"two Hosts", line + "Host: h\r\nHost: h\r\n\r\n"},
      {"two Hosts on 1.0", "PUT / HTTP/1.0\r\nHost: h\r\nHost: g\r\n\r\n"},
      {"Host list", line + "Host: a, b\r\n\r\n"},
      {"Host with path", line + "Host: a/b\r\n\r\n"},
      {"Host with user", line + "Host: u@a\r\n\r\n"},
      {"Host with blank", line + "Host: a b\r\n\r\n"},
      // Request line.
      {"absolute-form without host", "GET http:///a HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"absolute-form with user", "GET http://u@h/a HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"absolute-form, query only", "GET http://h?a HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"absolute-form without Host", "GET http://h/a HTTP/1.1\r\n\r\n"},
      {"other scheme", "GET file:///etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"half a scheme", "GET http:/h/a HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"target not UTF-8", "GET /\x80 HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"authority-form", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"},
      {"asterisk with GET", "GET * HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"no target", "GET HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"empty target", "GET  HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"two blanks", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"two blanks before the version", "GET /  HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"tab as blank", "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"blank in the target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"fragment", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"blank first", " GET / HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"blank behind the version", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n"},
      {"colon in the method", "GE:T / HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"HTTP/0.9", "GET /\r\n\r\n"},
      {"lower-case version", "GET / http/1.1\r\nHost: h\r\n\r\n"},
      {"long version", "GET / HTTP/1.10\r\nHost: h\r\n\r\n"},
      {"version without digits", "GET / HTTP/x.y\r\nHost: h\r\n\r\n"},
      {"TLS on a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s},
  };
  for (const auto& [what, text] : rows) {
    const auto r = parse(text);
    ASSERT_FALSE(r) << what << " was accepted: " << describe(r);
    EXPECT_EQ(r.error().code(), Errc::kInvalidArgument) << what << ": " << describe(r);
    EXPECT_FALSE(r.error().detail().empty()) << what;
    expect_splits_agree(text);
  }
}

TEST(RequestHead, OtherVersionsAreNamedAsSuch) {
  for (const char* version : {"HTTP/1.2", "HTTP/2.0", "HTTP/3.0", "HTTP/0.9"}) {
    const std::string text = "GET / "s + version + "\r\nHost: h\r\n\r\n";
    const auto r = parse(text);
    ASSERT_FALSE(r) << version;
    EXPECT_EQ(r.error().code(), Errc::kRejected) << version;
    expect_splits_agree(text);
  }
  EXPECT_EQ(parse("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").error().code(), Errc::kRejected);
}

TEST(RequestHead, BadBytesAreSeenBeforeTheHeadIsComplete) {
  EXPECT_FALSE(parse("GET / HTTP/1.1\n"));
  EXPECT_FALSE(parse("\x16\x03\x01"));
  EXPECT_FALSE(parse("GET /\0"s));
  EXPECT_TRUE(parse("GET / HTTP/1.1\r"));
}

TEST(RequestHead, Limits) {
  Http1Limits limits;
  limits.head_bytes_max = 64;
  limits.fields_max = 2;
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
  const std::string fits = head + std::string(64 - head.size() - 4, 'x') + "\r\n\r\n";
  ASSERT_EQ(fits.size(), 64U);
  ASSERT_TRUE(parse_request_head(fits, limits) && *parse_request_head(fits, limits));
  ASSERT_TRUE(*parse_request_head("\r\n" + fits + "more", limits));
  expect_splits_agree("\r\n" + fits + "more", limits);

  const std::string over = head + std::string(64 - head.size() - 3, 'x') + "\r\n\r\n";
  const auto large = parse_request_head(over, limits);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code(), Errc::kTooLarge);
  expect_splits_agree(over, limits);
  expect_splits_agree(std::string(200, 'x'), limits);
  EXPECT_EQ(parse_request_head(std::string(64, 'x'), limits).error().code(), Errc::kTooLarge);
  // Only what lies within the limit is judged.
  EXPECT_EQ(parse_request_head(std::string(70, 'x') + "\n", limits).error().code(),
            Errc::kTooLarge);

  limits.head_bytes_max = 1000;
  const std::string three = "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\n\r\n";
  EXPECT_EQ(parse_request_head(three, limits).error().code(), Errc::kTooLarge);
  limits.fields_max = 3;
  EXPECT_TRUE(parse_request_head(three, limits));
}

// --- responses

TEST(ResponseHead, Framing) {
  struct Row {
    std::string text;
    bool to_head;
    int status;
    std::string reason;
    BodyFraming framing;
    std::uint64_t length;
    bool keep_alive;
  };
  const std::vector<Row> rows = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, 200, "OK",
       BodyFraming::kContentLength, 5, true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, 200, "OK", BodyFraming::kNone, 0,
       true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, 200, "OK",
       BodyFraming::kChunked, 0, true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, 200, "OK", BodyFraming::kNone,
       0, true},
      {"HTTP/1.1 200 OK\r\n\r\n", false, 200, "OK", BodyFraming::kUntilClose, 0, false},
      {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false, 200, "OK",
       BodyFraming::kContentLength, 0, false},
      {"HTTP/1.1 204 No Content\r\n\r\n", false, 204, "No Content", BodyFraming::kNone, 0, true},
      {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", false, 204, "No Content",
       BodyFraming::kNone, 0, true},
      {"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", false, 204, "No Content",
       BodyFraming::kNone, 0, false},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false, 304, "Not Modified",
       BodyFraming::kNone, 0, true},
      {"HTTP/1.1 100 Continue\r\n\r\n", false, 100, "Continue", BodyFraming::kNone, 0, true},
      {"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", false, 404, "", BodyFraming::kContentLength, 0,
       true},
      {"HTTP/1.1 404 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false, 404, "",
       BodyFraming::kContentLength, 0, false},
      {"HTTP/1.1 503 \xc3\x9c"
       "berlast jetzt\r\nContent-Length: 0\r\n\r\n",
       false, 503,
       "\xc3\x9c"
       "berlast jetzt",
       BodyFraming::kContentLength, 0, true},
  };
  for (const Row& row : rows) {
    const auto r = parse_response_head(row.text, kLimits, row.to_head);
    ASSERT_TRUE(r && *r) << row.text;
    EXPECT_EQ((*r)->consumed, row.text.size());
    EXPECT_EQ((*r)->head.status, row.status) << row.text;
    EXPECT_EQ((*r)->head.reason, row.reason) << row.text;
    EXPECT_EQ((*r)->framing, row.framing) << row.text;
    EXPECT_EQ((*r)->content_length, ByteCount(row.length)) << row.text;
    EXPECT_EQ((*r)->keep_alive, row.keep_alive) << row.text;
    for (std::size_t n = 0; n < row.text.size(); ++n) {
      const auto part = parse_response_head(row.text.substr(0, n), kLimits, row.to_head);
      ASSERT_TRUE(part) << row.text << " at " << n;
      EXPECT_FALSE(*part) << row.text << " at " << n;
    }
  }
}

TEST(ResponseHead, Refused) {
  const std::vector<std::pair<std::string, Errc>> rows = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
       Errc::kInvalidArgument},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", Errc::kInvalidArgument},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Errc::kInvalidArgument},
      {"HTTP/1.1 200 OK\nContent-Length: 5\n\n", Errc::kInvalidArgument},
      {"HTTP/1.1 20 OK\r\n\r\n", Errc::kInvalidArgument},
      {"HTTP/1.1 099 OK\r\n\r\n", Errc::kInvalidArgument},
      {"HTTP/1.1 600 OK\r\n\r\n", Errc::kInvalidArgument},
      {"HTTP/1.1 2000 OK\r\n\r\n", Errc::kInvalidArgument},
      {"HTTP/1.1 2x0 OK\r\n\r\n", Errc::kInvalidArgument},
      {"HTTP/1.1\r\n\r\n", Errc::kInvalidArgument},
      {"HTTP/1.1  200 OK\r\n\r\n", Errc::kInvalidArgument},
      {"ICY 200 OK\r\n\r\n", Errc::kInvalidArgument},
      {"\r\nHTTP/1.1 200 OK\r\n\r\n", Errc::kInvalidArgument},
      {"HTTP/2.0 200 OK\r\n\r\n", Errc::kRejected},
      {"HTTP/1.1 200 " + std::string(40000, 'x'), Errc::kTooLarge},
  };
  for (const auto& [text, code] : rows) {
    const auto r = parse_response_head(text, kLimits, false);
    ASSERT_FALSE(r) << text;
    EXPECT_EQ(r.error().code(), code) << text;
  }
}

// --- writing

TEST(Write, HeadsAreReadBackAsWritten) {
  Headers headers;
  headers.add("Host", "store.example");
  headers.add("Content-Length", "7");
  const std::string text = write_request_head("PUT", "/b/k?partNumber=1", headers);
  EXPECT_EQ(text,
            "PUT /b/k?partNumber=1 HTTP/1.1\r\nHost: store.example\r\nContent-Length: 7\r\n\r\n");
  EXPECT_TRUE(parse(text) && *parse(text));

  ResponseHead response;
  response.status = 308;
  response.headers.add("Range", "bytes=0-9");
  EXPECT_EQ(write_response_head(response),
            "HTTP/1.1 308 Permanent Redirect\r\nRange: bytes=0-9\r\n\r\n");
  response.reason = "Resume Incomplete";
  EXPECT_EQ(write_response_head(response),
            "HTTP/1.1 308 Resume Incomplete\r\nRange: bytes=0-9\r\n\r\n");
  response.status = 299;
  response.reason.clear();
  EXPECT_EQ(write_response_head(response), "HTTP/1.1 299 \r\nRange: bytes=0-9\r\n\r\n");
  EXPECT_TRUE(*parse_response_head(write_response_head(response), kLimits, false));
}

TEST(WriteDeathTest, LineEndsInPartsAreABug) {
  Headers headers;
  headers.add("X", "a\r\nY: b");
  ResponseHead response;
  response.headers = headers;
  EXPECT_DEATH(write_response_head(response), "");
  EXPECT_DEATH(write_request_head("GET", "/a\nb", Headers()), "");
}

// --- chunked

struct Decoded {
  std::string data;
  std::string outcome;  // "end", "more", or the error
  std::size_t consumed = 0;
  bool operator==(const Decoded&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Decoded& d) {
  return out << d.outcome << " after " << d.consumed << ": " << d.data;
}

// Feeds `text` cut at the given places, as a connection would.
Decoded decode(std::string_view text, const std::vector<std::size_t>& cuts) {
  ChunkedDecoder decoder;
  Decoded out;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t end = i < cuts.size() ? cuts[i] : text.size();
    std::string_view piece = text.substr(begin, end - begin);
    begin = end;
    while (true) {
      const auto step = decoder.next(piece);
      if (!step) {
        out.outcome = std::string(to_string(step.error().code()));
        return out;
      }
      out.data += piece.substr(step->skip, step->data);
      out.consumed += step->skip + step->data;
      if (step->end) {
        out.outcome = "end";
        return out;
      }
      if (step->skip == 0 && step->data == 0) break;
      piece.remove_prefix(step->skip + step->data);
    }
  }
  out.outcome = "more";
  return out;
}

Decoded decode_every_way(const std::string& text) {
  const Decoded whole = decode(text, {});
  std::vector<std::size_t> all;
  for (std::size_t a = 1; a < text.size(); ++a) {
    all.push_back(a);
    const Decoded two = decode(text, {a});
    EXPECT_EQ(two.outcome, whole.outcome) << text;
    if (whole.outcome == "end") {
      EXPECT_EQ(two, whole) << text;
    }
    for (std::size_t b = a + 1; b < text.size() && text.size() < 64; ++b) {
      const Decoded three = decode(text, {a, b});
      EXPECT_EQ(three.outcome, whole.outcome) << text;
      if (whole.outcome == "end") {
        EXPECT_EQ(three, whole) << text;
      }
    }
  }
  EXPECT_EQ(decode(text, all).outcome, whole.outcome) << text;
  if (whole.outcome == "end") {
    EXPECT_EQ(decode(text, all), whole) << text;
  }
  return whole;
}

TEST(Chunked, Accepted) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"0\r\n\r\n", ""},
      {"5\r\nhello\r\n0\r\n\r\n", "hello"},
      {"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"},
      {"A\r\n0123456789\r\n0\r\n\r\n", "0123456789"},
      {"0a\r\n0123456789\r\n00\r\n\r\n", "0123456789"},
      {"3;name=value\r\nabc\r\n0;x\r\n\r\n", "abc"},
      {"3;q=\"a b\tc\"\r\nabc\r\n0\r\n\r\n", "abc"},
      {"3\r\n\r\n\r\r\n0\r\n\r\n", "\r\n\r"},
      {"1\r\nx\r\n0\r\nDigest: abc\r\nX-Y:\r\n\r\n", "x"},
  };
  for (const auto& [text, data] : rows) {
    const Decoded d = decode_every_way(text);
    EXPECT_EQ(d.outcome, "end") << text;
    EXPECT_EQ(d.data, data) << text;
    EXPECT_EQ(d.consumed, text.size());
    // What follows belongs to the next request.
    const Decoded more = decode(text + "GET / HTTP/1.1\r\n", {});
    EXPECT_EQ(more, d);
    // A cut body never ends.
    for (std::size_t n = 0; n < text.size(); ++n) {
      EXPECT_EQ(decode(text.substr(0, n), {}).outcome, "more") << text << " cut at " << n;
    }
  }
}

TEST(Chunked, Refused) {
  const std::string invalid(to_string(Errc::kInvalidArgument));
  const std::string large(to_string(Errc::kTooLarge));
  std::string trailers;
  for (int i = 0; i < 17; ++i) trailers += "A: b\r\n";
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"\r\n", invalid},
      {";x\r\n", invalid},
      {"x\r\n", invalid},
      {"-1\r\n", invalid},
      {"+1\r\n", invalid},
      {"0x5\r\nhello\r\n", invalid},
      {" 5\r\nhello\r\n", invalid},
      {"5 \r\nhello\r\n", invalid},
      {"5 ;x\r\nhello\r\n", invalid},
      {"5\nhello\r\n", invalid},
      {"5\r\rhello", invalid},
      {"5\rXhello", invalid},
      {"5\r\nhelloX\r\n", invalid},
      {"5\r\nhello\n", invalid},
      {"5\r\nhello\rX", invalid},
      {"5\r\nhello0\r\n\r\n", invalid},
      {"5;a\nb\r\nhello\r\n", invalid},
      {"5;a\0b\r\nhello\r\n"s, invalid},
      {"5;a\rb\r\nhello\r\n", invalid},
      {"ffffffffffffffff\r\n", invalid},
      {"8000000000000000\r\n", invalid},
      {"10000000000000005\r\nhello\r\n", invalid},
      {"00000000000000005\r\nhello\r\n", invalid},
      {"0\r\nA b\r\n\r\n", invalid},
      {"0\r\nA : b\r\n\r\n", invalid},
      {"0\r\n: b\r\n\r\n", invalid},
      {"0\r\n folded\r\n\r\n", invalid},
      {"0\r\nA: b\n\r\n", invalid},
      {"0\r\nA: b\rc\r\n\r\n", invalid},
      {"0\r\nnocolon\r\n\r\n", invalid},
      {"0\r\n\n", invalid},
      {"0\r\n" + trailers + "\r\n", large},
      {"0\r\nA: " + std::string(5000, 'x') + "\r\n\r\n", large},
      {"1;" + std::string(5000, 'x') + "\r\nx\r\n", large},
  };
  for (const auto& [text, outcome] : rows) {
    EXPECT_EQ(decode_every_way(text).outcome, outcome) << text;
  }
  EXPECT_EQ(decode("7fffffffffffffff\r\nab", {}).outcome, "more");
}

TEST(Chunked, SaysHowMuchIsCertain) {
  ChunkedDecoder decoder;
  EXPECT_EQ(decoder.certain(), 1U);
  ASSERT_EQ(decoder.next("5\r\nhe")->data, 2U);
  EXPECT_EQ(decoder.certain(), 3U + std::string_view("\r\n0\r\n\r\n").size());
  ASSERT_EQ(decoder.next("llo")->data, 3U);
  EXPECT_EQ(decoder.certain(), 1U);
  ASSERT_TRUE(decoder.next("\r\n0\r\n\r\n")->end);
  EXPECT_EQ(decoder.certain(), 0U);
}

TEST(Chunked, NothingIsTakenBehindTheEnd) {
  ChunkedDecoder decoder;
  ASSERT_TRUE(decoder.next("0\r\n\r\n")->end);
  const auto again = decoder.next("5\r\n");
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->end);
  EXPECT_EQ(again->skip, 0U);
  EXPECT_EQ(again->data, 0U);
}

}  // namespace
}  // namespace sluice::wire
