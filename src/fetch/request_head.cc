#include "fetch/request_head.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "wire/http1.h"

namespace sluice::fetch {

namespace {

bool is_token_char(char c) noexcept {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kMarks.find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

// Visible characters only.
bool is_target(std::string_view text) noexcept {
  return text.starts_with('/') &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

bool is_value(std::string_view text) noexcept {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

Result<Ok> check(const Request& request) {
  if (!is_token(request.method)) return fail(Errc::kInvalidArgument, "request method");
  if (!is_target(request.target)) return fail(Errc::kInvalidArgument, "request target");
  for (const wire::Header& field : request.headers.list()) {
    if (!is_token(field.name)) return fail(Errc::kInvalidArgument, "name of a request field");
    if (!is_value(field.value)) {
      return fail(Errc::kInvalidArgument, "value of request field " + field.name);
    }
  }
  return Ok{};
}

}  // namespace

ByteCount body_size(const Request& request) {
  return request.producer ? request.producer_length : request.body.size();
}

Result<std::string> make_request_head(const Request& request) {
  SLUICE_TRY_OK(check(request));
  wire::Headers headers;
  if (request.headers.find("Host") == nullptr) headers.add("Host", host_field(request.endpoint));
  for (const wire::Header& field : request.headers.list()) headers.add(field.name, field.value);
  const ByteCount size = body_size(request);
  const bool wants_length =
      size > ByteCount(0) || request.method == "PUT" || request.method == "POST";
  if (wants_length && headers.find("Content-Length") == nullptr) {
    headers.add("Content-Length", std::to_string(size.value()));
  }
  if (request.expect_continue && size > ByteCount(0) && headers.find("Expect") == nullptr) {
    headers.add("Expect", "100-continue");
  }
  return wire::write_request_head(request.method, request.target, headers);
}

std::string host_field(const Endpoint& endpoint) {
  const bool is_v6 = endpoint.host.find(':') != std::string::npos;
  std::string field = is_v6 ? "[" + endpoint.host + "]" : endpoint.host;
  const std::uint16_t usual = endpoint.tls ? 443 : 80;
  if (endpoint.port != usual) field += ":" + std::to_string(endpoint.port);
  return field;
}

}  // namespace sluice::fetch
