#include "config/value_checks.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace sluice::config {
namespace {

constexpr std::pair<std::string_view, http::HttpOptions::Speaks> kDialects[] = {
    {"default", http::HttpOptions::Speaks::kPut308},
    {"vimeo", http::HttpOptions::Speaks::kVimeo},
    {"tus", http::HttpOptions::Speaks::kTus},
};

auto wrong(std::string what) {
  return fail(Errc::kInvalidArgument, std::move(what));
}

}  // namespace

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!trim(text).empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view item = trim(text.substr(0, comma));
    if (!item.empty()) items.emplace_back(item);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return items;
}

std::string join(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ",") + item;
  return text;
}

Result<Ok> check_origin(const std::string& origin) {
  if (origin == "*" || origin == "null") return Ok{};
  const std::size_t scheme = origin.find("://");
  if (scheme == std::string::npos || origin.find('/', scheme + 3) != std::string::npos ||
      scheme + 3 == origin.size() || origin.find_first_of(" \t*") != std::string::npos) {
    return wrong("\"" + origin +
                 "\" is not an origin; write for example https://app.example (scheme and host, no "
                 "path), or * for all");
  }
  return Ok{};
}

Result<Ok> check_header_name(const std::string& name) {
  const bool token = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
  if (token) return Ok{};
  return wrong("\"" + name + "\" is not the name of a header");
}

Result<Ok> check_auth_url(const std::string& text) {
  std::string_view rest = text;
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else {
    return wrong("\"" + text + "\" must begin with http:// or https://");
  }
  const std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
  if (host.empty() || host.find_first_of(" \t\"<>\\^`{|}") != std::string_view::npos) {
    return wrong("\"" + text + "\" has no host");
  }
  if (host.find('@') != std::string_view::npos) {
    return wrong("credentials do not belong into auth_url");
  }
  if (rest.find_first_of(" \t#") != std::string_view::npos) {
    return wrong("\"" + text + "\" has a blank or a fragment");
  }
  return Ok{};
}

Result<std::vector<http::HttpOptions::Route>> parse_routes(const std::string& text) {
  std::vector<http::HttpOptions::Route> routes;
  for (const std::string& item : split_list(text)) {
    const std::size_t equals = item.find('=');
    http::HttpOptions::Route route;
    route.prefix = item.substr(0, equals);
    const std::string dialect = equals == std::string::npos ? "default" : item.substr(equals + 1);
    if (route.prefix.size() < 2 || !route.prefix.starts_with('/') || !route.prefix.ends_with('/')) {
      return wrong("route prefix \"" + route.prefix +
                   "\" must begin and end with / and have something between");
    }
    const auto* known = std::find_if(std::begin(kDialects), std::end(kDialects),
                                     [&](const auto& d) { return d.first == dialect; });
    if (known == std::end(kDialects)) {
      return wrong("dialect \"" + dialect + "\" is not known; choose default, vimeo or tus");
    }
    route.speaks = known->second;
    for (const auto& other : routes) {
      if (other.prefix == route.prefix) {
        return wrong("route prefix \"" + route.prefix + "\" is given twice");
      }
    }
    routes.push_back(std::move(route));
  }
  if (routes.empty()) return wrong("at least one route is needed");
  return routes;
}

std::string format_routes(const std::vector<http::HttpOptions::Route>& routes) {
  std::vector<std::string> items;
  for (const auto& route : routes) {
    for (const auto& [name, speaks] : kDialects) {
      if (speaks == route.speaks) items.push_back(route.prefix + "=" + std::string(name));
    }
  }
  return join(items);
}

}  // namespace sluice::config
