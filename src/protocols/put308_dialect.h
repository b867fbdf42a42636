// The put308 dialect behind the seam of dialects; put308.h has its two functions.
#pragma once

#include <utility>

#include "protocols/dialect.h"
#include "protocols/put308.h"

namespace sluice::protocols {

class Put308 final : public Dialect {
 public:
  explicit Put308(Put308Options options) : options_(std::move(options)) {}

  std::string_view protocol() const noexcept override { return "put308"; }
  tl::expected<core::Command, core::Problem> parse(const wire::RequestHead& request,
                                                   const Context& context) const override;
  std::optional<Response> render(const core::Outcome& outcome, const wire::RequestHead& request,
                                 const core::Command* command,
                                 const Context& context) const override;
  Response options(const wire::RequestHead& request) const override;

 private:
  const Put308Options options_;
};

}  // namespace sluice::protocols
