#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <variant>

#include <gtest/gtest.h>

#include "protocols/put308.h"
#include "protocols/put308_request.h"

namespace sluice::protocols {
namespace {

using core::ProblemType;
using Number = std::optional<std::uint64_t>;

put308::Parsed parse(const wire::RequestHead& request, const Put308Options& options = {}) {
  return put308::parse(request, options);
}

core::Append append_of(const wire::RequestHead& request) {
  const auto command = parse(request);
  EXPECT_TRUE(command.has_value()) << command.error().detail;
  if (!command) return {};
  EXPECT_TRUE(std::holds_alternative<core::Append>(command->verb));
  const auto* append = std::get_if<core::Append>(&command->verb);
  return append == nullptr ? core::Append{} : *append;
}

void expect_append(const wire::RequestHead& request, Number begin, Number length, Number total,
                   bool ends_object, const std::string& what) {
  const core::Append append = append_of(request);
  const auto number = [](const auto& n) { return n ? Number(n->value()) : std::nullopt; };
  EXPECT_EQ(number(append.begin), begin) << what;
  EXPECT_EQ(number(append.length), length) << what;
  EXPECT_EQ(number(append.total), total) << what;
  EXPECT_EQ(append.ends_object, ends_object) << what;
  EXPECT_TRUE(append.may_begin) << what;
}

std::optional<ProblemType> problem_of(const wire::RequestHead& request,
                                      const Put308Options& options = {}) {
  const auto command = parse(request, options);
  if (command) return std::nullopt;
  EXPECT_FALSE(command.error().detail.empty());
  return command.error().type;
}

constexpr Number kChunked = std::nullopt;

// no Content-Range, the body is the object.
TEST(Put308Parse, WholeObjects) {
  expect_append(put(7'340'032), {}, 7'340'032, 7'340'032, true, "R-01");
  expect_append(put(kChunked), {}, {}, {}, true, "R-03");
  expect_append(put(0), {}, 0, 0, true, "R-04");
  expect_append(RequestBuilder("PUT", "/upload/a.bin"), {}, 0, 0, true, "no framing: zero bytes");
  expect_append(RequestBuilder("POST", "/upload/a.bin").length(4), {}, 4, 4, true, "R-38, POST");
}

// C1.
TEST(Put308Parse, Ranges) {
  const struct {
    const char* range;
    Number body;
    Number begin, length, total;
    bool ends_object;
    const char* what;
  } rows[] = {
      {"bytes 0-9/20", 10, 0, 10, 20, false, "R-07"},
      {"bytes 0-9/20", kChunked, 0, 10, 20, false, "inclusive when nothing tells"},
      {"bytes 5-14/20", 10, 5, 10, 20, false, "R-22"},
      {"bytes 0-9/*", 10, 0, 10, {}, false, "R-28"},
      {"bytes 10-14/15", 5, 10, 5, 15, false, "R-28"},
      {"bytes 15-19/20", 5, 15, 5, 20, false, "R-40"},
      {"bytes 0-0/1", 1, 0, 1, 1, false, "one byte"},
      {"bytes 0-20/20", 20, 0, 20, 20, false, "R-42"},
      {"bytes 0-20/20", kChunked, 0, 20, 20, false, "R-42 chunked"},
      {"bytes 0-6291456/12582912", 6'291'456, 0, 6'291'456, 12'582'912, false, "R-43"},
      {"bytes 6291456-12582912/12582912", 6'291'456, 6'291'456, 6'291'456, 12'582'912, false,
       "R-43, last"},
      {"bytes 6291456-12582911/12582912", 6'291'456, 6'291'456, 6'291'456, 12'582'912, false,
       "what the first server refused"},
      {"bytes 0-10/*", 10, 0, 10, {}, false, "exclusive, total unknown"},
      {"bytes: 0-20/20", 20, 0, 20, 20, false, "R-44"},
      {"bytes 10-20/20", 20, 10, 10, 20, false, "R-45"},
      {"bytes 20-20/20", 20, 20, 0, 20, false, "R-45 with nothing left"},
      {"bytes 20-20/20", 0, 20, 0, 20, false, "nothing left"},
      {"0-9/20", 10, 0, 10, 20, false, "R-49"},
      {"bytes 0-*/*", kChunked, 0, {}, {}, true, "R-33"},
      {"bytes 10-*/*", kChunked, 10, {}, {}, true, "open end, resumed"},
      {"bytes 0-*/*", 0, 0, 0, 0, true, "R-32"},
      {"bytes 10-*/*", 5, 10, 5, 15, true, "the length tells the total"},
      {"bytes 10-*/20", kChunked, 10, 10, 20, false, "the total decides"},
      {"bytes 10-*/20", 10, 10, 10, 20, true, "open end, all known"},
      {"bytes 0-262143/*", 262'144, 0, 262'144, {}, false, "R-50"},
  };
  for (const auto& row : rows) {
    expect_append(put(row.body).range(row.range), row.begin, row.length, row.total, row.ends_object,
                  std::string(row.range) + " " + row.what);
  }
}

// the body is cut only where its length is known to say too much.
TEST(Put308Parse, CutBodies) {
  const struct {
    const char* range;
    Number body;
    bool cut;
  } rows[] = {
      {"bytes 10-20/20", 20, true},  {"bytes 20-20/20", 20, true},
      {"bytes 10-20/20", 10, false}, {"bytes 10-20/20", kChunked, false},
      {"bytes 0-20/20", 20, false},  {"bytes 0-9/20", 10, false},
      {"bytes 20-20/20", 0, false},  {"bytes 10-*/20", 10, false},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(append_of(put(row.body).range(row.range)).cut_body, row.cut) << row.range;
  }
  EXPECT_FALSE(append_of(put(5)).cut_body);
}

// what the head alone shows to be wrong is refused before a byte is stored.
TEST(Put308Parse, LengthsThatContradict) {
  const struct {
    const char* range;
    Number body;
  } rows[] = {
      {"bytes 0-9/10", 12}, {"bytes 0-9/20", 11},  {"bytes 0-9/20", 8},
      {"bytes 0-9/20", 20},  // the whole object's length is believed only where b == N
      {"bytes 0-9/20", 0},  {"bytes 0-20/20", 21}, {"bytes 10-20/20", 11},
      {"bytes 0-9/*", 12},  {"bytes 10-*/20", 9},  {"bytes 10-*/20", 11},
      {"bytes 0-*/20", 0},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(problem_of(put(row.body).range(row.range)), ProblemType::kLengthMismatch)
        << row.range << " with " << row.body.value_or(0);
  }
  EXPECT_EQ(problem_of(RequestBuilder("PUT", "/upload/a").range("bytes 0-9/20")),
            ProblemType::kLengthMismatch)
      << "no framing is a body of zero bytes";
}

// R-48; the corpus of single fields is in content_range_test.cc.
TEST(Put308Parse, MalformedContentRange) {
  for (const char* range : {"bytes 9-0/10", "bytes 0-9/5", "bytes -5/10", "bytes 0-9",
                            "items 0-1/2", "bytes 0-1,4-5/9", "bytes 0-99999999999999999999/*"}) {
    EXPECT_EQ(problem_of(put(10).range(range)), ProblemType::kMalformedContentRange) << range;
  }
  EXPECT_EQ(problem_of(put(10).range("bytes 0-9/20").range("bytes 0-9/20")),
            ProblemType::kMalformedContentRange)
      << "two fields";
}

//
TEST(Put308Parse, Queries) {
  const struct {
    const char* method;
    const char* range;
    Number total;
  } rows[] = {{"PUT", "bytes */*", {}}, {"PUT", "bytes */20", 20}, {"POST", "bytes */*", {}},
              {"POST", "bytes */0", 0}, {"HEAD", "", {}},          {"PUT", "*/20", 20}};
  for (const auto& row : rows) {
    for (const bool framed : {true, false}) {
      RequestBuilder request(row.method, "/upload/a.bin");
      if (framed) request.length(0);
      if (*row.range != '\0') request.range(row.range);
      const auto command = parse(request);
      ASSERT_TRUE(command.has_value()) << row.range;
      const auto* query = std::get_if<core::Query>(&command->verb);
      ASSERT_NE(query, nullptr) << row.range;
      EXPECT_EQ(query->total.has_value(), row.total.has_value());
      if (row.total) {
        EXPECT_EQ(query->total, ByteCount(*row.total));
      }
    }
  }
  EXPECT_EQ(problem_of(put(5).range("bytes */*")), ProblemType::kLengthMismatch);
  EXPECT_EQ(problem_of(put(kChunked).range("bytes */20")), ProblemType::kLengthMismatch);
}

// R-05, with the methods of this dialect; method names are case-sensitive.
TEST(Put308Parse, Methods) {
  for (const char* method : {"PATCH", "OPTIONS", "TRACE", "put", "PROPFIND", ""}) {
    EXPECT_EQ(problem_of(RequestBuilder(method, "/upload/a.bin")), ProblemType::kMethodNotAllowed);
  }
  const auto cancel = parse(RequestBuilder("DELETE", "/upload/dir/a.bin"));
  EXPECT_TRUE(std::holds_alternative<core::Cancel>(cancel->verb));
  EXPECT_EQ(cancel->name, "dir/a.bin");
  const auto inspect = parse(RequestBuilder("GET", "/upload/a.bin"));
  EXPECT_TRUE(std::holds_alternative<core::Inspect>(inspect->verb));
}

// the corpus is in upload_name_test.cc.
TEST(Put308Parse, Names) {
  EXPECT_EQ(parse(RequestBuilder("PUT", "/upload/a%20b/c?x=../y"))->name, "a b/c");
  EXPECT_EQ(problem_of(RequestBuilder("PUT", "/upload/a%2Fb")), ProblemType::kBadName);
  EXPECT_EQ(problem_of(RequestBuilder("GET", "/upload/")), ProblemType::kBadName);
  EXPECT_EQ(problem_of(RequestBuilder("DELETE", "/upload/../x")), ProblemType::kBadName);
  EXPECT_EQ(problem_of(RequestBuilder("GET", "/config/app.yaml")), ProblemType::kNoSuchResource);
  EXPECT_EQ(problem_of(RequestBuilder("GET", "/upload")), ProblemType::kNoSuchResource);
  EXPECT_EQ(problem_of(RequestBuilder("GET", "")), ProblemType::kNoSuchResource);
  Put308Options options;
  options.prefix = "/vimeo/";
  EXPECT_EQ(parse(RequestBuilder("PUT", "/vimeo/v.mp4"), options)->name, "v.mp4");
  EXPECT_EQ(problem_of(RequestBuilder("PUT", "/upload/v.mp4"), options),
            ProblemType::kNoSuchResource);
}

//
TEST(Put308Parse, AttributesTravelWithData) {
  const auto command = parse(put(3).field("Content-Type", "video/mp4").field("x-amz-meta-a", "b"));
  ASSERT_TRUE(command.has_value());
  EXPECT_EQ(command->attributes.content_type, "video/mp4");
  ASSERT_EQ(command->attributes.metadata.size(), 1U);
  EXPECT_EQ(problem_of(put(3).field("Content-Type", "\x80")), ProblemType::kMalformedRequest);
}

//
TEST(Put308Parse, AnnouncedTotal) {
  const auto with = [](Number body, const char* range, const char* total) {
    RequestBuilder request = put(body);
    if (*range != '\0') request.range(range);
    return request.field("X-Upload-Content-Length", total);
  };
  expect_append(with(10, "", "10"), {}, 10, 10, true, "agrees");
  expect_append(with(kChunked, "", "10"), {}, 10, 10, false, "the total decides");
  expect_append(with(kChunked, "", "0"), {}, 0, 0, false, "nothing at all");
  expect_append(with(0, "", "900000"), {}, 0, 900'000, false, "announced, nothing sent yet");
  expect_append(with(10, "bytes 0-9/*", "20"), 0, 10, 20, false, "total for an unknown one");
  expect_append(with(20, "bytes 0-20/*", "20"), 0, 20, 20, false, "makes the end exclusive");
  expect_append(with(kChunked, "bytes 5-*/*", "20"), 5, 15, 20, false, "open end");
  EXPECT_EQ(problem_of(with(9, "", "10")), ProblemType::kLengthMismatch);
  EXPECT_EQ(problem_of(with(10, "bytes 0-9/20", "30")), ProblemType::kTotalMismatch);
  EXPECT_EQ(problem_of(with(0, "bytes */20", "30")), ProblemType::kTotalMismatch);
  EXPECT_EQ(problem_of(with(10, "bytes 0-9/*", "5")), ProblemType::kTotalMismatch);
  EXPECT_EQ(problem_of(with(kChunked, "bytes 9-*/*", "5")), ProblemType::kTotalMismatch);
  EXPECT_EQ(problem_of(with(5, "bytes 9-*/*", "5")), ProblemType::kTotalMismatch);
  for (const char* bad : {"", "-1", "x", "1,1", "99999999999999999999"}) {
    EXPECT_EQ(problem_of(with(10, "", bad)), ProblemType::kMalformedRequest) << bad;
  }
  EXPECT_EQ(problem_of(with(10, "", "10").field("X-Upload-Content-Length", "10")),
            ProblemType::kMalformedRequest);
}

// R-11 and section 4 step 4: before the body is read.
// R-69, ruling 2: parallel mode is asked for, and the total is known then.
TEST(Put308Parse, Parallel) {
  const auto range = [](std::string_view field, std::string_view value) {
    return put(10).range(field).field("X-Upload-Parallel", value);
  };
  EXPECT_TRUE(append_of(range("bytes 20-29/30", "1")).parallel);
  EXPECT_TRUE(append_of(range("bytes 20-29/30", " 1 ")).parallel);
  EXPECT_FALSE(append_of(range("bytes 20-29/30", "0")).parallel);
  EXPECT_FALSE(append_of(put(10).range("bytes 20-29/30")).parallel);
  EXPECT_TRUE(append_of(put(10).field("X-Upload-Parallel", "1")).parallel);  // a body is its total
  const core::Append announced =
      append_of(range("bytes 20-29/*", "1").field("X-Upload-Content-Length", "30"));
  EXPECT_TRUE(announced.parallel);
  EXPECT_EQ(announced.total, ByteCount(30));
  const core::Append start =
      append_of(put(0).field("X-Upload-Parallel", "1").field("X-Upload-Content-Length", "30"));
  EXPECT_TRUE(start.parallel);
  EXPECT_EQ(start.total, ByteCount(30));
  EXPECT_FALSE(start.begin.has_value());

  EXPECT_EQ(problem_of(range("bytes 0-9/*", "1")), ProblemType::kLengthRequired);
  EXPECT_EQ(problem_of(put(kChunked).field("X-Upload-Parallel", "1")),
            ProblemType::kLengthRequired);
  EXPECT_EQ(problem_of(range("bytes 20-29/30", "2")), ProblemType::kMalformedRequest);
  EXPECT_EQ(problem_of(range("bytes 20-29/30", "")), ProblemType::kMalformedRequest);
  EXPECT_EQ(problem_of(range("bytes 20-29/30", "1").field("X-Upload-Parallel", "1")),
            ProblemType::kMalformedRequest);
}

TEST(Put308Parse, TooLarge) {
  Put308Options options;
  options.size_max = ByteCount(20);
  EXPECT_EQ(problem_of(put(20), options), std::nullopt);
  EXPECT_EQ(problem_of(put(21), options), ProblemType::kTooLarge);
  EXPECT_EQ(problem_of(put(10).range("bytes 0-9/20"), options), std::nullopt);
  EXPECT_EQ(problem_of(put(10).range("bytes 0-9/21"), options), ProblemType::kTooLarge);
  EXPECT_EQ(problem_of(put(10).range("bytes 11-20/*"), options), ProblemType::kTooLarge);
  EXPECT_EQ(problem_of(put(kChunked).range("bytes 21-*/*"), options), ProblemType::kTooLarge);
  EXPECT_EQ(problem_of(put(0).range("bytes */21"), options), ProblemType::kTooLarge);
  EXPECT_EQ(problem_of(put(0).field("X-Upload-Content-Length", "21"), options),
            ProblemType::kTooLarge);
  EXPECT_EQ(problem_of(put(kChunked), options), std::nullopt) << "the engine counts";
  options.size_max = ByteCount(~0ULL);
  EXPECT_EQ(problem_of(put(~0ULL), options), ProblemType::kTooLarge);
  EXPECT_EQ(problem_of(put(9223372036854775807U).range("bytes 1-*/*"), options),
            ProblemType::kTooLarge);
}

// neighbours in the same URL space are told, not stored.
TEST(Put308Parse, OtherProtocols) {
  EXPECT_EQ(problem_of(put(0).field("X-Goog-Upload-Protocol", "resumable")),
            ProblemType::kNotImplemented);
  EXPECT_EQ(
      problem_of(
          RequestBuilder("POST", "/upload/a.bin").length(0).field("x-goog-resumable", "start")),
      ProblemType::kNotImplemented);
  EXPECT_EQ(
      problem_of(
          RequestBuilder("POST", "/upload/storage/v1/b/B/o?name=x&uploadType=resumable").length(2)),
      ProblemType::kNotImplemented);
  EXPECT_EQ(problem_of(RequestBuilder("PUT", "/upload/a?myuploadType=1").length(2)), std::nullopt);
  EXPECT_EQ(problem_of(put(3).field("If-None-Match", "*")), ProblemType::kNotImplemented);
  EXPECT_EQ(problem_of(RequestBuilder("POST", "/upload/a.bin")
                           .length(9)
                           .field("content-type", "Multipart/Form-Data; boundary=x")),
            ProblemType::kUnsupportedMediaType);
}

// Goal: any head gives a command that keeps the engine's preconditions, or a problem.
// Method: 100,000 heads from mutated fields, fixed seed.
TEST(Put308Parse, IsTotal) {
  std::mt19937_64 random(11);  // NOLINT: the same run every time
  const std::array<std::string, 9> ranges{
      "bytes */*",      "bytes */20",     "bytes 0-9/20",
      "bytes 0-9/*",    "bytes 10-*/*",   "bytes 10-*/20",
      "bytes 10-20/20", "bytes: 0-20/20", "bytes 9223372036854775806-*/*"};
  const std::string_view alphabet = "0123456789-/*: bytes";
  const std::array<std::string, 5> totals{"0", "10", "20", "9223372036854775807", "x"};
  const std::array<std::uint64_t, 7> lengths{0, 1, 10, 11, 20, 9223372036854775807U, ~0ULL};
  int good = 0;
  for (int step = 0; step < 100'000; ++step) {
    RequestBuilder request(random() % 2 == 0 ? "PUT" : "POST", "/upload/a");
    if (random() % 8 != 0) {
      std::string range = ranges[random() % ranges.size()];
      if (random() % 2 == 0) range[random() % range.size()] = alphabet[random() % alphabet.size()];
      if (random() % 4 == 0) range[random() % range.size()] = static_cast<char>(random() % 256);
      request.range(range);
    }
    if (random() % 4 == 0) {
      request.field("X-Upload-Content-Length", totals[random() % totals.size()]);
    }
    Number body;
    switch (random() % 3) {
      case 0:
        body = lengths[random() % lengths.size()];
        request.length(*body);
        break;
      case 1:
        request.chunked();
        break;
      default:
        body = 0;
    }
    Put308Options options;
    options.size_max = ByteCount(random() % 2 == 0 ? 1000 : ~0ULL);
    const auto command = parse(request, options);
    if (!command) {
      ASSERT_FALSE(command.error().detail.empty());
      continue;
    }
    ++good;
    const auto* append = std::get_if<core::Append>(&command->verb);
    if (append == nullptr) {
      ASSERT_EQ(body.value_or(1), 0U) << "a query has no body";
      continue;
    }
    if (body) {
      ASSERT_TRUE(append->length.has_value());
      ASSERT_LE(append->length->value(), *body) << "never wait for bytes that cannot come";
      ASSERT_EQ(append->length->value() < *body, append->cut_body);
    }
    const std::uint64_t end = append->begin.value_or(ByteOffset(0)).value() +
                              append->length.value_or(ByteCount(0)).value();
    if (append->total) {
      ASSERT_LE(end, append->total->value());
    }
    if (append->ends_object && append->length) {
      ASSERT_EQ(append->total, ByteCount(end));
    }
    ASSERT_LE(end, options.size_max.value());
  }
  EXPECT_GT(good, 10'000);
}

}  // namespace
}  // namespace sluice::protocols
