// CORS for uploads from browsers (R-65; ecosystem digest 3.3 no. 7). Off until origins are named.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/http_message.h"

namespace sluice::http {

class Cors {
 public:
  // `origins`: exact origins such as "https://app.example", or "*" for all. Empty: CORS is off.
  explicit Cors(std::vector<std::string> origins);

  bool enabled() const noexcept { return !origins_.empty(); }

  // The answer's fields to a preflight; nullopt if the request is none, or its origin is not
  // allowed. `methods`: what the resource allows.
  std::optional<wire::Headers> preflight(const wire::RequestHead& request,
                                         std::string_view methods) const;

  // Adds to an answer what lets the page of an allowed origin read it.
  void expose(const wire::RequestHead& request, wire::Headers* answer) const;

 private:
  // The value of Access-Control-Allow-Origin; nullptr if the origin is not allowed.
  const std::string* allowed(const wire::RequestHead& request) const;

  std::vector<std::string> origins_;
  bool any_ = false;
};

}  // namespace sluice::http
