// Google's upload API: from the wire to the object. Names never climb, and what we remember of an
// object is what we were told.
#include "protocols/google.h"

#include <string>

#include "base/text.h"
#include "fuzz/input.h"
#include "protocols/upload_name.h"
#include "wire/http1.h"

using namespace sluice;        // NOLINT
using namespace sluice::fuzz;  // NOLINT

namespace google = sluice::protocols::google;

// The text is a request: its head, and a description behind it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Input input(data, size);
  const std::string_view text = input.rest();
  static_cast<void>(google::from_memo(text));
  if (const auto session = google::session_of(text)) {
    require(google::session_of(google::session_id(*session)).has_value(), "an id is read again");
    require(!protocols::upload_name(google::upload_name_of(session->fresh)),
            "no other dialect reaches a session");
  }
  const auto parsed = wire::parse_request_head(text, wire::Http1Limits());
  if (!parsed || !*parsed) return 0;
  const wire::RequestHead& head = (*parsed)->head;
  protocols::GoogleOptions options;
  options.bucket = "*";
  if (!google::speaks(head, options)) return 0;
  const auto target = google::target(head, options);
  if (!target) return 0;
  if (target->kind == protocols::GoogleTarget::Kind::kSession) {
    const auto session = google::session_of(target->session);
    if (session) static_cast<void>(google::of_session(*session, head, options));
    return 0;
  }
  const auto object =
      google::described(*target, head.headers, text.substr((*parsed)->consumed), "a/b");
  if (!object) return 0;
  const auto name = protocols::upload_name(percent_encode(object->name, true));
  require(name && *name == object->name, "the object's name is a name");
  const auto again = google::from_memo(google::memo(*object));
  require(again && google::memo(*again) == google::memo(*object), "what is remembered stays");
  static_cast<void>(google::start(*object, head, "AAECAwQFBgcICQoLDA0ODw", options));
  return 0;
}
