// put308: the "308 Resume Incomplete" dialect in its name form, PUT /upload/NAME. Request head in,
// command or problem out; outcome in, response out. Two total functions: pure, any thread, any
// bytes.
//
//   PUT, POST   the same: data, or a query if Content-Range is "bytes */..." and the body is empty
//   HEAD        the query "bytes */*", answered without a body
//   GET         the upload's state as JSON
//   DELETE      cancel
//
// User metadata: fields X-Upload-Metadata-NAME, X-Amz-Meta-NAME or X-Goog-Meta-NAME, all with the
// same meaning; NAME in lower case, printable ASCII values, 2 KiB in all.
//
// Source: google-308 digest sections 3-5; rulings 1, 2 and 12 of the design. The whole dialect for
// users: docs/protocols/put308.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "base/units.h"
#include "core/command.h"
#include "core/problem.h"
#include "protocols/response.h"
#include "wire/http_message.h"

namespace sluice::protocols {

struct Put308Options {
  std::string prefix = "/upload/";  // begins and ends with '/'; names stand behind it
  // Counting style (R-46): Range says how many bytes, not which is the last; a query for "bytes
  // */*" is answered 308 even when the upload is complete.
  bool vimeo = false;
  // Largest object accepted, bytes; a larger announced one is refused before its body.
  ByteCount size_max{5ULL << 40};
};

namespace put308 {

using Parsed = tl::expected<core::Command, core::Problem>;

// Decides by the head alone; the body has not been read. A problem is answered by
// render(core::Refused{problem}, ...).
Parsed parse(const wire::RequestHead& request, const Put308Options& options);

// What a PUT or POST means for an upload that is named already: data or a query. For dialects that
// name uploads elsewhere than in the path. `command`: with its name; gets verb and attributes.
Parsed carried(const wire::RequestHead& request, ByteCount size_max, core::Command command);

// `request`: the one the outcome belongs to. `request_id`: the problem's instance.
// nullopt for ClientGone: there is nobody to answer.
// Content-Length is set, except where HEAD or 204 leave it out.
std::optional<Response> render(const core::Outcome& outcome, const wire::RequestHead& request,
                               const Put308Options& options, std::string_view request_id);

// The methods of the Allow field, for 405 and for OPTIONS.
inline constexpr std::string_view kAllow = "GET, HEAD, PUT, POST, DELETE";

}  // namespace put308
}  // namespace sluice::protocols
