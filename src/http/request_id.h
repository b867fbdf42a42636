// Ids of requests: the client's X-Request-Id where it can be trusted to be harmless, else our own.
#pragma once

#include <string>

#include "ports/random.h"
#include "wire/http_message.h"

namespace sluice::http {

// The one X-Request-Id of the client if it is 1 to 64 of [A-Za-z0-9._-]; else 128 random bits in
// hex.
std::string request_id(const wire::Headers& headers, Random* random);
std::string new_request_id(Random* random);

}  // namespace sluice::http
