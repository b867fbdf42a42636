#include "protocols/google_target.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "protocols/upload_name.h"

namespace sluice::protocols::google {

namespace {

using core::ProblemType;

constexpr std::string_view kPlain = "/upload";
constexpr std::string_view kBefore = "/upload/storage/v1/b/";
constexpr std::string_view kBehind = "/o";
constexpr std::size_t kSessionBytesMax = 2048;

tl::unexpected<core::Problem> refuse(ProblemType type, std::string why) {
  return tl::unexpected<core::Problem>(core::Problem(type, std::move(why)));
}

// The bucket of Google's address; nullopt: another address.
std::optional<std::string_view> bucket_of(std::string_view path) noexcept {
  if (!path.starts_with(kBefore) || !path.ends_with(kBehind)) return std::nullopt;
  path.remove_prefix(kBefore.size());
  if (path.size() <= kBehind.size()) return std::nullopt;
  path.remove_suffix(kBehind.size());
  if (path.find('/') != std::string_view::npos) return std::nullopt;
  return path;
}

struct Query {
  std::optional<std::string> upload_type;
  std::optional<std::string> upload_id;
  std::optional<std::string> name;
  bool precondition = false;
  bool malformed = false;
};

Query read_query(std::string_view query) {
  Query out;
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), one.size() + 1));
    const std::size_t equals = std::min(one.find('='), one.size());
    const std::string_view key = one.substr(0, equals);
    std::optional<std::string>* to = nullptr;
    if (key == "uploadType") to = &out.upload_type;
    if (key == "upload_id") to = &out.upload_id;
    if (key == "name") to = &out.name;
    if (key.starts_with("if") && key.find("Match") != std::string_view::npos) {
      out.precondition = true;
    }
    if (to == nullptr) continue;
    std::string value(one.substr(std::min(equals + 1, one.size())));
    std::replace(value.begin(), value.end(), '+', ' ');  // as in forms; a plus is %2B
    auto decoded = percent_decode(value);
    if (!decoded || *to) out.malformed = true;
    *to = std::move(decoded).value_or("");
  }
  return out;
}

bool is_session(std::string_view id) noexcept {
  return !id.empty() && id.size() <= kSessionBytesMax &&
         std::all_of(id.begin(), id.end(), [](char c) {
           const char l = lower(c);
           return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == '.';
         });
}

}  // namespace

bool speaks(const wire::RequestHead& request, const GoogleOptions& options) {
  if (bucket_of(request.path)) return !options.bucket.empty();
  if (request.path != kPlain && request.path != std::string(kPlain) + "/") return false;
  const Query query = read_query(request.query);
  return query.upload_type.has_value() || query.upload_id.has_value();
}

tl::expected<GoogleTarget, core::Problem> target(const wire::RequestHead& request,
                                                 const GoogleOptions& options) {
  GoogleTarget out;
  out.collection = request.path;
  if (const auto bucket = bucket_of(request.path)) {
    auto decoded = percent_decode(*bucket);
    if (!decoded) return refuse(ProblemType::kMalformedRequest, "the bucket's name is malformed");
    if (options.bucket != "*" && *decoded != options.bucket) {
      return refuse(ProblemType::kNoSuchResource, "there is no such bucket");
    }
    out.bucket = std::move(*decoded);
  }
  if (request.headers.find("X-Goog-Upload-Protocol") != nullptr ||
      request.headers.find("X-Goog-Upload-Command") != nullptr) {
    return refuse(ProblemType::kNotImplemented, "the X-Goog-Upload protocol is not spoken");
  }
  Query query = read_query(request.query);
  if (query.malformed) {
    return refuse(ProblemType::kMalformedRequest, "the query's parameters are malformed");
  }
  if (query.precondition) {
    return refuse(ProblemType::kNotImplemented, "preconditions are not supported");
  }
  const std::string type = query.upload_type.value_or("resumable");
  const bool carries = request.method == "POST" || request.method == "PUT";
  if (query.upload_id) {
    if (!carries && request.method != "DELETE") {
      return refuse(ProblemType::kMethodNotAllowed, "allowed are " + std::string(kAllow));
    }
    if (type != "resumable") {
      return refuse(ProblemType::kMalformedRequest, "upload_id goes with uploadType=resumable");
    }
    if (!is_session(*query.upload_id)) {
      return refuse(ProblemType::kUploadNotFound, "there is no such session");
    }
    out.kind = GoogleTarget::Kind::kSession;
    out.session = std::move(*query.upload_id);
    return out;
  }
  if (!carries || (type != "resumable" && request.method != "POST")) {
    return refuse(ProblemType::kMethodNotAllowed, "allowed are " + std::string(kAllow));
  }
  if (type == "media") {
    out.kind = GoogleTarget::Kind::kMedia;
  } else if (type == "multipart") {
    out.kind = GoogleTarget::Kind::kMultipart;
  } else if (type != "resumable") {
    return refuse(ProblemType::kMalformedRequest, "uploadType is resumable, media or multipart");
  }
  if (query.name && !query.name->empty()) {
    auto name = upload_name(percent_encode(*query.name, true));
    if (!name) return tl::unexpected(std::move(name).error());
    out.name = std::move(*name);
  }
  return out;
}

}  // namespace sluice::protocols::google
