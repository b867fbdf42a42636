#include "http/single_request.h"

#include <array>
#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

#include "base/text.h"

namespace sluice::http {

std::string fresh_name(Random* random) {
  std::array<std::byte, 16> raw{};
  random->fill(raw);
  return base64url(raw);
}

Task<core::Outcome> run_whole(Uploads* uploads, core::Command command, core::Grant grant,
                              engine::BodySource* body) {
  core::Command cancel;
  cancel.name = command.name;
  cancel.verb = core::Cancel{};
  core::Grant same = grant;
  core::Outcome outcome = co_await uploads->execute(std::move(command), std::move(grant), body);
  if (std::holds_alternative<core::Complete>(outcome)) co_return outcome;
  // What is being completed right now goes on; the client is not told of it.
  const core::Outcome cancelled =
      co_await uploads->execute(std::move(cancel), std::move(same), nullptr);
  static_cast<void>(cancelled);
  if (std::holds_alternative<core::Refused>(outcome) ||
      std::holds_alternative<core::ClientGone>(outcome)) {
    co_return outcome;
  }
  core::Problem problem(core::ProblemType::kLengthMismatch, "the body ended too early");
  co_return core::Refused{std::move(problem), std::nullopt};
}

core::Outcome outcome_of(const Error& error) {
  using core::ProblemType;
  if (error.code() == Errc::kDisconnected) return core::ClientGone{};
  ProblemType type = ProblemType::kMalformedRequest;
  if (error.code() == Errc::kTimedOut) type = ProblemType::kRequestTimeout;
  if (error.code() == Errc::kTooLarge) type = ProblemType::kTooLarge;
  if (error.code() == Errc::kRejected) type = ProblemType::kUnsupportedMediaType;
  if (error.code() == Errc::kCancelled) type = ProblemType::kDraining;
  return core::Refused{core::Problem(type, error.detail()), std::nullopt};
}

}  // namespace sluice::http
