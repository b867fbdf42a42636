#include "protocols/put308_dialect.h"

#include <string>

namespace sluice::protocols {

tl::expected<core::Command, core::Problem> Put308::parse(const wire::RequestHead& request,
                                                         const Context& /*context*/) const {
  return put308::parse(request, options_);
}

std::optional<Response> Put308::render(const core::Outcome& outcome,
                                       const wire::RequestHead& request,
                                       const core::Command* /*command*/,
                                       const Context& context) const {
  return put308::render(outcome, request, options_, context.request_id);
}

Response Put308::options(const wire::RequestHead& /*request*/) const {
  Response response;
  response.head.status = 204;
  response.head.headers.add("Allow", std::string(put308::kAllow) + ", OPTIONS");
  return response;
}

}  // namespace sluice::protocols
