#include "protocols/form.h"

#include <algorithm>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/text.h"
#include "protocols/result_json.h"
#include "protocols/upload_name.h"

namespace sluice::protocols::form {

namespace {

namespace json = boost::json;

constexpr std::string_view kFilename = "${filename}";
constexpr int kRetryAfterDefault = 2;  // seconds

// The client's bytes may be anything; JSON is UTF-8.
std::string printable(std::string_view text) {
  if (is_utf8(text)) return std::string(text);
  std::string out;
  for (const char c : text) out += static_cast<unsigned char>(c) < 0x80 ? c : '?';
  return out;
}

json::object as_json(const Stored& upload) {
  json::object out = result_json(upload.result);
  if (!upload.field.empty()) out["field"] = printable(upload.field);
  if (!upload.filename.empty()) out["filename"] = printable(upload.filename);
  if (!upload.key.empty()) out["key"] = upload.key;
  out["location"] = upload.location;
  return out;
}

json::array as_json(const std::vector<Stored>& uploads) {
  json::array out;
  for (const Stored& upload : uploads) out.push_back(as_json(upload));
  return out;
}

Response answer(int status, std::string_view type, std::string body) {
  Response response;
  response.head.status = status;
  wire::Headers& headers = response.head.headers;
  headers.add("Cache-Control", "no-store");
  if (!type.empty()) headers.add("Content-Type", std::string(type));
  headers.add("Content-Length", std::to_string(body.size()));
  response.body = std::move(body);
  return response;
}

constexpr std::string_view kJson = "application/json; charset=UTF-8";

}  // namespace

tl::expected<std::string, core::Problem> object_key(std::string_view pattern,
                                                    std::string_view filename) {
  const std::size_t slash = filename.find_last_of("/\\");
  if (slash != std::string_view::npos) filename.remove_prefix(slash + 1);
  std::string key;
  while (true) {
    const std::size_t at = pattern.find(kFilename);
    key += pattern.substr(0, at);
    if (at == std::string_view::npos) break;
    key += filename;
    pattern.remove_prefix(at + kFilename.size());
  }
  return upload_name(percent_encode(key, true));
}

bool is_pattern(std::string_view key) noexcept {
  return key.find(kFilename) != std::string_view::npos;
}

bool may_redirect(std::string_view to, const std::vector<std::string>& allowed) noexcept {
  const bool plain =
      std::all_of(to.begin(), to.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '\\'; });
  return plain && std::any_of(allowed.begin(), allowed.end(),
                              [to](const std::string& prefix) { return to.starts_with(prefix); });
}

Response stored_form(const std::vector<Stored>& uploads) {
  json::object out;
  out["uploads"] = as_json(uploads);
  return answer(201, kJson, json::serialize(out));
}

Response stored_body(const Stored& upload) {
  Response response = answer(201, kJson, json::serialize(as_json(upload)));
  response.head.headers.add("Location", upload.location);
  return response;
}

Response redirect(std::string_view to) {
  Response response = answer(303, {}, {});
  response.head.headers.add("Location", std::string(to));
  return response;
}

Response failed(const core::Problem& problem, const std::vector<Stored>& uploads,
                std::string_view request_id) {
  const core::ProblemEntry& entry = core::problem_entry(problem.type);
  std::string body = core::problem_json(problem, request_id);
  json::error_code error;
  json::value parsed = json::parse(body, error);
  if (!error && parsed.is_object() && !uploads.empty()) {
    parsed.get_object()["stored"] = as_json(uploads);
    body = json::serialize(parsed);
  }
  Response response = answer(entry.status, "application/problem+json", std::move(body));
  if (problem.retry_after_s) {
    response.head.headers.add("Retry-After", std::to_string(*problem.retry_after_s));
  } else if (entry.status == 503 || entry.status == 429) {
    response.head.headers.add("Retry-After", std::to_string(kRetryAfterDefault));
  }
  if (entry.status == 405) response.head.headers.add("Allow", "POST, OPTIONS");
  return response;
}

}  // namespace sluice::protocols::form
