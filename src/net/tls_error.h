// What OpenSSL complained about, for operators.
#pragma once

#include <string>

namespace sluice::net {

// Empties this thread's OpenSSL error queue; the text of its last entry.
std::string take_tls_error();

}  // namespace sluice::net
