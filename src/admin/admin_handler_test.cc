#include "admin/admin_handler.h"

#include <gtest/gtest.h>

namespace sluice::admin {
namespace {

using telemetry::PrometheusMetrics;

http::Request request(std::string method, std::string path, std::string query = "") {
  wire::RequestHead head;
  head.method = std::move(method);
  head.path = std::move(path);
  head.query = std::move(query);
  head.target = head.path + (head.query.empty() ? "" : "?" + head.query);
  return http::Request(std::move(head), "r-1", "127.0.0.1", false);
}

class AdminHandlerTest : public ::testing::Test {
 protected:
  PrometheusMetrics metrics{{"0.1.0", "r", "c"}};
  bool loops_turn = true;
  bool draining = false;
  AdminHandler handler{{Check{"loops",
                              [this]() -> Result<Ok> {
                                if (loops_turn) return Ok();
                                return fail(Errc::kTimedOut, "thread 1 has not turned for 31 s");
                              }}},
                       {Check{"config", []() -> Result<Ok> { return Ok(); }},
                        Check{"drain",
                              [this]() -> Result<Ok> {
                                if (!draining) return Ok();
                                return fail(Errc::kUnavailable, "stopping");
                              }}},
                       &metrics};

  http::Answer get(std::string path, std::string query = "") {
    return handler.answer(request("GET", std::move(path), std::move(query)));
  }
};

TEST_F(AdminHandlerTest, GoodHealthIsShort) {
  for (const char* path : {"/livez", "/healthz", "/readyz"}) {
    const http::Answer response = get(path);
    EXPECT_EQ(response.head.status, 200) << path;
    EXPECT_EQ(response.body, "ok\n");
    EXPECT_EQ(response.protocol, "admin");
    EXPECT_EQ(*response.head.headers.find("Cache-Control"), "no-store");
  }
}

TEST_F(AdminHandlerTest, VerboseListsTheChecks) {
  EXPECT_EQ(get("/readyz", "verbose").body, "[+] config\n[+] drain\nok\n");
  EXPECT_EQ(get("/readyz", "a=b&verbose=1").body, "[+] config\n[+] drain\nok\n");
  EXPECT_EQ(get("/readyz", "verbosely&x=verbose").body, "ok\n");
}

TEST_F(AdminHandlerTest, ReadinessFailsWithoutHarmingLiveness) {
  draining = true;
  const http::Answer ready = get("/readyz");
  EXPECT_EQ(ready.head.status, 503);
  EXPECT_EQ(ready.body, "[+] config\n[-] drain: stopping\nreadyz failed\n");
  EXPECT_EQ(get("/livez").head.status, 200);
  loops_turn = false;
  const http::Answer live = get("/healthz");
  EXPECT_EQ(live.head.status, 503);
  EXPECT_EQ(live.body, "[-] loops: thread 1 has not turned for 31 s\nhealthz failed\n");
}

TEST_F(AdminHandlerTest, MetricsAreServed) {
  metrics.upload_created();
  const http::Answer response = get("/metrics");
  EXPECT_EQ(response.head.status, 200);
  EXPECT_EQ(*response.head.headers.find("Content-Type"),
            "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_NE(response.body.find("\nsluice_uploads_created_total 1\n"), std::string::npos);
}

TEST_F(AdminHandlerTest, HeadIsAnsweredLikeGet) {
  const http::Answer response = handler.answer(request("HEAD", "/readyz", "verbose"));
  EXPECT_EQ(response.head.status, 200);
  EXPECT_EQ(response.body, get("/readyz", "verbose").body);
}

TEST_F(AdminHandlerTest, EverythingElseIsAProblem) {
  for (const char* path : {"/", "/metrics/", "/upload/a", "/livez2", "/READYZ", "/%6divez", "*"}) {
    const http::Answer response = get(path);
    EXPECT_EQ(response.head.status, 404) << path;
    EXPECT_EQ(*response.head.headers.find("Content-Type"), "application/problem+json");
    EXPECT_NE(response.body.find("\"status\":404"), std::string::npos) << response.body;
    EXPECT_NE(response.body.find("r-1"), std::string::npos);
  }
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get"}) {
    const http::Answer response = handler.answer(request(method, "/metrics"));
    EXPECT_EQ(response.head.status, 405) << method;
    EXPECT_EQ(*response.head.headers.find("Allow"), "GET, HEAD");
    EXPECT_EQ(*response.head.headers.find("Content-Type"), "application/problem+json");
  }
  EXPECT_EQ(handler.answer(request("POST", "/nothing")).head.status, 404);
}

}  // namespace
}  // namespace sluice::admin
