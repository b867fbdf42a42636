#include "stores/s3/credential_json.h"

#include <string>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "wire/s3_time.h"

namespace sluice::stores::s3 {

namespace json = boost::json;

namespace {

std::string text_at(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return std::string(value->get_string());
}

}  // namespace

Result<JsonCredentials> parse_json_credentials(std::string_view body) {
  json::parse_options options;
  options.max_depth = 4;
  json::error_code error;
  const json::value value = json::parse(body, error, {}, options);
  if (error || !value.is_object()) return fail(Errc::kUnavailable, "the answer is not JSON");
  const json::object& object = value.get_object();
  const std::string code = text_at(object, "Code");
  if (!code.empty() && code != "Success") return fail(Errc::kUnavailable, code);
  wire::SigV4Credentials keys(text_at(object, "AccessKeyId"),
                              Secret<std::string>(text_at(object, "SecretAccessKey")),
                              Secret<std::string>(text_at(object, "Token")));
  if (keys.access_key.empty() || keys.secret_key.reveal().empty()) {
    return fail(Errc::kUnavailable, "the answer has no keys");
  }
  return JsonCredentials{std::move(keys), wire::parse_iso8601(text_at(object, "Expiration"))};
}

}  // namespace sluice::stores::s3
