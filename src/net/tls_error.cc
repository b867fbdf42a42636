#include "net/tls_error.h"

#include <array>
#include <cstring>

#include <openssl/err.h>

namespace sluice::net {

std::string take_tls_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "unknown TLS error";
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  if (reason != nullptr) return reason;
  std::array<char, 128> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

}  // namespace sluice::net
