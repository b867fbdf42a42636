// Dialect: a protocol as the front sees it. Two total functions around the engine: request head to
// command, outcome to response. Pure: no I/O, any thread, any bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "base/time.h"
#include "base/units.h"
#include "core/command.h"
#include "core/problem.h"
#include "protocols/response.h"
#include "wire/http_message.h"

namespace sluice::protocols {

// What a dialect may know besides the head.
struct Context {
  std::string_view request_id;  // the instance of a problem document
  // A name nobody can guess, for a request that creates an upload without naming it.
  std::string_view fresh_name;
  // "https://host" as the client wrote it; empty if unknown. For absolute addresses in answers.
  std::string_view origin;
  std::optional<WallTime> now{};  // for lifetimes in answers
};

class Dialect {
 public:
  virtual ~Dialect() = default;

  virtual std::string_view protocol() const noexcept = 0;  // "tus", for logs and metrics

  // Decides by the head alone; nothing of the body has been read. A problem is answered by
  // render(core::Refused{problem}, ...).
  virtual tl::expected<core::Command, core::Problem> parse(const wire::RequestHead& request,
                                                           const Context& context) const = 0;

  // `command`: what parse() made of the request; nullptr if it refused it. nullopt for ClientGone:
  // there is nobody to answer.
  virtual std::optional<Response> render(const core::Outcome& outcome,
                                         const wire::RequestHead& request,
                                         const core::Command* command,
                                         const Context& context) const = 0;

  // What else is to be done after the outcome, before it is rendered; nullopt: nothing.
  virtual std::optional<core::Command> follow_up(const core::Outcome& /*outcome*/,
                                                 const wire::RequestHead& /*request*/,
                                                 const core::Command& /*command*/) const {
    return std::nullopt;
  }

  // Interim answers (104), hints that nothing depends on (ruling 11); nullopt: this request gets none.
  // `announcement`: the upload exists, and its content is about to be read. `progress`: so much is
  // durable.
  virtual std::optional<wire::ResponseHead> announcement(const wire::RequestHead& /*request*/,
                                                         const core::Command& /*command*/,
                                                         const Context& /*context*/) const {
    return std::nullopt;
  }
  virtual std::optional<wire::ResponseHead> progress(const wire::RequestHead& /*request*/,
                                                     ByteOffset /*durable*/) const {
    return std::nullopt;
  }

  // Adds what every answer of the protocol carries, also one that the front makes by itself (the
  // application's refusal).
  virtual void mark(const wire::RequestHead& /*request*/, wire::Headers* /*answer*/) const {}

  // The answer to OPTIONS that is no CORS preflight. Its Allow names the methods.
  virtual Response options(const wire::RequestHead& request) const = 0;
};

}  // namespace sluice::protocols
