// Result<T>: a value or an Error. Errors are values at every border; exceptions do not cross
// layers. The code says what the caller may do next; the detail is for operators, never for
// clients, and never holds a secret.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace sluice {

enum class Errc : std::uint8_t {
  kInvalidArgument,  // the caller's input is wrong; never retry
  kUnauthorized,     // credentials refused (by the store, or by the application)
  kNotFound,         // no such upload, multipart upload, part or object
  kConflict,         // a precondition does not hold (object exists, state moved on)
  kFenced,           // a newer writer or another process took over; the caller must stop
  kTooLarge,         // a limit of ours or of the store
  kThrottled,        // did NOT happen; retry later and more slowly
  kUnavailable,      // did NOT happen; the same call may be retried
  kOutcomeUnknown,   // MAY have happened: re-read state before doing it again
  kCorrupt,          // checksum or length does not fit
  kRejected,         // the other side refused for good; retrying the same call is useless
  kTimedOut,         // the deadline passed before anything was sent or received
  kDisconnected,     // the peer closed or reset the connection
  kCancelled,        // our own shutdown, or the owner of the task gave up
};

std::string_view to_string(Errc code) noexcept;

class Error {
 public:
  Error(Errc code, std::string detail) : code_(code), detail_(std::move(detail)) {}

  Errc code() const noexcept { return code_; }
  const std::string& detail() const noexcept { return detail_; }

  // True if the operation certainly had no effect and may work when repeated.
  bool safe_to_retry() const noexcept {
    return code_ == Errc::kUnavailable || code_ == Errc::kThrottled;
  }

 private:
  Errc code_;
  std::string detail_;
};

struct Ok {};

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

inline tl::unexpected<Error> fail(Errc code, std::string detail) {
  return tl::unexpected<Error>(Error(code, std::move(detail)));
}
inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace sluice

#define SLUICE_CONCAT_INNER(a, b) a##b
#define SLUICE_CONCAT(a, b) SLUICE_CONCAT_INNER(a, b)

// SLUICE_TRY(auto x, expr); — in functions that return Result. For a Result<Ok> whose value does
// not matter: SLUICE_TRY_OK(expr).
#define SLUICE_TRY_IMPL(tmp, decl, expr, ret)            \
  auto tmp = (expr);                                     \
  if (!tmp) ret ::sluice::fail(std::move(tmp).error()); \
  decl = std::move(*tmp)
#define SLUICE_TRY_OK_IMPL(tmp, expr, ret) \
  auto tmp = (expr);                       \
  if (!tmp) ret ::sluice::fail(std::move(tmp).error())

#define SLUICE_TRY(decl, expr) \
  SLUICE_TRY_IMPL(SLUICE_CONCAT(sluice_try_, __COUNTER__), decl, expr, return)
#define SLUICE_TRY_OK(expr) \
  SLUICE_TRY_OK_IMPL(SLUICE_CONCAT(sluice_try_, __COUNTER__), expr, return)
#define SLUICE_CO_TRY(decl, expr) \
  SLUICE_TRY_IMPL(SLUICE_CONCAT(sluice_try_, __COUNTER__), decl, expr, co_return)
#define SLUICE_CO_TRY_OK(expr) \
  SLUICE_TRY_OK_IMPL(SLUICE_CONCAT(sluice_try_, __COUNTER__), expr, co_return)
