// tus: the resumable upload protocol tus 1.0 under one prefix. Request head in, command or problem
// out; outcome in, response out.
//
//   POST prefix         create, perhaps with the first bytes (creation-with-upload)
//   HEAD prefix + ID    the offset
//   PATCH prefix + ID   append at the offset
//   DELETE prefix + ID  terminate; of a finished upload the record goes, the object stays
//
// X-HTTP-Method-Override stands for the method. Announced: creation, creation-with-upload,
// creation-defer-length, expiration, termination.
//
// Source: tus-1.0 digest, rows T-nn and TP-nn; rulings 3 and 4 of the design. For users:
// docs/protocols/tus.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/units.h"
#include "protocols/dialect.h"

namespace sluice::protocols {

struct TusOptions {
  std::string prefix = "/files/";  // begins and ends with '/'; the creation address
  // Largest object accepted, bytes; announced as Tus-Max-Size (T-08, T-40).
  ByteCount size_max{5ULL << 40};
};

class Tus final : public Dialect {
 public:
  explicit Tus(TusOptions options) : options_(std::move(options)) {}

  std::string_view protocol() const noexcept override { return "tus"; }
  tl::expected<core::Command, core::Problem> parse(const wire::RequestHead& request,
                                                   const Context& context) const override;
  std::optional<Response> render(const core::Outcome& outcome, const wire::RequestHead& request,
                                 const core::Command* command,
                                 const Context& context) const override;
  void mark(const wire::RequestHead& request, wire::Headers* answer) const override;  // Tus-Resumable (T-01)
  Response options(const wire::RequestHead& request) const override;

 private:
  const TusOptions options_;
};

}  // namespace sluice::protocols
