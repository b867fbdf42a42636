#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "protocols/object_attributes.h"
#include "protocols/put308.h"
#include "protocols/put308_fields.h"
#include "protocols/upload_name.h"

namespace sluice::protocols::put308 {

namespace {

using core::ProblemType;

tl::unexpected<core::Problem> refuse(ProblemType type, std::string why) {
  return tl::unexpected<core::Problem>(core::Problem(type, std::move(why)));
}

bool has_parameter(std::string_view query, std::string_view name) noexcept {
  while (!query.empty()) {
    const std::string_view parameter = query.substr(0, query.find('&'));
    if (parameter.substr(0, parameter.find('=')) == name) return true;
    query.remove_prefix(std::min(query.size(), parameter.size() + 1));
  }
  return false;
}

// Requests of neighbouring protocols that would be stored as something else than they
// mean. Refused by name, so that nobody finds a JSON document or a form's envelope in place of the
// object.
std::optional<core::Problem> other_protocol(const wire::RequestHead& request) {
  const wire::Headers& headers = request.headers;
  const auto problem = [](ProblemType type, const char* why) {
    return std::optional<core::Problem>(core::Problem(type, why));
  };
  if (headers.find("X-Goog-Upload-Protocol") != nullptr ||
      headers.find("X-Goog-Upload-Command") != nullptr) {
    return problem(ProblemType::kNotImplemented, "the X-Goog-Upload protocol is not spoken");
  }
  if (headers.find("x-goog-resumable") != nullptr || has_parameter(request.query, "uploadType")) {
    return problem(ProblemType::kNotImplemented,
                   "sessions (uploadType, x-goog-resumable) are not spoken here: PUT to the name");
  }
  if (headers.find("If-Match") != nullptr || headers.find("If-None-Match") != nullptr) {
    return problem(ProblemType::kNotImplemented, "preconditions are not supported");
  }
  const std::string* type = headers.find("Content-Type");
  constexpr std::string_view kForm = "multipart/form-data";
  if (request.method == "POST" && type != nullptr &&
      equals_ignoring_case(std::string_view(*type).substr(0, kForm.size()), kForm)) {
    return problem(ProblemType::kUnsupportedMediaType, "HTML forms are not taken apart here");
  }
  return std::nullopt;
}

std::optional<core::Problem> over_limit(std::optional<ByteCount> total, std::uint64_t end,
                                        ByteCount size_max) {
  const std::uint64_t size = std::max(end, total.value_or(ByteCount(0)).value());
  if (size <= size_max.value()) return std::nullopt;
  return core::Problem(ProblemType::kTooLarge, "the object has " + std::to_string(size) +
                                                   " bytes or more, the limit is " +
                                                   std::to_string(size_max.value()));
}

}  // namespace

Parsed carried(const wire::RequestHead& request, ByteCount size_max, core::Command command) {
  const auto range = content_range(request.headers);
  if (!range) return tl::unexpected(range.error());

  if (*range && (*range)->form == ContentRange::Form::kQuery) {
    const bool empty = request.framing == wire::BodyFraming::kNone ||
                       (request.framing == wire::BodyFraming::kContentLength &&
                        request.content_length == ByteCount(0));
    if (!empty) {
      return refuse(ProblemType::kLengthMismatch,
                    "a query (Content-Range: bytes */...) has no body; send Content-Length: 0");
    }
    const auto total = total_of(request.headers, *range);
    if (!total) return tl::unexpected(total.error());
    core::Query query;
    if (*total) query.total = ByteCount(**total);
    if (auto large = over_limit(query.total, 0, size_max)) {
      return tl::unexpected(std::move(*large));
    }
    command.verb = query;
    return command;
  }

  auto append = data_of(request, *range);
  if (!append) return tl::unexpected(append.error());
  const auto parallel = wants_parallel(request.headers);
  if (!parallel) return tl::unexpected(parallel.error());
  if (*parallel && !append->total) {
    return refuse(ProblemType::kLengthRequired,
                  "a parallel upload (X-Upload-Parallel: 1) needs its total size from the start");
  }
  append->parallel = *parallel;
  // Both summands are at most 2^63 - 1.
  const std::uint64_t end =
      append->begin.value_or(ByteOffset(0)).value() + append->length.value_or(ByteCount(0)).value();
  if (auto large = over_limit(append->total, end, size_max)) {
    return tl::unexpected(std::move(*large));
  }
  auto attributes = object_attributes(request.headers);
  if (!attributes) return tl::unexpected(std::move(attributes).error());
  command.attributes = std::move(*attributes);
  command.verb = *append;
  return command;
}

Parsed parse(const wire::RequestHead& request, const Put308Options& options) {
  const std::string_view method = request.method;
  const bool carries = method == "PUT" || method == "POST";
  if (!carries && method != "HEAD" && method != "GET" && method != "DELETE") {
    return refuse(ProblemType::kMethodNotAllowed, "allowed are " + std::string(kAllow));
  }
  if (!request.path.starts_with(options.prefix)) {
    return refuse(ProblemType::kNoSuchResource, "names stand behind " + options.prefix);
  }
  auto name = upload_name(std::string_view(request.path).substr(options.prefix.size()));
  if (!name) return tl::unexpected(std::move(name).error());

  core::Command command;
  command.name = std::move(*name);
  if (carries) {
    if (auto other = other_protocol(request)) return tl::unexpected(std::move(*other));
    return carried(request, options.size_max, std::move(command));
  }
  if (method == "HEAD") {
    command.verb = core::Query{};
  } else if (method == "GET") {
    command.verb = core::Inspect{};
  } else {
    command.verb = core::Cancel{};
  }
  return command;
}

}  // namespace sluice::protocols::put308
