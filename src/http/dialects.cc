#include "http/dialects.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/text.h"
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

// Both lists of methods, each once.
std::string united(std::string list, std::string_view more) {
  while (!more.empty()) {
    const std::string_view one = more.substr(0, more.find(','));
    more.remove_prefix(std::min(more.size(), one.size() + 1));
    const std::string method(trim(one));
    const std::string fenced = ", " + list + ",";
    if (fenced.find(", " + method + ",") == std::string::npos) list += ", " + method;
  }
  return list;
}

}  // namespace

Dialects::Dialects(const std::vector<HttpOptions::Route>& routes, ByteCount size_max) {
  const auto speaks_tus = [](const HttpOptions::Route& route) {
    return route.speaks == HttpOptions::Speaks::kTus;
  };
  const auto files = std::find_if(routes.begin(), routes.end(), speaks_tus);
  for (const HttpOptions::Route& route : routes) {
    Entry entry;
    entry.prefix = route.prefix;
    entry.bare = speaks_tus(route);
    entry.dialect = make(route, size_max);
    if (files != routes.end()) {
      protocols::IetfOptions options;
      options.prefix = route.prefix;
      options.names = !speaks_tus(route);
      options.uploads = options.names ? files->prefix : route.prefix;
      options.size_max = size_max;
      entry.ietf = std::make_unique<protocols::Ietf>(std::move(options));
    }
    entries_.push_back(std::move(entry));
  }
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return a.prefix.size() > b.prefix.size();
  });
}

const Dialects::Entry* Dialects::entry_of(std::string_view path) const noexcept {
  for (const Entry& entry : entries_) {
    const std::string_view prefix = entry.prefix;
    const bool fits = path.starts_with(prefix) ||
                      (entry.bare && path == prefix.substr(0, prefix.size() - 1));
    if (fits) return &entry;
  }
  return nullptr;
}

const protocols::Dialect* Dialects::of(const wire::RequestHead& request) const {
  const Entry* entry = entry_of(request.path);
  if (entry == nullptr) return nullptr;
  if (entry->ietf && entry->ietf->speaks(request)) return entry->ietf.get();
  return entry->dialect.get();
}

std::optional<protocols::Response> Dialects::options(const wire::RequestHead& request) const {
  const bool everywhere = request.target == "*" && !entries_.empty();
  const Entry* entry = everywhere ? &entries_.front() : entry_of(request.path);
  if (entry == nullptr) return std::nullopt;
  protocols::Response response = entry->dialect->options(request);
  if (!entry->ietf) return response;
  const protocols::Response other = entry->ietf->options(request);
  for (const wire::Header& header : other.head.headers.list()) {
    const std::string* known = response.head.headers.find(header.name);
    if (known == nullptr) {
      response.head.headers.add(header.name, header.value);
    } else if (equals_ignoring_case(header.name, "Allow")) {
      response.head.headers.set("Allow", united(*known, header.value));
    }
  }
  return response;
}

}  // namespace sluice::http
