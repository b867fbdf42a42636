// Forms, raw bodies and Google's API through the upload listener, with a scripted application and a
// scripted engine. Rows: R-08 to R-10, R-19, R-38, R-39, R-52, R-55, R-57.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "http/testing/upload_listener.h"
#include "protocols/google.h"

namespace sluice::http {
namespace {

using testing::Reply;

class ScriptApp final : public App {
 public:
  std::vector<AuthRequest> asked;
  std::size_t allowed = 100;  // so many times
  core::Grant grant;

  Task<Result<AuthAnswer>> authorize(AuthRequest request, Deadline /*deadline*/) override {
    asked.push_back(std::move(request));
    if (asked.size() > allowed) co_return AuthAnswer(Denial());
    co_return AuthAnswer(grant);
  }
};

// Appends complete; queries and creations answer what the test says.
class ScriptUploads final : public Uploads {
 public:
  core::Outcome known = core::Incomplete{};
  std::vector<core::Command> commands;
  std::vector<core::Grant> grants;
  std::vector<std::string> bodies;  // of appends
  std::vector<std::string> ends;    // "clean", or the error

  Task<core::Outcome> execute(core::Command command, core::Grant grant,
                              engine::BodySource* body) override {
    const core::Command run = command;
    commands.push_back(std::move(command));
    grants.push_back(std::move(grant));
    if (std::holds_alternative<core::Cancel>(run.verb)) co_return core::Cancelled{};
    if (!std::holds_alternative<core::Append>(run.verb)) co_return known;
    std::string data;
    std::optional<Errc> error;
    while (true) {
      auto got = co_await body->read(ByteCount(1U << 20));
      if (!got) error = got.error().code();
      if (!got || got->empty()) break;
      data += got->to_string();
    }
    bodies.push_back(data);
    ends.emplace_back(error ? to_string(*error) : "clean");
    if (error == Errc::kDisconnected) co_return core::ClientGone{};
    if (error) {
      co_return core::Refused{core::Problem(core::ProblemType::kMalformedRequest), std::nullopt};
    }
    core::Complete done;
    done.result.name = run.name;
    done.result.size = ByteCount(data.size());
    done.about.raw_metadata = run.attributes.raw_metadata;
    co_return done;
  }
};

class NamelessTest : public testing::UploadListenerTest {
 protected:
  ~NamelessTest() override { stop_server(); }

  void start() {
    options_.google_bucket = "bkt";
    options_.form_redirects = {"https://app.example/"};
    serve(&app_, &uploads_);
  }
  Reply ask(const std::string& method, const std::string& target, const std::string& fields,
            const std::string& body) {
    if (!server_) start();
    client_->send(method + " " + target + " HTTP/1.1\r\nHost: up.example:8080\r\n" + fields +
                  "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return reply();
  }
  Reply form(const std::string& body, const std::string& target = "/upload") {
    return ask("POST", target, "Content-Type: multipart/form-data; boundary=B\r\n", body);
  }
  const core::Append& append(std::size_t i) {
    return std::get<core::Append>(uploads_.commands.at(i).verb);
  }

  ScriptApp app_;
  ScriptUploads uploads_;
};

std::string field(const std::string& name, const std::string& value) {
  return "--B\r\nContent-Disposition: form-data; name=" + name + "\r\n\r\n" + value + "\r\n";
}
std::string file(const std::string& name, const std::string& data) {
  return "--B\r\nContent-Disposition: form-data; name=f; filename=\"" + name +
         "\"\r\nContent-Type: text/plain\r\n\r\n" + data + "\r\n";
}

TEST_F(NamelessTest, EveryFileOfAFormIsAnUpload) {
  const Reply reply = form(field("other", "1") + file("a.txt", "hello") + file("", "") +
                           file("b.txt", "") + field("later", "2") + "--B--\r\n");
  EXPECT_EQ(reply.status, 201);
  ASSERT_EQ(uploads_.bodies, (std::vector<std::string>{"hello", ""}));
  EXPECT_NE(uploads_.commands[0].name, uploads_.commands[1].name);
  EXPECT_EQ(uploads_.commands[0].attributes.content_type, "text/plain");
  EXPECT_FALSE(uploads_.commands[0].key);
  EXPECT_TRUE(append(0).ends_object);
  EXPECT_FALSE(append(0).exact);
  EXPECT_FALSE(append(0).length);
  const auto list = boost::json::parse(reply.body).at("uploads").as_array();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].at("size"), "5");
  EXPECT_EQ(list[0].at("filename"), "a.txt");
  EXPECT_EQ(list[0].at("location").as_string(),
            "http://up.example:8080/upload/" + uploads_.commands[0].name);
  EXPECT_EQ(app_.asked.size(), 2U);
}

TEST_F(NamelessTest, KeysAndRedirects) {
  const Reply reply =
      form(field("key", "in/${filename}") + file("a.txt", "1") + file("x/b.txt", "2") +
               field("key", "c") + file("c.txt", "3") + file("d.txt", "4") +
               field("redirect_to", "https://app.example/done") + "--B--\r\n",
           "/upload/");
  EXPECT_EQ(reply.status, 303);
  EXPECT_EQ(reply.fields.at("location"), "https://app.example/done");
  ASSERT_EQ(uploads_.commands.size(), 4U);
  EXPECT_EQ(uploads_.commands[0].key, "in/a.txt");
  EXPECT_EQ(uploads_.commands[1].key, "in/b.txt");
  EXPECT_EQ(uploads_.commands[2].key, "c");
  EXPECT_FALSE(uploads_.commands[3].key);
  // Before anything was read, and for every key.
  EXPECT_EQ(app_.asked.size(), 5U);
  EXPECT_EQ(app_.asked[1].name, "in/a.txt");
}

TEST_F(NamelessTest, AnErrorNamesWhatWasStored) {
  Reply reply = form(file("a.txt", "1") + field("key", "../x") + file("b.txt", "2") + "--B--\r\n");
  EXPECT_EQ(reply.status, 400);
  auto body = boost::json::parse(reply.body);
  EXPECT_EQ(body.at("stored").as_array().size(), 1U);
  EXPECT_EQ(uploads_.bodies.size(), 1U);

  app_.allowed = app_.asked.size() + 1;
  reply = form(file("a.txt", "1") + file("b.txt", "2") + "--B--\r\n");
  EXPECT_EQ(reply.status, 403);
  EXPECT_EQ(uploads_.bodies.size(), 2U);

  app_.allowed = 100;
  reply = form(field("redirect_to", "https://evil.example/") + file("a", "1") + "--B--\r\n");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(uploads_.bodies.size(), 2U);
}

TEST_F(NamelessTest, NothingIsReadBeforePermission) {  // R-19
  app_.allowed = 0;
  const Reply reply = form(file("a.txt", "1") + "--B--\r\n");
  EXPECT_EQ(reply.status, 403);
  EXPECT_TRUE(uploads_.commands.empty());
}

TEST_F(NamelessTest, AFileThatDoesNotEndIsCancelled) {
  const Reply reply = form(file("a.txt", "hello"));  // no last boundary
  EXPECT_EQ(reply.status, 400);
  EXPECT_NE(reply.body.find("ends before its last boundary"), std::string::npos) << reply.body;
  ASSERT_EQ(uploads_.commands.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<core::Cancel>(uploads_.commands[1].verb));
  EXPECT_EQ(uploads_.commands[1].name, uploads_.commands[0].name);
  EXPECT_NE(uploads_.ends[0], "clean");
}

TEST_F(NamelessTest, ACutLineCancelsToo) {
  start();
  const std::string body = file("a.txt", "hello") + "--B--";
  client_->send(
      "POST /upload HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=B"
      "\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body.substr(0, body.size() - 3));
  client_->finish();
  world_.run();
  ASSERT_EQ(uploads_.commands.size(), 2U);
  EXPECT_EQ(uploads_.ends[0], to_string(Errc::kDisconnected));
  EXPECT_TRUE(std::holds_alternative<core::Cancel>(uploads_.commands[1].verb));
}

TEST_F(NamelessTest, RawBodies) {
  const Reply reply = ask("POST", "/upload", "Content-Type: video/mp4\r\n", "hello");
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(uploads_.bodies, std::vector<std::string>{"hello"});
  EXPECT_EQ(uploads_.commands[0].attributes.content_type, "video/mp4");
  EXPECT_EQ(append(0).total, ByteCount(5));
  EXPECT_EQ(reply.fields.at("location"),
            "http://up.example:8080/upload/" + uploads_.commands[0].name);
  EXPECT_EQ(ask("POST", "/upload", "Content-Range: bytes 0-4/5\r\n", "hello").status, 400);
  EXPECT_EQ(ask("POST", "/upload", "Content-Type: multipart/form-data\r\n", "hello").status, 400);
  EXPECT_EQ(ask("PUT", "/upload", "", "hello").status, 404);
  EXPECT_EQ(ask("OPTIONS", "/upload", "", "").status, 204);
  EXPECT_EQ(uploads_.commands.size(), 1U);
}

// --- Google

constexpr const char* kCollection = "/upload/storage/v1/b/bkt/o";

TEST_F(NamelessTest, GoogleSessions) {
  app_.grant.subject = "alice";
  app_.grant.key = "theirs";
  Reply reply = ask("POST", std::string(kCollection) + "?uploadType=resumable",
                    "Content-Type: application/json\r\nX-Upload-Content-Length: 5\r\n",
                    R"({"name":"a.bin","contentType":"video/mp4"})");
  EXPECT_EQ(reply.status, 200);  // R-08
  const std::string location = reply.fields.at("location");
  ASSERT_EQ(location.rfind("http://up.example:8080/upload/storage/v1/b/bkt/o?", 0), 0U);
  EXPECT_EQ(std::get<core::Create>(uploads_.commands[0].verb).total, ByteCount(5));  // R-09
  EXPECT_EQ(uploads_.commands[0].key, "a.bin");
  EXPECT_EQ(uploads_.commands[0].attributes.content_type, "video/mp4");
  EXPECT_EQ(app_.asked.at(0).name, "a.bin");

  const std::string target = location.substr(std::string("http://up.example:8080").size());
  reply = ask("PUT", target, "Content-Range: bytes 0-4/5\r\n", "hello");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(app_.asked.size(), 1U) << "the address is the permission (C14)";
  EXPECT_EQ(uploads_.grants[1].subject, "alice");
  EXPECT_EQ(uploads_.commands[1].name, uploads_.commands[0].name);
  EXPECT_FALSE(append(1).may_begin);
  EXPECT_EQ(ask("DELETE", target, "", "").status, 499);  // R-55

  // R-39: ten bytes are there, and the whole object comes.
  core::Incomplete some;
  some.offset = ByteOffset(10);
  some.about.raw_metadata = uploads_.commands[0].attributes.raw_metadata;
  uploads_.known = some;
  reply = ask("PUT", target, "", "four");
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(std::holds_alternative<core::Query>(uploads_.commands[3].verb));
  EXPECT_FALSE(append(4).begin);
  EXPECT_TRUE(append(4).may_begin);
  EXPECT_EQ(uploads_.commands[4].key, "a.bin");
  EXPECT_EQ(uploads_.grants[4].key, "theirs");
  EXPECT_EQ(uploads_.commands[4].attributes.content_type, "video/mp4");
  EXPECT_EQ(boost::json::parse(reply.body).at("name"), "a.bin");
  // R-38: nothing is there.
  some.offset = ByteOffset(0);
  uploads_.known = some;
  ask("PUT", target, "", "four");
  EXPECT_EQ(append(6).begin, ByteOffset(0));
}

TEST_F(NamelessTest, GoogleMediaAndMultipart) {
  Reply reply = ask("POST", std::string(kCollection) + "?uploadType=media&name=dir%2Fa.bin",
                    "Content-Type: video/mp4\r\n", "hello");
  EXPECT_EQ(reply.status, 200);
  auto object = boost::json::parse(reply.body);
  EXPECT_EQ(object.at("name"), "dir/a.bin");
  EXPECT_EQ(object.at("contentType"), "video/mp4");
  EXPECT_EQ(object.at("size"), "5");
  EXPECT_EQ(object.at("crc32c"), "mnG7TA==");  // RFC 3720 CRC of "hello"
  EXPECT_EQ(app_.asked.at(0).name, "dir/a.bin");

  const std::string body =
      "--B\r\nContent-Type: application/json\r\n\r\n{\"name\":\"b\"}\r\n"
      "--B\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B--\r\n";
  const std::string type = "Content-Type: multipart/related; boundary=B\r\n";
  const std::string target = std::string(kCollection) + "?uploadType=multipart";
  reply = ask("POST", target, type, body);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(uploads_.bodies.back(), "hello");
  EXPECT_EQ(uploads_.commands.back().key, "b");
  EXPECT_EQ(uploads_.commands.back().attributes.content_type, "text/plain");

  EXPECT_EQ(ask("POST", target, type, body.substr(0, body.size() - 6)).status, 400);
  EXPECT_TRUE(std::holds_alternative<core::Cancel>(uploads_.commands.back().verb));
  EXPECT_EQ(ask("POST", target, "Content-Type: text/plain\r\n", body).status, 415);
  EXPECT_EQ(ask("POST", target + "&name=c", type, body).status, 400);  // R-10
}

TEST_F(NamelessTest, GoogleChecksums) {  // R-52
  const std::string target = std::string(kCollection) + "?uploadType=media&name=a";
  EXPECT_EQ(ask("POST", target, "X-Goog-Hash: crc32c=mnG7TA==\r\n", "hello").status, 200);
  const Reply reply = ask("POST", target, "X-Goog-Hash: crc32c=AAAAAA==\r\n", "hello");
  EXPECT_EQ(reply.status, 400);
  EXPECT_NE(uploads_.ends.back(), "clean");
  EXPECT_TRUE(std::holds_alternative<core::Cancel>(uploads_.commands.back().verb));
}

TEST_F(NamelessTest, GoogleRefusals) {
  EXPECT_EQ(ask("PUT", std::string(kCollection) + "?upload_id=short", "", "x").status,
            404);  // R-57
  EXPECT_EQ(ask("POST", "/upload/storage/v1/b/else/o?uploadType=media&name=a", "", "x").status,
            404);
  EXPECT_EQ(ask("POST", std::string(kCollection) + "?uploadType=resumable", "", "").status, 400);
  app_.allowed = 0;
  EXPECT_EQ(ask("POST", std::string(kCollection) + "?uploadType=resumable&name=a", "", "").status,
            403);
  EXPECT_TRUE(uploads_.commands.empty());
}

}  // namespace
}  // namespace sluice::http
