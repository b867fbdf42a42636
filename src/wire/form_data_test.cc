// The multipart parser. Every body is parsed whole, byte by byte, and cut in two at every place:
// the events must be the same, and what is withheld must never be more than a boundary.
#include "wire/form_data.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::wire {
namespace {

using namespace std::string_literals;

constexpr MultipartKind kForm = MultipartKind::kFormData;
constexpr MultipartKind kRelated = MultipartKind::kRelated;

// What the pieces say, one line for each part: "name|filename|type|data", then "end", "open" (more
// is needed) or the error.
std::string parse(const std::vector<std::string>& pieces, const Multipart& multipart,
                  const FormLimits& limits) {
  FormParser parser(multipart, limits);
  std::string out;
  bool ended = false;
  std::size_t withheld = 0;
  for (const std::string& piece : pieces) {
    std::string_view input = piece;
    while (true) {
      const auto step = parser.next(input);
      if (!step) return out + "error: " + step.error().detail();
      EXPECT_LE(step->data, step->used);
      EXPECT_LE(step->used, input.size());
      EXPECT_TRUE(step->held.empty() || step->held.size() == withheld) << "held is what was kept";
      switch (step->what) {
        case FormParser::What::kMore:
          EXPECT_EQ(step->used, input.size());
          break;
        case FormParser::What::kPart: {
          const FormPart& part = parser.part();
          out += part.name + "|" + part.filename.value_or("-") + "|" + part.content_type + "|";
          break;
        }
        case FormParser::What::kData:
          EXPECT_GT(step->held.size() + step->data, 0U);
          out += std::string(step->held) + std::string(input.substr(0, step->data));
          break;
        case FormParser::What::kPartEnd:
          out += "\n";
          break;
        case FormParser::What::kEnd:
          EXPECT_FALSE(ended);
          ended = true;
          break;
      }
      EXPECT_EQ(parser.finished(), ended);
      input.remove_prefix(step->used);
      withheld = parser.withheld();
      EXPECT_LT(withheld, multipart.boundary.size() + 4);
      if (step->what == FormParser::What::kMore) break;
    }
  }
  return out + (ended ? "end" : "open");
}

void expect(const std::string& body, const std::string& want, MultipartKind kind = kForm,
            const FormLimits& limits = {}) {
  const Multipart multipart{kind, "B"};
  ASSERT_EQ(parse({body}, multipart, limits), want) << body;
  std::vector<std::string> bytes;
  for (const char c : body) bytes.emplace_back(1, c);
  ASSERT_EQ(parse(bytes, multipart, limits), want) << body;
  for (std::size_t cut = 0; cut <= body.size(); ++cut) {
    ASSERT_EQ(parse({body.substr(0, cut), body.substr(cut)}, multipart, limits), want)
        << body << "\ncut at " << cut;
    ASSERT_EQ(parse({body.substr(0, cut), ""s, body.substr(cut, 1),
                     body.substr(std::min(cut + 1, body.size()))},
                    multipart, limits),
              want)
        << body << "\ncut around " << cut;
  }
}

std::string field(const std::string& name, const std::string& value) {
  return "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
}
std::string file(const std::string& filename, const std::string& data,
                 const std::string& type = "text/plain") {
  return "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"" + filename +
         "\"\r\nContent-Type: " + type + "\r\n\r\n" + data + "\r\n";
}

TEST(FormParser, FieldsBeforeAndAfterFiles) {
  expect(field("a", "1") + file("x.txt", "hello") + field("b", "") + file("", "") + "--B--\r\n",
         "a|-||1\nf|x.txt|text/plain|hello\nb|-||\nf||text/plain|\nend");
}

TEST(FormParser, AFormWithoutAnyPart) {
  expect("--B--\r\n", "end");
  expect("--B--", "end");
  expect("\r\n--B--", "end");
}

TEST(FormParser, DataThatLooksLikeABoundary) {
  for (const std::string& data :
       {"\r"s, "\r\n"s, "\r\n-"s, "\r\n--"s, "\r\n--A"s, "\r\r\n--"s, "\r\n\r\n--\r\n--"s, "--B"s,
        "--B--"s, "x--B\r\n"s, "\n--B"s, "\r--B"s, "\r\n-B"s, "\r\n --B"s, "\r\n--b"s, "\0\r\n\0"s,
        std::string(300, '\r'), "\r\n--\r\n--\r\n--"s}) {
    expect(file("x", data) + file("y", data + data) + "--B--\r\n",
           "f|x|text/plain|" + data + "\nf|y|text/plain|" + data + data + "\nend");
  }
}

TEST(FormParser, PreambleEpilogueAndPadding) {
  expect("an old mail reader sees this\r\n" + file("x", "1") + "--B--\r\nbehind it\r\n--B\r\n",
         "f|x|text/plain|1\nend");
  expect(
      "--B \t \r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B \r\n"
      "Content-Disposition: form-data; name=b\r\n\r\n2\r\n--B--  ",
      "a|-||1\nb|-||2\nend");
}

TEST(FormParser, ACutBodyIsNeverAnEnd) {
  const std::string body = field("a", "1") + file("x", "hello") + "--B--";
  const std::string whole = parse({body}, Multipart{kForm, "B"}, {});
  for (std::size_t n = 0; n < body.size(); ++n) {
    const std::string got = parse({body.substr(0, n)}, Multipart{kForm, "B"}, {});
    EXPECT_EQ(got.substr(got.size() - 4), "open") << n;
    // The file ends only when the line behind it is known to be a boundary line.
    if (n < body.size()) {
      EXPECT_EQ(got.find("hello\n"), std::string::npos) << n;
    }
  }
  EXPECT_EQ(whole, "a|-||1\nf|x|text/plain|hello\nend");
}

TEST(FormParser, RefusesMalformedBodies) {
  const std::string part = "Content-Disposition: form-data; name=a\r\n\r\n";
  const struct {
    std::string body;
    std::string want;
  } rows[] = {
      {"--B\n" + part, "error: a boundary line does not end with CR LF"},
      {"--B\r\r\n" + part, "error: a boundary line does not end with CR LF"},
      {"--Bx\r\n" + part, "error: a line begins with the boundary and goes on"},
      {"--B-x\r\n", "error: a boundary line is malformed"},
      {"--B --\r\n", "error: a line begins with the boundary and goes on"},
      {"--B" + std::string(65, ' '), "error: a boundary line is too long"},
      {"--B\r\nA: b\n\r\n", "error: a line in the head of a part ends with a bare LF"},
      {"--B\r\n: b\r\n\r\n", "error: a header field of a part is malformed"},
      {"--B\r\nA b\r\n\r\n", "error: a header field of a part is malformed"},
      {"--B\r\nA : b\r\n\r\n", "error: a header field of a part is malformed"},
      {"--B\r\nA: b\r\n c\r\n\r\n", "error: a header field of a part is malformed"},
      {"--B\r\nA: b\0\r\n\r\n"s, "error: a header field of a part has a control character"},
      {"--B\r\nA: b\rc\r\n\r\n", "error: a header field of a part has a control character"},
      {"--B\r\n\r\n", "error: a part has not one Content-Disposition"},
      {"--B\r\n" + part + "x\r\n--B?", "a|-||xerror: a line begins with the boundary and goes on"},
  };
  for (const auto& row : rows) expect(row.body, row.want);
}

TEST(FormParser, Limits) {
  FormLimits limits;
  limits.parts_max = 2;
  expect(field("a", "1") + field("b", "2") + "--B--", "a|-||1\nb|-||2\nend", kForm, limits);
  expect(field("a", "1") + field("b", "2") + field("c", "3") + "--B--",
         "a|-||1\nb|-||2error: the body has too many parts", kForm, limits);

  limits = FormLimits();
  limits.head_bytes_max = 47;  // the head of a field "abcd", line ends included
  expect(field("abcd", "1") + "--B--", "abcd|-||1\nend", kForm, limits);
  expect(field("abcde", "1") + "--B--", "error: the head of a part is too long", kForm, limits);
  expect(std::string(48, 'x') + "\r\n--B--", "error: the body does not begin with its boundary",
         kForm, limits);

  limits = FormLimits();
  limits.head_fields_max = 1;
  expect(field("a", "1") + "--B--", "a|-||1\nend", kForm, limits);
  expect(file("a", "1") + "--B--", "error: a part has too many header fields", kForm, limits);
}

// The error may come when some of the value has been reported; how much depends on the pieces.
TEST(FormParser, LimitsOfFields) {
  FormLimits limits;
  limits.field_bytes_max = 3;
  limits.fields_bytes_max = 5;
  expect(field("a", "123") + field("b", "12") + file("x", "123456789") + "--B--",
         "a|-||123\nb|-||12\nf|x|text/plain|123456789\nend", kForm, limits);
  for (const std::string& body :
       {field("a", "1234") + "--B--", field("a", "12") + field("b", "12") + field("c", "12")}) {
    const std::string got = parse({body}, Multipart{kForm, "B"}, limits);
    EXPECT_NE(got.find("error: a field of the form is too long"), std::string::npos) << got;
  }
}

TEST(FormParser, AnErrorStays) {
  FormParser parser(Multipart{kForm, "B"});
  EXPECT_FALSE(parser.next("--B!"));
  const auto again = parser.next("--B--");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().detail(), "a line begins with the boundary and goes on");
  EXPECT_FALSE(parser.finished());
}

// Google's clients: metadata, then the media.
TEST(FormParser, Related) {
  expect(
      "--B\r\nContent-Type: application/json\r\n\r\n{\"a\":1}\r\n--B\r\n"
      "Content-Type: video/mp4\r\n\r\nda\nta\r\n--B--\r\n",
      "|-|application/json|{\"a\":1}\n|-|video/mp4|da\nta\nend", kRelated);
  expect("--B\r\n\r\n1\r\n--B--", "|-||1\nend", kRelated);
}

// Google's Python client writes bare LFs throughout; data may hold CRs then.
TEST(FormParser, RelatedWithBareLineFeeds) {
  expect(
      "--B\nContent-Type: application/json\nMIME-Version: 1.0\n\n{}\n--B\n"
      "Content-Type: a/b\nContent-Transfer-Encoding: binary\n\n\r\n\r\n--A\r\n--B--\n",
      "|-|application/json|{}\n|-|a/b|\r\n\r\n--A\r\nend", kRelated);
  expect("--B\nA: b\n\n1\n--B\r\n", "|-||1error: a boundary line does not end with CR LF",
         kRelated);
  // One or the other.
  expect("--B\r\nA: b\r\n\r\n1\r\n--B\n", "|-||1error: a boundary line does not end with CR LF",
         kRelated);
}

}  // namespace
}  // namespace sluice::wire
