#include "protocols/google_object.h"

#include <algorithm>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/text.h"
#include "protocols/object_attributes.h"
#include "protocols/result_json.h"
#include "protocols/upload_name.h"

namespace sluice::protocols::google {

namespace {

namespace json = boost::json;
using core::ProblemType;

constexpr std::string_view kDefaultType = "application/octet-stream";

tl::unexpected<core::Problem> refuse(ProblemType type, std::string why) {
  return tl::unexpected<core::Problem>(core::Problem(type, std::move(why)));
}

// nullopt: the text is no JSON object.
std::optional<json::object> parse_object(std::string_view text) {
  json::error_code error;
  json::value value = json::parse(text, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

// nullptr: there is none, or it is no text.
const json::string* text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr ? nullptr : value->if_string();
}

void put(json::object& object, std::string_view key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}

// Field lines that object_attributes() reads: one set of rules for all dialects.
tl::expected<wire::Headers, core::Problem> as_fields(const json::object& description) {
  wire::Headers out;
  const std::pair<const char*, const char*> plain[] = {
      {"contentType", "Content-Type"},
      {"cacheControl", "Cache-Control"},
      {"contentDisposition", "Content-Disposition"}};
  for (const auto& [key, field] : plain) {
    if (const json::string* value = text_at(description, key)) {
      out.add(field, std::string(*value));
    }
  }
  const json::value* metadata = description.if_contains("metadata");
  if (metadata == nullptr || metadata->is_null()) return out;
  const json::object* pairs = metadata->if_object();
  if (pairs == nullptr) return refuse(ProblemType::kMalformedRequest, "metadata is no object");
  for (const auto& [key, value] : *pairs) {
    const json::string* text = value.if_string();
    if (text == nullptr) {
      return refuse(ProblemType::kMalformedRequest, "a value in metadata is no text");
    }
    out.add("X-Goog-Meta-" + std::string(key), std::string(*text));
  }
  return out;
}

tl::expected<std::optional<wire::Checksum>, core::Problem> crc32c_of(std::string_view base64) {
  auto sum = wire::Checksum::from_base64(wire::ChecksumKind::kCrc32c, base64);
  if (!sum) return refuse(ProblemType::kMalformedRequest, "the crc32c is not base64 of four bytes");
  return sum;
}

// "crc32c=B64,md5=B64", perhaps in several fields.
tl::expected<std::optional<wire::Checksum>, core::Problem> hash_of(const wire::Headers& head) {
  constexpr std::string_view kKey = "crc32c=";
  for (const wire::Header& header : head.list()) {
    if (!equals_ignoring_case(header.name, "X-Goog-Hash")) continue;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      const std::string_view one = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), one.size() + 1));
      const std::string_view word = trim(one);
      if (equals_ignoring_case(word.substr(0, kKey.size()), kKey)) {
        return crc32c_of(word.substr(kKey.size()));
      }
    }
  }
  return std::nullopt;
}

}  // namespace

tl::expected<GoogleObject, core::Problem> described(const GoogleTarget& target,
                                                    const wire::Headers& head,
                                                    std::string_view description,
                                                    std::string_view media_type) {
  GoogleObject out;
  out.bucket = target.bucket;
  out.name = target.name;
  json::object said;
  if (!trim(description).empty()) {
    auto parsed = parse_object(description);
    if (!parsed) {
      return refuse(ProblemType::kMalformedRequest, "the object's description is no JSON object");
    }
    said = std::move(*parsed);
  }
  if (const json::string* name = text_at(said, "name"); name != nullptr && !name->empty()) {
    auto checked = upload_name(percent_encode(*name, true));
    if (!checked) return tl::unexpected(std::move(checked).error());
    if (!out.name.empty() && out.name != *checked) {
      return refuse(ProblemType::kMalformedRequest,
                    "the query names another object than the description");
    }
    out.name = std::move(*checked);
  }
  if (out.name.empty()) return refuse(ProblemType::kBadName, "the object has no name");
  const json::string* encoding = text_at(said, "contentEncoding");
  if (encoding != nullptr && !encoding->empty() && *encoding != "identity") {
    return refuse(ProblemType::kNotImplemented, "contentEncoding is not kept");
  }

  auto fields = as_fields(said);
  if (!fields) return tl::unexpected(std::move(fields).error());
  if (fields->find("Content-Type") == nullptr) {
    const std::string* type = head.find("X-Upload-Content-Type");
    fields->add("Content-Type", type != nullptr ? *type : std::string(media_type));
  }
  for (const wire::Header& header : head.list()) {
    if (equals_ignoring_case(std::string_view(header.name).substr(0, 12), "x-goog-meta-")) {
      fields->add(header.name, header.value);
    }
  }
  auto attributes = object_attributes(*fields);
  if (!attributes) return tl::unexpected(std::move(attributes).error());
  out.attributes = std::move(*attributes);

  auto hash = hash_of(head);
  if (hash && !*hash) {
    if (const json::string* text = text_at(said, "crc32c"); text != nullptr && !text->empty()) {
      hash = crc32c_of(*text);
    }
  }
  if (!hash) return tl::unexpected(std::move(hash).error());
  out.crc32c = *hash;
  return out;
}

std::string memo(const GoogleObject& object) {
  json::object out;
  out["google"] = 1;
  out["bucket"] = object.bucket;
  out["name"] = object.name;
  put(out, "contentType", object.attributes.content_type);
  put(out, "cacheControl", object.attributes.cache_control);
  put(out, "contentDisposition", object.attributes.content_disposition);
  json::object metadata;
  for (const auto& [name, value] : object.attributes.metadata) metadata[name] = value;
  if (!metadata.empty()) out["metadata"] = std::move(metadata);
  if (object.key) out["key"] = *object.key;
  if (object.size_max) out["sizeMax"] = std::to_string(object.size_max->value());
  return json::serialize(out);
}

std::optional<GoogleObject> from_memo(std::string_view text) {
  const auto parsed = parse_object(text);
  if (!parsed || parsed->if_contains("google") == nullptr) return std::nullopt;
  GoogleObject out;
  const std::pair<const char*, std::string*> texts[] = {
      {"bucket", &out.bucket},
      {"name", &out.name},
      {"contentType", &out.attributes.content_type},
      {"cacheControl", &out.attributes.cache_control},
      {"contentDisposition", &out.attributes.content_disposition}};
  for (const auto& [key, to] : texts) {
    if (const json::string* value = text_at(*parsed, key)) *to = std::string(*value);
  }
  if (const json::value* metadata = parsed->if_contains("metadata")) {
    if (const json::object* pairs = metadata->if_object()) {
      for (const auto& [key, value] : *pairs) {
        if (const json::string* said = value.if_string()) {
          out.attributes.metadata.emplace_back(std::string(key), std::string(*said));
        }
      }
    }
  }
  if (const json::string* key = text_at(*parsed, "key")) out.key = std::string(*key);
  if (const json::string* size = text_at(*parsed, "sizeMax")) {
    if (const auto n = parse_decimal(*size)) out.size_max = ByteCount(*n);
  }
  return out;
}

std::string resource(const GoogleObject& object, const core::UploadResult& result,
                     const std::optional<wire::Checksum>& crc32c) {
  json::object out = result_json(result);
  const std::string generation =
      std::to_string(result.completed_at.time_since_epoch().count() * 1'000);  // microseconds
  out["id"] = object.bucket + "/" + object.name + "/" + generation;
  out["name"] = object.name;
  out["bucket"] = object.bucket;
  out["generation"] = generation;
  out["metageneration"] = "1";
  const std::string& type = object.attributes.content_type;
  out["contentType"] = type.empty() ? kDefaultType : std::string_view(type);
  put(out, "cacheControl", object.attributes.cache_control);
  put(out, "contentDisposition", object.attributes.content_disposition);
  out["storageClass"] = "STANDARD";
  json::object metadata;
  for (const auto& [name, value] : object.attributes.metadata) metadata[name] = value;
  if (!metadata.empty()) out["metadata"] = std::move(metadata);
  if (crc32c && out.if_contains("crc32c") == nullptr) out["crc32c"] = crc32c->base64();
  out["timeCreated"] = rfc3339(result.completed_at);
  out["updated"] = rfc3339(result.completed_at);
  return json::serialize(out);
}

}  // namespace sluice::protocols::google
