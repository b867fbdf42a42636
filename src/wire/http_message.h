// HTTP messages as values: what codecs produce and consume, and what dialects translate. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/units.h"

namespace sluice::wire {

struct Header {
  std::string name;   // as received or to be sent; compared without case
  std::string value;  // trimmed
};

class Headers {
 public:
  Headers() = default;
  explicit Headers(std::vector<Header> list) : list_(std::move(list)) {}

  void add(std::string name, std::string value) {
    list_.push_back(Header{std::move(name), std::move(value)});
  }
  // Replaces every field of that name.
  void set(std::string name, std::string value);
  void remove(std::string_view name);
  // The first field of that name; nullptr if there is none.
  const std::string* find(std::string_view name) const noexcept;
  std::size_t count(std::string_view name) const noexcept;
  const std::vector<Header>& list() const noexcept { return list_; }

 private:
  std::vector<Header> list_;
};

// How the length of a message's body is known. RFC 9112 section 6.
enum class BodyFraming : std::uint8_t {
  kNone,           // no body
  kContentLength,  // exactly content_length bytes
  kChunked,        // chunked transfer coding
  kUntilClose,     // responses only
};

struct RequestHead {
  std::string method;  // case-sensitive token
  std::string target;  // as received: origin-form
  std::string path;    // target up to '?', still percent-encoded
  std::string query;   // behind '?', still percent-encoded; may be empty
  int minor_version = 1;  // HTTP/1.x
  Headers headers;
  BodyFraming framing = BodyFraming::kNone;
  ByteCount content_length;
  bool expects_continue = false;
  bool keep_alive = true;
};

struct ResponseHead {
  int status = 200;
  std::string reason;  // empty: the codec fills in the standard one
  Headers headers;
};

}  // namespace sluice::wire
