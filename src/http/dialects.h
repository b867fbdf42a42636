// Dialects: which protocol speaks under which path. One place to look when a protocol is added.
//
//   default, vimeo   the put308 dialect
//   tus              tus 1.0; its creation address may be written without the last slash (TP-14)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/units.h"
#include "http/options.h"
#include "protocols/dialect.h"
#include "wire/http_message.h"

namespace sluice::http {

class Dialects {
 public:
  // `size_max`: the largest object accepted, bytes (EngineOptions::size_max).
  Dialects(const std::vector<HttpOptions::Route>& routes, ByteCount size_max);

  // The dialect of the longest prefix that fits; nullptr: nothing is served there.
  const protocols::Dialect* of(const wire::RequestHead& request) const noexcept;

 private:
  struct Entry {
    std::string prefix;
    bool bare = false;  // also without its last slash
    std::unique_ptr<const protocols::Dialect> dialect;
  };
  std::vector<Entry> entries_;  // longest prefix first
};

}  // namespace sluice::http
