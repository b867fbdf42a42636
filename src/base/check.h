// SLUICE_CHECK: an assertion that stays on in production. For our own bugs only; input from
// outside (clients, stores, databases, files) is answered with an Error, never with a check.
#pragma once

namespace sluice {
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;
}  // namespace sluice

#define SLUICE_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::sluice::check_failed(#condition, __FILE__, __LINE__))
