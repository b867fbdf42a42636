// Dialects: which protocol speaks under which path. One place to look when a protocol is added.
//
//   default, vimeo   the put308 dialect; IETF creations of a named object by header, if there is a
//                    route for their uploads
//   tus              tus 1.0 and the IETF protocol, by header; the creation address may be written
//                    without the last slash (TP-14)
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "http/options.h"
#include "protocols/dialect.h"
#include "protocols/ietf.h"
#include "wire/http_message.h"

namespace sluice::http {

class Dialects {
 public:
  // `size_max`: the largest object accepted, bytes (EngineOptions::size_max).
  Dialects(const std::vector<HttpOptions::Route>& routes, ByteCount size_max);

  // The dialect of the longest prefix that fits; nullptr: nothing is served there.
  const protocols::Dialect* of(const wire::RequestHead& request) const;

  // The answer to OPTIONS of all that is spoken there, in one (IETF P-18). "*" is answered if
  // uploads have the same limits everywhere, which they have. nullopt: nothing is served.
  std::optional<protocols::Response> options(const wire::RequestHead& request) const;

 private:
  struct Entry {
    std::string prefix;
    bool bare = false;  // also without its last slash
    std::unique_ptr<const protocols::Ietf> ietf;  // may be missing
    std::unique_ptr<const protocols::Dialect> dialect;
  };
  const Entry* entry_of(std::string_view path) const noexcept;

  std::vector<Entry> entries_;  // longest prefix first
};

}  // namespace sluice::http
