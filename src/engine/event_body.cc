#include "engine/event_body.h"

#include <chrono>
#include <cstdio>
#include <ctime>

#include <boost/json.hpp>

namespace sluice::engine {

namespace {

std::string rfc3339(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const std::time_t t = std::chrono::system_clock::to_time_t(seconds);
  std::tm parts{};
  ::gmtime_r(&t, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  char all[40];
  std::snprintf(all, sizeof all, "%s.%03dZ", text, static_cast<int>((time - seconds).count()));
  return all;
}

}  // namespace

Event completed_event(const UploadRow& row, const core::UploadResult& result) {
  namespace json = boost::json;
  json::object upload;
  upload["id"] = row.id.str();
  upload["name"] = row.name;
  upload["subject"] = row.subject;
  upload["size"] = result.size.value();
  upload["content_type"] = row.attributes.content_type;
  json::object metadata;
  for (const auto& [name, value] : row.attributes.metadata) metadata[name] = value;
  upload["metadata"] = metadata;
  upload["created_at"] = rfc3339(row.created_at);
  upload["completed_at"] = rfc3339(result.completed_at);
  json::object object;
  object["key"] = row.key.str();
  object["etag"] = result.etag.str();
  if (result.checksum) {
    json::object checksums;
    checksums[wire::to_string(result.checksum->kind())] = result.checksum->base64();
    object["checksums"] = checksums;
  }
  json::object data;
  data["upload"] = upload;
  data["object"] = object;
  json::object body;
  body["type"] = "upload.completed";
  body["timestamp"] = rfc3339(result.completed_at);
  body["data"] = data;
  return Event("upload.completed", json::serialize(body));
}

}  // namespace sluice::engine
