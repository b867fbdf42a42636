#include "http/request_id.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/text.h"

namespace sluice::http {

namespace {

bool is_harmless(const std::string& id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

}  // namespace

std::string request_id(const wire::Headers& headers, Random* random) {
  if (headers.count("X-Request-Id") == 1) {
    const std::string& given = *headers.find("X-Request-Id");
    if (is_harmless(given)) return given;
  }
  return new_request_id(random);
}

std::string new_request_id(Random* random) {
  std::array<std::byte, 16> bytes{};
  random->fill(bytes);
  return hex(bytes);
}

}  // namespace sluice::http
