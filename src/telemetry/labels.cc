#include "telemetry/labels.h"

#include <algorithm>
#include <array>

namespace sluice::telemetry {

namespace {

constexpr std::array<std::string_view, 9> kMethods{"GET",    "HEAD",    "PUT",   "POST",   "PATCH",
                                                   "DELETE", "OPTIONS", "TRACE", "CONNECT"};
constexpr std::array<std::string_view, 7> kProtocols{"put308", "tus",   "ietf", "gcs",
                                                     "form",   "admin", "none"};

template <std::size_t N>
std::string_view one_of(const std::array<std::string_view, N>& known,
                        std::string_view value) noexcept {
  const auto it = std::find(known.begin(), known.end(), value);
  return it == known.end() ? std::string_view("other") : *it;
}

}  // namespace

std::string_view method_label(std::string_view method) noexcept {
  return one_of(kMethods, method);
}

std::string_view protocol_label(std::string_view protocol) noexcept {
  return one_of(kProtocols, protocol);
}

int code_label(int code) noexcept {
  return code >= 100 && code <= 599 ? code : 0;
}

bool is_label_word(std::string_view value) noexcept {
  return !value.empty() && value.size() <= 40 &&
         std::all_of(value.begin(), value.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

}  // namespace sluice::telemetry
