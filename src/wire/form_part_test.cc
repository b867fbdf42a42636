// Names and boundaries as browsers, curl and Google's clients write them.
#include "wire/form_part.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace sluice::wire {
namespace {

using namespace std::string_literals;

std::string boundary(std::string_view content_type) {
  const auto multipart = multipart_of(content_type);
  if (!multipart) return "error: " + multipart.error().detail();
  if (!*multipart) return "other";
  return ((*multipart)->kind == MultipartKind::kFormData ? "form " : "related ") +
         (*multipart)->boundary;
}

TEST(MultipartOf, Boundaries) {
  EXPECT_EQ(boundary("multipart/form-data; boundary=----WebKitFormBoundaryAbC123"),
            "form ----WebKitFormBoundaryAbC123");
  EXPECT_EQ(boundary("Multipart/Form-Data;Boundary=x"), "form x");
  EXPECT_EQ(boundary("multipart/form-data; charset=utf-8; boundary=\"a b:c\" ; x=y"), "form a b:c");
  EXPECT_EQ(boundary("multipart/related; boundary=\"===============7330845974216740156==\""),
            "related ===============7330845974216740156==");
  EXPECT_EQ(boundary("multipart/form-data;; boundary=x;"), "form x");
  EXPECT_EQ(boundary("multipart/mixed; boundary=x"), "other");
  EXPECT_EQ(boundary("multipart/form-dataset; boundary=x"), "other");
  EXPECT_EQ(boundary("application/octet-stream"), "other");
  EXPECT_EQ(boundary(""), "other");
  EXPECT_EQ(boundary("multipart/form-data; boundary=" + std::string(70, 'x')),
            "form " + std::string(70, 'x'));
}

TEST(MultipartOf, RefusesWhatIsNoBoundary) {
  for (const std::string& parameters :
       {""s, ";"s, "; boundary"s, "; boundary="s, "; boundary=\"\""s, "; boundary=\"x"s,
        "; boundary=\"x \""s, "; boundary=x; boundary=x"s, "; boundary=a\"b"s, "; boundary=\"x\"y"s,
        "; =x"s, "; boundary=a@b"s, "; boundary=a\x01"s, "; bound ary=x"s,
        "; boundary=" + std::string(71, 'x')}) {
    EXPECT_EQ(boundary("multipart/form-data" + parameters).substr(0, 6), "error:") << parameters;
  }
}

Result<FormPart> part(const std::string& disposition) {
  Headers headers;
  headers.add("Content-Disposition", disposition);
  return form_part(std::move(headers), MultipartKind::kFormData);
}

struct Name {
  std::string disposition;
  std::string name;
  std::optional<std::string> filename;
};

TEST(FormPart, Names) {
  const Name rows[] = {
      {"form-data; name=\"a\"", "a", std::nullopt},
      {"form-data; name=a; filename=b.txt", "a", "b.txt"},
      {"Form-Data;NAME=\"a\";FileName=\"\"", "a", ""},
      {"form-data; name=\"\"; filename=\"b\"", "", "b"},
      // Browsers: quote, CR and LF only; '%' and '\' are themselves.
      {"form-data; name=\"%22%0D%0A\"; filename=\"%22x%22%0d%0a100%.%41\"", "\"\r\n",
       "\"x\"\r\n100%.%41"},
      {R"(form-data; name="a"; filename="C:\dir\n.txt")", "a", R"(C:\dir\n.txt)"},
      // curl before 7.81, and --form-escape.
      {R"(form-data; name="a"; filename="say \"hi\" \\ there")", "a", R"(say "hi" \ there)"},
      {"form-data; name=\"a\"; filename=\"a;b=c\"", "a", "a;b=c"},
      {"form-data; name=\"a\"; filename=\"gr\xc3\xbc\xc3\x9f\"", "a", "gr\xc3\xbc\xc3\x9f"},
      // RFC 5987; it goes before the other one, wherever it stands.
      {"form-data; name=\"a\"; filename=\"x\"; filename*=UTF-8''gr%c3%bc%C3%9f", "a",
       "gr\xc3\xbc\xc3\x9f"},
      {"form-data; name=\"a\"; filename*=utf-8'de'b%20c; filename=\"x\"", "a", "b c"},
      {"form-data; name=\"a\"; filename*=iso-8859-1'en'%A3%20rates", "a", "\xc2\xa3 rates"},
      {"form-data; name=\"a\"; unknown=\"x\"; size=5", "a", std::nullopt},
  };
  for (const Name& row : rows) {
    const auto got = part(row.disposition);
    ASSERT_TRUE(got) << row.disposition << ": " << got.error().detail();
    EXPECT_EQ(got->name, row.name) << row.disposition;
    EXPECT_EQ(got->filename, row.filename) << row.disposition;
    EXPECT_EQ(got->is_file(), row.filename.has_value());
  }
}

TEST(FormPart, RefusesMalformedNames) {
  for (const char* text :
       {"attachment; name=\"a\"", "form-data", "form-data; filename=\"x\"", "form-data; name",
        "form-data; name=\"a", "form-data; name=\"a\" b", "form-data; name=\"a\"; name=\"b\"",
        "form-data; name=\"a\"; filename=\"x\"; filename=\"y\"",
        "form-data; name=\"a\"; filename*=UTF-8''%zz", "form-data; name=\"a\"; filename*=x",
        "form-data; name=\"a\"; filename*=UTF-8''%ff", "form-data; name=\"a\"; filename*=KOI8-R''a",
        "form-data; name=\"a\\\"", "form-data; name=a\"b"}) {
    const auto got = part(text);
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code(), Errc::kInvalidArgument);
  }
  EXPECT_FALSE(form_part(Headers(), MultipartKind::kFormData));
  Headers twice;
  twice.add("Content-Disposition", "form-data; name=a");
  twice.add("content-disposition", "form-data; name=a");
  EXPECT_FALSE(form_part(twice, MultipartKind::kFormData));
}

TEST(FormPart, OtherFields) {
  Headers headers;
  headers.add("content-type", "video/mp4");
  headers.add("Content-Transfer-Encoding", "BINARY");
  const auto related = form_part(headers, MultipartKind::kRelated);
  ASSERT_TRUE(related);
  EXPECT_EQ(related->content_type, "video/mp4");
  EXPECT_FALSE(related->is_file());
  headers.set("Content-Transfer-Encoding", "base64");
  const auto encoded = form_part(headers, MultipartKind::kRelated);
  ASSERT_FALSE(encoded);
  EXPECT_EQ(encoded.error().code(), Errc::kRejected);
}

}  // namespace
}  // namespace sluice::wire
