#include "config/store_url.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "base/text.h"
#include "config/nearest.h"

namespace sluice::config {
namespace {

auto wrong(std::string what) {
  return fail(Errc::kInvalidArgument, std::move(what));
}

constexpr std::string_view kStoreForms =
    "write s3://BUCKET/PREFIX?region=REGION or file:///DIRECTORY";
constexpr std::string_view kStateForms = "write sqlite:///FILE";

// The path of file:///DIR, file:DIR and the like, absolute.
Result<std::string> path_of(std::string_view rest, std::string_view scheme,
                            const std::string& working_directory) {
  if (rest.starts_with("//") && !rest.starts_with("///")) {
    return wrong("a host is not possible here; write " + std::string(scheme) +
                 ":///PATH (three slashes) for an absolute path or " + std::string(scheme) +
                 ":PATH for one relative to the working directory");
  }
  if (rest.starts_with("///")) rest.remove_prefix(2);
  if (rest.find('?') != std::string_view::npos || rest.find('#') != std::string_view::npos) {
    return wrong("parameters are not possible here; write ? as %3F and # as %23");
  }
  const auto path = percent_decode(rest);
  if (!path || path->find('\0') != std::string::npos) return wrong("malformed % in the path");
  if (path->empty() || *path == "/") return wrong("the path is missing");
  if (path->front() == '/') return *path;
  return working_directory + "/" + *path;
}

Result<Ok> set_endpoint(std::string_view text, stores::S3Options& s3) {
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
    s3.endpoint_tls = true;
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
    s3.endpoint_tls = false;
  } else {
    return wrong("endpoint must begin with https:// or http://");
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('@') != std::string_view::npos) {
    return wrong("credentials do not belong into a URL; use s3.access_key and s3.secret_key");
  }
  if (rest.find_first_of("/?#") != std::string_view::npos) {
    return wrong("endpoint is a host and a port, without a path");
  }
  std::string_view host = rest;
  // A colon inside brackets belongs to an IPv6 address.
  const std::size_t bracket = rest.rfind(']');
  const std::size_t colon = rest.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  s3.endpoint_port = 0;
  if (has_port) {
    const auto port = parse_decimal(rest.substr(colon + 1));
    if (!port || *port == 0 || *port > std::numeric_limits<std::uint16_t>::max()) {
      return wrong("endpoint has a malformed port");
    }
    s3.endpoint_port = static_cast<std::uint16_t>(*port);
    host = rest.substr(0, colon);
  }
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  const std::string_view bare = brackets ? host.substr(1, host.size() - 2) : host;
  const std::string_view legal =
      brackets ? "0123456789abcdefABCDEF:."
               : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
  if (bare.empty() || bare.find_first_not_of(legal) != std::string_view::npos) {
    return wrong("endpoint has a malformed host");
  }
  s3.endpoint_host = std::string(bare);
  return Ok{};
}

Result<Ok> set_parameter(const std::string& name, const std::string& value, stores::S3Options& s3) {
  if (name == "region") {
    if (value.empty() || value.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
                                                 "WXYZ0123456789-_") != std::string::npos) {
      return wrong("region is malformed");
    }
    s3.region = value;
    return Ok{};
  }
  if (name == "endpoint") return set_endpoint(value, s3);
  if (name == "path_style") {
    if (value != "true" && value != "false") return wrong("path_style must be true or false");
    s3.path_style = value == "true";
    return Ok{};
  }
  const std::vector<std::string> presets(std::begin(kPresets), std::end(kPresets));
  if (name == "preset") {
    if (std::find(presets.begin(), presets.end(), value) == presets.end()) {
      std::string known;
      for (const std::string& preset : presets) known += (known.empty() ? "" : ", ") + preset;
      return wrong("preset \"" + value + "\" is not known; choose one of " + known);
    }
    s3.preset = value;
    return Ok{};
  }
  const std::string meant = nearest(name, {"region", "endpoint", "path_style", "preset"});
  return wrong("parameter \"" + name + "\" is not known" +
               (meant.empty() ? "; known are region, endpoint, path_style, preset"
                              : "; did you mean " + meant + "?"));
}

Result<Ok> set_bucket(std::string_view bucket, stores::S3Options& s3) {
  if (bucket.find('@') != std::string_view::npos) {
    return wrong("credentials do not belong into a URL; use s3.access_key and s3.secret_key");
  }
  const std::string_view legal =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
  if (bucket.size() < 3 || bucket.size() > 63 ||
      bucket.find_first_not_of(legal) != std::string_view::npos) {
    return wrong("bucket \"" + std::string(bucket) +
                 "\" is not a bucket name (3 to 63 of a-z 0-9 . -)");
  }
  s3.bucket = std::string(bucket);
  return Ok{};
}

Result<Ok> set_prefix(std::string_view encoded, stores::S3Options& s3) {
  auto prefix = percent_decode(encoded);
  if (!prefix) return wrong("malformed % in the prefix");
  if (!prefix->empty() && !prefix->ends_with('/')) *prefix += '/';
  if (prefix->starts_with('/') || prefix->find("//") != std::string::npos ||
      ("/" + *prefix).find("/../") != std::string::npos ||
      ("/" + *prefix).find("/./") != std::string::npos) {
    return wrong("the prefix has an empty, \".\" or \"..\" segment");
  }
  if (!is_utf8(*prefix) || prefix->size() > 512 ||
      std::any_of(prefix->begin(), prefix->end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return wrong("the prefix must be UTF-8 without control characters, at most 512 bytes");
  }
  s3.prefix = *prefix;
  return Ok{};
}

Result<stores::StoreOptions> parse_s3(std::string_view rest, stores::S3Options s3) {
  if (rest.find('#') != std::string_view::npos) return wrong("write # as %23");
  const std::size_t question = rest.find('?');
  const std::string_view place = rest.substr(0, question);
  std::string_view query =
      question == std::string_view::npos ? std::string_view() : rest.substr(question + 1);

  const std::size_t slash = place.find('/');
  SLUICE_TRY_OK(set_bucket(place.substr(0, slash), s3));
  if (slash != std::string_view::npos) {
    SLUICE_TRY_OK(set_prefix(place.substr(slash + 1), s3));
  }

  std::vector<std::string> seen;
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) {
      return wrong("parameter \"" + std::string(pair) + "\" has no value");
    }
    const std::string name(pair.substr(0, equals));
    const auto value = percent_decode(pair.substr(equals + 1));
    if (!value) return wrong("malformed % in parameter \"" + name + "\"");
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      return wrong("parameter \"" + name + "\" is given twice");
    }
    seen.push_back(name);
    SLUICE_TRY_OK(set_parameter(name, *value, s3));
  }
  const auto given = [&](std::string_view name) {
    return std::find(seen.begin(), seen.end(), name) != seen.end();
  };
  if (!given("preset")) s3.preset = given("endpoint") ? "generic" : "aws";
  if (s3.preset != "aws" && !given("endpoint")) {
    return wrong("preset \"" + s3.preset + "\" needs an endpoint");
  }
  return stores::StoreOptions(std::move(s3));
}

}  // namespace

Result<stores::StoreOptions> parse_store_url(std::string_view url, const stores::S3Options& base,
                                             const std::string& working_directory) {
  url = trim(url);
  if (url.starts_with("s3://")) return parse_s3(url.substr(5), base);
  if (url.starts_with("file:")) {
    SLUICE_TRY(std::string directory, path_of(url.substr(5), "file", working_directory));
    return stores::StoreOptions(stores::LocalOptions{std::move(directory)});
  }
  return wrong("\"" + std::string(url.substr(0, url.find(':'))) + "\" is not a kind of store; " +
               std::string(kStoreForms));
}

Result<std::string> parse_state_url(std::string_view url, const std::string& working_directory) {
  url = trim(url);
  if (!url.starts_with("sqlite:")) {
    return wrong("\"" + std::string(url.substr(0, url.find(':'))) +
                 "\" is not a kind of state database; " + std::string(kStateForms));
  }
  const std::string_view rest = url.substr(7);
  if (rest.find(":memory:") != std::string_view::npos) {
    return wrong("a database in memory would lose what was acknowledged; " +
                 std::string(kStateForms));
  }
  return path_of(rest, "sqlite", working_directory);
}

}  // namespace sluice::config
