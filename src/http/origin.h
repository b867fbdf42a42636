// The gateway's own address as the client wrote it, for absolute addresses in answers (TP-01).
#pragma once

#include <string>

#include "http/request.h"

namespace sluice::http {

// "https://host:port" from the Host field and the connection's encryption; empty if there is no
// usable Host. `forwarded`: a proxy in front of us is believed, X-Forwarded-Proto and
// X-Forwarded-Host go first. Nothing but a scheme and a host gets into the answer.
std::string origin_of(const Request& request, bool forwarded);

}  // namespace sluice::http
