// A whole request of the IETF protocol: from the wire to the command, and to an answer that holds
// what every answer of the protocol must hold.
#include "protocols/ietf.h"

#include <variant>

#include "fuzz/input.h"
#include "wire/http1.h"
#include "wire/structured_fields.h"

using namespace sluice;        // NOLINT
using namespace sluice::fuzz;  // NOLINT

namespace {

void check_answer(const wire::ResponseHead& head) {
  require(head.status >= 200 && head.status < 600, "an answer has a final status");
  if (const std::string* limit = head.headers.find("Upload-Limit")) {
    const auto limits = wire::sf::parse_dictionary(*limit);
    require(limits && !limits->empty(), "Upload-Limit is a dictionary with members");
  }
  for (const char* name : {"Upload-Complete", "Upload-Incomplete"}) {
    if (head.headers.find(name) == nullptr) continue;
    require(wire::sf::boolean_field(head.headers, name).has_value(), "one Boolean");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  protocols::IetfOptions options;
  options.names = input.take(2) == 1;
  if (options.names) options.prefix = "/upload/";
  const auto head = wire::parse_request_head(input.rest(), wire::Http1Limits());
  if (!head || !*head) return 0;
  const wire::RequestHead& request = (*head)->head;
  if (!request.path.starts_with(options.prefix)) return 0;
  const protocols::Ietf ietf(options);
  protocols::Context context;
  context.request_id = "request-1";
  context.fresh_name = "fresh";
  const bool speaks = ietf.speaks(request);
  const auto command = ietf.parse(request, context);
  if (!command) {
    const auto answer = ietf.render(core::Refused(command.error()), request, nullptr, context);
    require(answer && answer->head.status >= 400, "a refusal is an error");
    check_answer(answer->head);
    return 0;
  }
  if (const auto* append = std::get_if<core::Append>(&command->verb)) {
    require(append->begin && append->exact, "appends are exact");
    require(!append->total || !append->length ||
                *append->begin + *append->length <= end_of(*append->total),
            "inside the total");
  }
  core::Incomplete stored;
  stored.offset = ByteOffset(5);
  core::Complete done;
  done.result.size = ByteCount(5);
  for (const core::Outcome& outcome : {core::Outcome(stored), core::Outcome(done)}) {
    const auto answer = ietf.render(outcome, request, &*command, context);
    require(answer.has_value(), "whoever is there is answered");
    check_answer(answer->head);
  }
  if (const auto announced = ietf.announcement(request, *command, context)) {
    require(announced->status == 104 && announced->headers.find("Location") != nullptr,
            "an announcement has the address");
    require(speaks || options.names, "only to who asked");
  }
  return 0;
}
