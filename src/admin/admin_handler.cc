#include "admin/admin_handler.h"

#include <string_view>
#include <utility>

#include "core/problem.h"
#include "http/answer.h"

namespace sluice::admin {

namespace {

// A flag of the query: "verbose", "verbose=", "verbose=1", anywhere between the '&'.
bool has_flag(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view item = query.substr(0, end);
    if (item.substr(0, item.find('=')) == name) return true;
    if (end == std::string_view::npos) return false;
    query.remove_prefix(end + 1);
  }
  return false;
}

http::Answer health(const std::vector<Check>& checks, std::string_view path, bool verbose) {
  bool good = true;
  std::string list;
  for (const Check& check : checks) {
    const Result<Ok> passed = check.passes();
    if (passed) {
      list += "[+] " + check.name + "\n";
    } else {
      good = false;
      list += "[-] " + check.name + ": " + passed.error().detail() + "\n";
    }
  }
  std::string text;
  if (verbose || !good) text = std::move(list);
  text += good ? "ok\n" : std::string(path.substr(1)) + " failed\n";
  return http::text_answer(good ? 200 : 503, std::move(text));
}

}  // namespace

AdminHandler::AdminHandler(std::vector<Check> live, std::vector<Check> ready,
                           const telemetry::PrometheusMetrics* metrics)
    : live_(std::move(live)), ready_(std::move(ready)), metrics_(metrics) {}

Task<http::Answer> AdminHandler::handle(std::shared_ptr<const http::Request> request,
                                        http::Body*) {
  co_return answer(*request);
}

http::Answer AdminHandler::answer(const http::Request& request) const {
  const wire::RequestHead& head = request.head();
  const std::string& path = head.path;
  const bool live = path == "/livez" || path == "/healthz";
  const bool ready = path == "/readyz";
  const bool metrics = path == "/metrics";

  http::Answer answer;
  if (!live && !ready && !metrics) {
    answer = http::problem_answer(core::Problem(core::ProblemType::kNoSuchResource), request.id());
  } else if (head.method != "GET" && head.method != "HEAD") {
    answer =
        http::problem_answer(core::Problem(core::ProblemType::kMethodNotAllowed), request.id());
    answer.head.headers.add("Allow", "GET, HEAD");
  } else if (metrics) {
    answer = http::text_answer(200, metrics_->exposition());
    answer.head.headers.set("Content-Type",
                            std::string(telemetry::PrometheusMetrics::kContentType));
  } else {
    answer = health(live ? live_ : ready_, path, has_flag(head.query, "verbose"));
  }
  answer.protocol = "admin";
  return answer;
}

}  // namespace sluice::admin
