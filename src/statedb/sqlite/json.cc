#include "statedb/sqlite/json.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include <boost/json.hpp>

namespace sluice::statedb {

namespace json = boost::json;

namespace {

std::optional<json::object> parse(const std::string& text) {
  json::parse_options options;
  options.allow_invalid_utf8 = true;
  options.max_depth = 8;
  boost::system::error_code error;
  json::value value = json::parse(text, error, {}, options);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.as_object());
}

std::optional<std::string> text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_string()) return std::nullopt;
  const json::string& text = value->get_string();
  return std::string(text.data(), text.size());
}

std::optional<std::int64_t> number_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  return value->get_int64();
}

void put_text(json::object& object, json::string_view name, const std::string& text) {
  if (!text.empty()) object[name] = text;
}

}  // namespace

std::string to_json(const core::ObjectAttributes& attributes) {
  json::object object;
  put_text(object, "content_type", attributes.content_type);
  put_text(object, "content_disposition", attributes.content_disposition);
  put_text(object, "cache_control", attributes.cache_control);
  put_text(object, "raw_metadata", attributes.raw_metadata);
  if (!attributes.metadata.empty()) {
    json::array list;
    for (const auto& [name, value] : attributes.metadata) {
      json::array pair;
      pair.emplace_back(name);
      pair.emplace_back(value);
      list.emplace_back(std::move(pair));
    }
    object["metadata"] = std::move(list);
  }
  return json::serialize(object);
}

Result<core::ObjectAttributes> attributes_from_json(const std::string& text) {
  const std::optional<json::object> object = parse(text);
  if (!object) return fail(Errc::kCorrupt, "row: attributes are not JSON");
  core::ObjectAttributes attributes;
  attributes.content_type = text_of(*object, "content_type").value_or("");
  attributes.content_disposition = text_of(*object, "content_disposition").value_or("");
  attributes.cache_control = text_of(*object, "cache_control").value_or("");
  attributes.raw_metadata = text_of(*object, "raw_metadata").value_or("");
  if (const json::value* list = object->if_contains("metadata")) {
    if (!list->is_array()) return fail(Errc::kCorrupt, "row: metadata is no list");
    for (const json::value& pair : list->get_array()) {
      const bool fits = pair.is_array() && pair.get_array().size() == 2 &&
                        pair.get_array()[0].is_string() && pair.get_array()[1].is_string();
      if (!fits) return fail(Errc::kCorrupt, "row: metadata is no list of pairs");
      const json::string& name = pair.get_array()[0].get_string();
      const json::string& value = pair.get_array()[1].get_string();
      attributes.metadata.emplace_back(std::string(name.data(), name.size()),
                                       std::string(value.data(), value.size()));
    }
  }
  return attributes;
}

std::string to_json(const core::UploadResult& result) {
  json::object object;
  object["name"] = result.name;
  object["size"] = static_cast<std::int64_t>(result.size.value());
  object["etag"] = result.etag.str();
  if (result.checksum) {
    object["checksum_kind"] = json::string(wire::to_string(result.checksum->kind()));
    object["checksum"] = result.checksum->base64();
  }
  object["completed_at"] = std::int64_t{result.completed_at.time_since_epoch().count()};
  return json::serialize(object);
}

Result<core::UploadResult> result_from_json(const std::string& text) {
  const std::optional<json::object> object = parse(text);
  if (!object) return fail(Errc::kCorrupt, "row: result is not JSON");
  const auto name = text_of(*object, "name");
  const auto size = number_of(*object, "size");
  const auto etag = text_of(*object, "etag");
  const auto completed_at = number_of(*object, "completed_at");
  if (!name || !size || *size < 0 || !etag || !completed_at) {
    return fail(Errc::kCorrupt, "row: a field of the result is missing");
  }
  core::UploadResult result;
  result.name = *name;
  result.size = ByteCount(static_cast<std::uint64_t>(*size));
  result.etag = ETag(*etag);
  result.completed_at = WallTime(std::chrono::milliseconds(*completed_at));
  if (const auto kind_name = text_of(*object, "checksum_kind")) {
    const auto kind = wire::checksum_kind(*kind_name);
    const auto value = text_of(*object, "checksum");
    if (!kind || !value) return fail(Errc::kCorrupt, "row: unknown checksum of the result");
    result.checksum = wire::Checksum::from_base64(*kind, *value);
    if (!result.checksum) return fail(Errc::kCorrupt, "row: broken checksum of the result");
  }
  return result;
}

}  // namespace sluice::statedb
