// Forms and nameless bodies: keys, redirects, answers.
#include "protocols/form.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::protocols::form {
namespace {

TEST(FormKey, PatternsAndNames) {
  EXPECT_EQ(object_key("a/b.txt", "x"), "a/b.txt");
  EXPECT_EQ(object_key("in/${filename}", "C:\\dir\\x y.txt"), "in/x y.txt");
  EXPECT_EQ(object_key("${filename}", "../../etc/passwd"), "passwd");
  EXPECT_EQ(object_key("${filename}/${filename}", "a"), "a/a");
  EXPECT_EQ(object_key("100%2F", "a"), "100%2F") << "a field is not percent-encoded";
  EXPECT_TRUE(is_pattern("a${filename}"));
  EXPECT_FALSE(is_pattern("a${file}"));
}

TEST(FormKey, RefusesWhatIsNoName) {
  for (const char* key : {"", "/a", "a//b", "../a", "a/..", ".sluice/x", "a\nb", "\xff"}) {
    const auto got = object_key(key, "x");
    ASSERT_FALSE(got) << key;
    EXPECT_EQ(got.error().type, core::ProblemType::kBadName);
  }
  EXPECT_FALSE(object_key("${filename}", ""));
  EXPECT_FALSE(object_key("${filename}", "a/.."));
  EXPECT_FALSE(object_key("${filename}", "a\r\nb"));
}

TEST(FormRedirect, OnlyWhatTheListBegins) {
  const std::vector<std::string> allowed{"https://app.example/done", "http://[::1]:8080/"};
  EXPECT_TRUE(may_redirect("https://app.example/done?x=1", allowed));
  EXPECT_TRUE(may_redirect("http://[::1]:8080/", allowed));
  for (const char* to : {"https://app.example/", "https://app.example.evil/done", "//app.example",
                         "https://app.example/done\r\nSet-Cookie: a=b", "/done", "",
                         "https://app.example/done\\..", "https://app.example/done x"}) {
    EXPECT_FALSE(may_redirect(to, allowed)) << to;
  }
  EXPECT_FALSE(may_redirect("https://app.example/done", {}));
}

Stored one() {
  Stored out;
  out.field = "file";
  out.filename = "\xff.txt";
  out.key = "in/a.txt";
  out.location = "http://h/upload/fresh";
  out.result.name = "fresh";
  out.result.size = ByteCount(5);
  out.result.etag = ETag("\"abc\"");
  return out;
}

TEST(FormAnswer, Lists) {
  const Response response = stored_form({one()});
  EXPECT_EQ(response.head.status, 201);
  EXPECT_EQ(response.body,
            R"({"uploads":[{"kind":"storage#object","name":"fresh","size":"5","etag":"abc",)"
            R"("field":"file","filename":"?.txt","key":"in/a.txt",)"
            R"("location":"http://h/upload/fresh"}]})");
  EXPECT_EQ(*response.head.headers.find("Content-Length"), std::to_string(response.body.size()));
  EXPECT_EQ(stored_form({}).body, R"({"uploads":[]})");
}

TEST(FormAnswer, BodyRedirectAndFailure) {
  Stored upload = one();
  upload.field = upload.filename = upload.key = "";
  EXPECT_EQ(*stored_body(upload).head.headers.find("Location"), "http://h/upload/fresh");
  EXPECT_EQ(stored_body(upload).head.status, 201);

  EXPECT_EQ(redirect("https://a/").head.status, 303);
  EXPECT_EQ(*redirect("https://a/").head.headers.find("Location"), "https://a/");

  const core::Problem problem(core::ProblemType::kTooLarge, "why");
  const Response partly = failed(problem, {one()}, "req");
  EXPECT_EQ(partly.head.status, 413);
  EXPECT_NE(partly.body.find(R"("stored":[{)"), std::string::npos) << partly.body;
  EXPECT_NE(partly.body.find(R"("detail":"why")"), std::string::npos) << partly.body;
  EXPECT_EQ(failed(problem, {}, "req").body.find("stored\":["), std::string::npos);
  EXPECT_EQ(*failed(core::Problem(core::ProblemType::kOverloaded), {}, "")
                 .head.headers.find("Retry-After"),
            "2");
}

}  // namespace
}  // namespace sluice::protocols::form
