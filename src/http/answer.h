// Answer: what a handler wants the client to be told, and what the log and the metrics want to know
// about it. The connection adds Content-Length, Connection and X-Request-Id.
#pragma once

#include <string>
#include <string_view>

#include "core/problem.h"
#include "wire/http_message.h"

namespace sluice::http {

struct Answer {
  Answer() = default;  // not an aggregate (g++ 12)

  wire::ResponseHead head;
  std::string body;

  // There is nobody to answer: close the connection without a word.
  bool gone = false;
  // Close the connection behind this answer, and do not wait for the rest of the body before it:
  // the client will not send what its Content-Length says.
  bool close = false;

  // For the log and the metrics. The views are to literals.
  std::string_view protocol = "none";
  std::string upload;         // the upload's name, if the request had one
  std::string_view end = "";  // how the request ended, one of a few words
};

// The problem as application/problem+json, with Retry-After where it says so.
Answer problem_answer(const core::Problem& problem, const std::string& request_id);

// A short text for humans and scripts.
Answer text_answer(int status, std::string text);

}  // namespace sluice::http
