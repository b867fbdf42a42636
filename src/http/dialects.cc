#include "http/dialects.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "protocols/put308_dialect.h"
#include "protocols/tus.h"

namespace sluice::http {

namespace {

std::unique_ptr<const protocols::Dialect> make(const HttpOptions::Route& route,
                                               ByteCount size_max) {
  if (route.speaks == HttpOptions::Speaks::kTus) {
    protocols::TusOptions options;
    options.prefix = route.prefix;
    options.size_max = size_max;
    return std::make_unique<protocols::Tus>(std::move(options));
  }
  protocols::Put308Options options;
  options.prefix = route.prefix;
  options.vimeo = route.speaks == HttpOptions::Speaks::kVimeo;
  options.size_max = size_max;
  return std::make_unique<protocols::Put308>(std::move(options));
}

}  // namespace

Dialects::Dialects(const std::vector<HttpOptions::Route>& routes, ByteCount size_max) {
  for (const HttpOptions::Route& route : routes) {
    Entry entry;
    entry.prefix = route.prefix;
    entry.bare = route.speaks == HttpOptions::Speaks::kTus;
    entry.dialect = make(route, size_max);
    entries_.push_back(std::move(entry));
  }
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return a.prefix.size() > b.prefix.size();
  });
}

const protocols::Dialect* Dialects::of(const wire::RequestHead& request) const noexcept {
  const std::string_view path = request.path;
  for (const Entry& entry : entries_) {
    const std::string_view prefix = entry.prefix;
    const bool fits = path.starts_with(prefix) ||
                      (entry.bare && path == prefix.substr(0, prefix.size() - 1));
    if (fits) return entry.dialect.get();
  }
  return nullptr;
}

}  // namespace sluice::http
