// What a dialect answers: a complete response as a value. Pure.
#pragma once

#include <string>

#include "wire/http_message.h"

namespace sluice::protocols {

struct Response {
  wire::ResponseHead head;
  std::string body;  // empty for HEAD, 204 and 308
  // The request's own length cannot be believed: do not wait for the rest of its body, close
  // the connection behind this answer. Otherwise the connection's owner decides; the fields
  // Connection, Date, Server and those of CORS are its to add.
  bool close = false;
};

}  // namespace sluice::protocols
