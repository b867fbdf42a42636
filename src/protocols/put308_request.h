// For tests of put308: a request head as the HTTP codec would deliver it, in one expression.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "wire/http_message.h"

namespace sluice::protocols {

class RequestBuilder {
 public:
  RequestBuilder(std::string_view method, std::string_view target) {
    head_.method = method;
    head_.target = target;
    head_.path = target.substr(0, target.find('?'));
    if (head_.path.size() < target.size()) head_.query = target.substr(head_.path.size() + 1);
  }
  RequestBuilder& length(std::uint64_t n) {
    head_.framing = wire::BodyFraming::kContentLength;
    head_.content_length = ByteCount(n);
    return field("Content-Length", std::to_string(n));
  }
  RequestBuilder& chunked() {
    head_.framing = wire::BodyFraming::kChunked;
    return field("Transfer-Encoding", "chunked");
  }
  RequestBuilder& range(std::string_view value) { return field("Content-Range", value); }
  RequestBuilder& field(std::string_view name, std::string_view value) {
    head_.headers.add(std::string(name), std::string(value));
    return *this;
  }
  operator const wire::RequestHead&() const { return head_; }  // NOLINT: the point of the class

 private:
  wire::RequestHead head_;
};

// A PUT to a name; body: its Content-Length, nullopt: chunked.
inline RequestBuilder put(std::optional<std::uint64_t> body) {
  RequestBuilder request("PUT", "/upload/a.bin");
  if (body) {
    request.length(*body);
  } else {
    request.chunked();
  }
  return request;
}

}  // namespace sluice::protocols
