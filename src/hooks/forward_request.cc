#include "hooks/forward_request.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"

namespace sluice::hooks {

namespace {

// Ours to say, or about the connection and the body instead of the request.
constexpr std::array<std::string_view, 16> kNeverForwarded{"host",
                                                           "connection",
                                                           "keep-alive",
                                                           "proxy-connection",
                                                           "te",
                                                           "trailer",
                                                           "upgrade",
                                                           "transfer-encoding",
                                                           "content-length",
                                                           "expect",
                                                           "x-original-uri",
                                                           "x-request-id",
                                                           "forwarded",
                                                           "range",
                                                           "if-range",
                                                           "content-range"};

bool may_forward(std::string_view name) {
  const std::string lowered = lower(std::string(name));
  return std::find(kNeverForwarded.begin(), kNeverForwarded.end(), lowered) ==
             kNeverForwarded.end() &&
         lowered.rfind("x-forwarded-", 0) != 0 && lowered.rfind("x-upload-", 0) != 0;
}

bool listed(const std::vector<std::string>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& n) { return equals_ignoring_case(n, name); });
}

bool fits_in_a_field(std::string_view value) {
  return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

}  // namespace

Result<wire::Headers> forward_headers(const AuthRequest& request, const AuthUrl& url,
                                      const std::vector<std::string>& forward) {
  wire::Headers headers;
  headers.add("Host", url.authority);
  headers.add("Accept", "*/*");
  for (const wire::Header& header : request.headers.list()) {
    if (listed(forward, header.name) && may_forward(header.name)) {
      headers.add(header.name, header.value);
    }
  }
  headers.add("X-Forwarded-For", request.client);
  headers.add("X-Forwarded-Proto", request.scheme);
  headers.add("X-Forwarded-Host", request.host);
  headers.add("X-Forwarded-Method", request.method);
  headers.add("X-Forwarded-Uri", request.target);
  headers.add("X-Original-URI", request.target);
  headers.add("X-Upload-Name", percent_encode(request.name, true));
  if (request.length) headers.add("X-Upload-Length", std::to_string(request.length->value()));
  if (!request.content_type.empty()) headers.add("X-Upload-Content-Type", request.content_type);
  headers.add("X-Request-Id", request.request_id);
  for (const wire::Header& header : headers.list()) {
    if (!fits_in_a_field(header.value)) {
      return fail(Errc::kInvalidArgument, header.name + " has a line break or NUL in it");
    }
  }
  return headers;
}

}  // namespace sluice::hooks
