#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/text.h"
#include "protocols/put308.h"
#include "protocols/put308_fields.h"
#include "protocols/result_json.h"

namespace sluice::protocols::put308 {

namespace {

constexpr std::size_t kRangesBytesMax = 8U << 10;  // X-Upload-Ranges, google-308 digest 6.3
constexpr int kRetryAfterDefault = 2;              // seconds

constexpr std::string_view kJson = "application/json; charset=UTF-8";
constexpr std::string_view kProblemJson = "application/problem+json";

// The stored run from byte 0. Nothing stored: no field at all, because "0-0" would say one byte
// the counting style has no such gap.
void add_range(wire::Headers& headers, ByteOffset stored, bool counting) {
  if (counting) {
    headers.add("Range", "bytes=0-" + std::to_string(stored.value()));
  } else if (stored.value() > 0) {
    headers.add("Range", "bytes=0-" + std::to_string(stored.value() - 1));
  }
}

std::string inclusive(const ByteRange& range) {
  return std::to_string(range.begin().value()) + "-" + std::to_string(range.end().value() - 1);
}

void add_all_ranges(wire::Headers& headers, const std::vector<ByteRange>& ranges) {
  std::string list;
  for (const ByteRange& range : ranges) {
    if (range.empty()) continue;
    const std::string one = (list.empty() ? "bytes=" : ",") + inclusive(range);
    if (list.size() + one.size() > kRangesBytesMax) {
      headers.add("X-Upload-Ranges-Truncated", "1");
      break;
    }
    list += one;
  }
  if (!list.empty()) headers.add("X-Upload-Ranges", list);
}

boost::json::object inspected_json(const core::Inspected& upload) {
  boost::json::object out;
  out["kind"] = "sluice#upload";
  out["id"] = upload.id.str();
  out["name"] = upload.name;
  out["state"] = upload.state;
  out["offset"] = std::to_string(upload.offset.value());
  if (upload.total) out["total"] = std::to_string(upload.total->value());
  boost::json::array ranges;
  for (const ByteRange& range : upload.ranges) {
    if (!range.empty()) ranges.emplace_back(inclusive(range));
  }
  out["ranges"] = std::move(ranges);
  out["parallel"] = upload.parallel;
  out["writing"] = upload.writing;
  out["created_at"] = rfc3339(upload.created_at);
  if (upload.expires_at) out["expires_at"] = rfc3339(*upload.expires_at);
  if (upload.result) {
    boost::json::object result = result_json(*upload.result);
    result["completed_at"] = rfc3339(upload.result->completed_at);
    out["result"] = std::move(result);
  }
  return out;
}

bool carries_data(const wire::RequestHead& request) noexcept {
  return request.method == "PUT" || request.method == "POST";
}

// "bytes */*", or HEAD, which means the same.
bool is_open_query(const wire::RequestHead& request) {
  if (request.method == "HEAD") return true;
  if (!carries_data(request)) return false;
  const auto range = content_range(request.headers);
  return range && *range && (*range)->form == ContentRange::Form::kQuery && !(*range)->total;
}

bool length_lies(const wire::RequestHead& request) {
  if (!carries_data(request)) return false;
  const auto range = content_range(request.headers);
  if (!range || !*range || (*range)->form != ContentRange::Form::kData) return false;
  const auto data = data_of(request, *range);
  return data && data->cut_body;
}

bool wants_no_308(const wire::RequestHead& request) {
  const std::string* value = request.headers.find("X-GUploader-No-308");
  return value != nullptr && equals_ignoring_case(trim(*value), "yes");
}

class Renderer {
 public:
  Renderer(const wire::RequestHead& request, const Put308Options& options,
           std::string_view request_id)
      : request_(request), options_(options), request_id_(request_id) {}

  std::optional<Response> operator()(const core::Incomplete& outcome) const {
    Response response = unfinished(outcome.offset);
    if (outcome.parallel) {
      wire::Headers& headers = response.head.headers;
      headers.add("X-Upload-Parallel", "1");
      if (outcome.part_size) {
        headers.add("X-Upload-Part-Size", std::to_string(outcome.part_size->value()));
      }
      add_all_ranges(headers, outcome.ranges);
    }
    return response;
  }

  std::optional<Response> operator()(const core::Complete& outcome) const {
    const core::UploadResult& result = outcome.result;
    if (options_.vimeo && is_open_query(request_)) {
      return unfinished(end_of(result.size));
    }
    Response response = begin(200);
    if (std::string etag = etag_field(result.etag); !etag.empty()) {
      response.head.headers.add("ETag", std::move(etag));
    }
    return with_body(std::move(response), kJson, boost::json::serialize(result_json(result)));
  }

  std::optional<Response> operator()(const core::Cancelled&) const { return begin(204); }

  std::optional<Response> operator()(const core::Inspected& outcome) const {
    return with_body(begin(200), kJson, boost::json::serialize(inspected_json(outcome)));
  }

  std::optional<Response> operator()(const core::Refused& outcome) const {
    const core::ProblemEntry& entry = core::problem_entry(outcome.problem.type);
    Response response = begin(entry.status);
    wire::Headers& headers = response.head.headers;
    if (outcome.problem.retry_after_s) {
      headers.add("Retry-After", std::to_string(*outcome.problem.retry_after_s));
    } else if (entry.status == 503 || entry.status == 429) {
      headers.add("Retry-After", std::to_string(kRetryAfterDefault));
    }
    if (outcome.offset) add_range(headers, *outcome.offset, options_.vimeo);
    if (entry.status == 405) headers.add("Allow", std::string(kAllow));
    if (entry.status == 401) headers.add("WWW-Authenticate", "Bearer");  // RFC 9110 15.5.2
    return with_body(std::move(response), kProblemJson,
                     core::problem_json(outcome.problem, request_id_));
  }

  std::optional<Response> operator()(const core::ClientGone&) const { return std::nullopt; }

 private:
  Response begin(int status) const {
    Response response;
    response.head.status = status;
    response.head.headers.add("Cache-Control", "no-store");
    response.close = length_lies(request_);
    return response;
  }

  // 308, or 200 for those whose HTTP stack takes 308 for a redirect. Never a Location.
  Response unfinished(ByteOffset stored) const {
    const bool hidden = wants_no_308(request_);
    Response response = begin(hidden ? 200 : 308);
    wire::Headers& headers = response.head.headers;
    if (hidden) {
      headers.add("X-HTTP-Status-Code-Override", "308");
    } else {
      response.head.reason = "Resume Incomplete";
    }
    add_range(headers, stored, options_.vimeo);
    headers.add("Content-Length", "0");
    return response;
  }

  // HEAD has no body, and no Content-Length either: it would read like the object's size.
  Response with_body(Response response, std::string_view type, std::string body) const {
    response.head.headers.add("Content-Type", std::string(type));
    if (request_.method == "HEAD") return response;
    response.head.headers.add("Content-Length", std::to_string(body.size()));
    response.body = std::move(body);
    return response;
  }

  const wire::RequestHead& request_;
  const Put308Options& options_;
  const std::string_view request_id_;
};

}  // namespace

std::optional<Response> render(const core::Outcome& outcome, const wire::RequestHead& request,
                               const Put308Options& options, std::string_view request_id) {
  return std::visit(Renderer(request, options, request_id), outcome);
}

}  // namespace sluice::protocols::put308
