// A whole request in the 308 dialect: from the wire to the command. Names never climb.
#include "protocols/put308.h"

#include <variant>

#include "fuzz/input.h"
#include "protocols/upload_name.h"
#include "wire/http1.h"

using namespace sluice;        // NOLINT
using namespace sluice::fuzz;  // NOLINT

namespace {

void check_name(std::string_view name) {
  require(!name.empty() && name.size() <= 1024, "a name has a sane length");
  require(name.find('\0') == std::string_view::npos, "no NUL in a name");
  std::size_t at = 0;
  while (at <= name.size()) {
    const std::size_t end = std::min(name.find('/', at), name.size());
    const std::string_view component = name.substr(at, end - at);
    require(component != "." && component != "..", "no name climbs");
    at = end + 1;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  protocols::Put308Options options;
  options.vimeo = input.take(2) == 1;
  const std::string_view text = input.rest();
  if (const auto name = protocols::upload_name(text)) check_name(*name);
  const auto head = wire::parse_request_head(text, wire::Http1Limits());
  if (!head || !*head) return 0;
  const wire::RequestHead& request = (*head)->head;
  if (!request.path.starts_with(options.prefix)) return 0;
  const auto command = protocols::put308::parse(request, options);
  if (!command) {
    const auto answer =
        protocols::put308::render(core::Refused(command.error()), request, options, "request-1");
    require(!answer || (answer->head.status >= 400 && answer->head.status < 600),
            "a refusal is an error");
  }
  return 0;
}
