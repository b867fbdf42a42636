#include "sink/connection.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/text.h"
#include "sink/socket.h"
#include "sink/xml.h"
#include "wire/http1.h"

namespace sluice::sink {

namespace {

constexpr std::size_t kXmlBodyMax = 4U << 20;

struct Reply {
  int status = 200;
  std::string body;
  wire::Headers headers;
};

Reply xml_reply(int status, std::string body) {
  Reply reply;
  reply.status = status;
  reply.body = std::move(body);
  reply.headers.add("Content-Type", "application/xml");
  return reply;
}

Reply error_reply(int status, std::string_view code) {
  return xml_reply(status, error_xml(code));
}

// One parameter of the query, decoded; nullopt if it is not there.
std::optional<std::string> parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view item = query.substr(0, end);
    const std::size_t equals = std::min(item.find('='), item.size());
    if (item.substr(0, equals) == name) {
      const std::string_view value = equals < item.size() ? item.substr(equals + 1) : "";
      return percent_decode(value).value_or(std::string(value));
    }
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return std::nullopt;
}

Metadata metadata_of(const wire::Headers& headers) {
  Metadata metadata;
  for (const wire::Header& header : headers.list()) {
    const std::string name = lower(header.name);
    if (name.rfind("x-amz-meta-", 0) == 0 || name == "content-type") {
      metadata.emplace_back(name, header.value);
    }
  }
  return metadata;
}

class Connection {
 public:
  Connection(int fd, const SinkOptions& options, S3State& state)
      : socket_(fd), options_(options), state_(state) {}

  void serve() {
    while (serve_one()) {
    }
  }

 private:
  // False: the connection is over.
  bool serve_one();
  // False: the peer left, or the connection is to be reset.
  bool take_data();
  bool take_text();
  Reply answer();
  Reply answer_object();
  Reply answer_bucket();
  Reply store_object();
  Reply store_part();
  Reply finish();
  Reply send_kept();

  Socket socket_;
  const SinkOptions& options_;
  S3State& state_;

  std::string buffer_;
  wire::RequestHead head_;
  std::string bucket_;
  std::string key_;
  std::string text_;                        // small body: XML
  std::optional<wire::Checksum> checksum_;  // of a large one, with --verify
  std::shared_ptr<std::string> kept_;       // its bytes, with --keep
  int failure_ = 0;
};

bool Connection::serve_one() {
  std::optional<wire::ParsedRequest> parsed;
  while (true) {
    auto result = wire::parse_request_head(buffer_, wire::Http1Limits());
    if (!result) {
      socket_.send_all(
          "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return false;
    }
    if (*result) {
      parsed = std::move(*result);
      break;
    }
    if (!socket_.receive_more(buffer_)) return false;
  }
  buffer_.erase(0, parsed->consumed);
  head_ = std::move(parsed->head);
  state_.count(&Stats::requests);
  failure_ = 0;
  text_.clear();
  checksum_.reset();
  kept_.reset();

  const std::string path = percent_decode(head_.path).value_or(head_.path);
  const std::size_t slash = path.find('/', 1);
  bucket_ = path.substr(1, slash == std::string::npos ? slash : slash - 1);
  key_ = slash == std::string::npos ? "" : path.substr(slash + 1);

  if (head_.framing == wire::BodyFraming::kChunked) {
    socket_.send_all(
        "HTTP/1.1 411 Length Required\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    return false;
  }
  if (head_.expects_continue && !socket_.send_all("HTTP/1.1 100 Continue\r\n\r\n")) return false;
  const bool data = head_.method == "PUT" && !key_.empty();
  const bool alive = data ? take_data() : take_text();
  if (!alive) return false;

  Reply reply = failure_ == 0   ? answer()
                : failure_ == 1 ? error_reply(500, "InternalError")
                                : error_reply(503, "SlowDown");
  if (options_.latency.count() > 0) std::this_thread::sleep_for(options_.latency);
  wire::ResponseHead head;
  head.status = reply.status;
  head.headers = std::move(reply.headers);
  if (head.headers.find("Content-Length") == nullptr && reply.status != 204) {
    head.headers.add("Content-Length", std::to_string(reply.body.size()));
  }
  head.headers.add("x-amz-request-id", "sink");
  if (!head_.keep_alive) head.headers.add("Connection", "close");
  std::string out = wire::write_response_head(head);
  if (head_.method != "HEAD") out += reply.body;
  return socket_.send_all(out) && head_.keep_alive;
}

bool Connection::take_data() {
  const std::uint64_t length = head_.content_length.value();
  failure_ = state_.count_body(options_.fail_every);
  if (options_.verify) checksum_ = wire::Checksum::of_nothing(wire::ChecksumKind::kCrc64Nvme);
  const auto held = static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), length));
  if (checksum_) {
    checksum_ = checksum_->extended(as_bytes(std::string_view(buffer_).substr(0, held)));
  }
  const bool keep =
      std::any_of(options_.keep.begin(), options_.keep.end(),
                  [&](const std::string& prefix) { return key_.starts_with(prefix); }) ||
      std::any_of(options_.keep_suffix.begin(), options_.keep_suffix.end(),
                  [&](const std::string& suffix) { return key_.ends_with(suffix); });
  if (keep) {
    kept_ = std::make_shared<std::string>(buffer_, 0, held);
    kept_->reserve(static_cast<std::size_t>(length));
  }
  buffer_.erase(0, held);
  std::uint64_t left = length - held;
  if (failure_ == 3) {
    // In the middle of the body, as a router that restarts would.
    socket_.discard(left / 2, options_.rate, nullptr, nullptr);
    socket_.reset_on_close();
    return false;
  }
  const bool whole =
      socket_.discard(left, options_.rate, checksum_ ? &checksum_.value() : nullptr, kept_.get());
  if (whole) state_.count(&Stats::bytes_received, length);
  return whole;
}

bool Connection::take_text() {
  const std::uint64_t length = head_.content_length.value();
  if (length > kXmlBodyMax) return false;
  while (buffer_.size() < length) {
    if (!socket_.receive_more(buffer_)) return false;
  }
  text_ = buffer_.substr(0, static_cast<std::size_t>(length));
  buffer_.erase(0, static_cast<std::size_t>(length));
  return true;
}

Reply Connection::answer() {
  if (bucket_ == "-") {
    Reply reply;
    reply.headers.add("Content-Type", "application/json");
    reply.body = state_.stats_json();
    return reply;
  }
  return key_.empty() ? answer_bucket() : answer_object();
}

Reply Connection::answer_object() {
  const auto upload = parameter(head_.query, "uploadId");
  if (head_.method == "PUT") return upload ? store_part() : store_object();
  if (head_.method == "POST" && parameter(head_.query, "uploads")) {
    const std::string id = state_.create(key_, metadata_of(head_.headers));
    return xml_reply(200, "<InitiateMultipartUploadResult>" + element("Bucket", bucket_) +
                              element("Key", key_) + element("UploadId", id) +
                              "</InitiateMultipartUploadResult>");
  }
  if (head_.method == "POST" && upload) return finish();
  if (head_.method == "DELETE" && upload) {
    if (!state_.abort(key_, *upload)) return error_reply(404, "NoSuchUpload");
    Reply reply;
    reply.status = 204;
    return reply;
  }
  if (head_.method == "DELETE") {
    state_.remove(key_);
    Reply reply;
    reply.status = 204;
    return reply;
  }
  if (head_.method == "GET" && upload) {
    const auto parts = state_.parts(key_, *upload);
    if (!parts) return error_reply(404, "NoSuchUpload");
    std::string xml = "<ListPartsResult>" + element("Bucket", bucket_) + element("Key", key_) +
                      element("UploadId", *upload) + "<IsTruncated>false</IsTruncated>";
    for (const auto& [number, part] : *parts) {
      xml += "<Part>" + element("PartNumber", std::to_string(number)) +
             element("LastModified", "2026-01-01T00:00:00.000Z") + element("ETag", part.etag) +
             element("Size", std::to_string(part.size)) + "</Part>";
    }
    return xml_reply(200, xml + "</ListPartsResult>");
  }
  if (head_.method == "HEAD") {
    const auto object = state_.find(key_);
    Reply reply;
    if (!object) {
      reply.status = 404;
      return reply;
    }
    reply.headers.add("Content-Length", std::to_string(object->size));
    reply.headers.add("ETag", object->etag);
    for (const auto& [name, value] : object->metadata) reply.headers.add(name, value);
    if (object->checksum) {
      reply.headers.add("x-amz-checksum-crc64nvme", object->checksum->base64());
      reply.headers.add("x-amz-checksum-type", "FULL_OBJECT");
    }
    return reply;
  }
  return send_kept();
}

// GET, also of one range "bytes=FIRST-LAST".
Reply Connection::send_kept() {
  const auto object = state_.find(key_);
  if (!object) return error_reply(404, "NoSuchKey");
  if (!object->bytes) return error_reply(501, "NotImplemented");  // gone
  Reply reply;
  reply.headers.add("ETag", object->etag);
  for (const auto& [name, value] : object->metadata) reply.headers.add(name, value);
  const std::string* range = head_.headers.find("Range");
  if (range == nullptr) {
    reply.body = *object->bytes;
    return reply;
  }
  const std::size_t dash = range->find('-');
  if (!range->starts_with("bytes=") || dash == std::string::npos) {
    return error_reply(400, "InvalidArgument");
  }
  const auto first = parse_decimal(std::string_view(*range).substr(6, dash - 6));
  const auto last = parse_decimal(std::string_view(*range).substr(dash + 1));
  if (!first || !last || *first > *last || *first >= object->size) {
    return error_reply(416, "InvalidRange");
  }
  reply.status = 206;
  reply.body = object->bytes->substr(static_cast<std::size_t>(*first),
                                     static_cast<std::size_t>(*last - *first + 1));
  reply.headers.add("Content-Range", "bytes " + std::to_string(*first) + "-" +
                                         std::to_string(*first + reply.body.size() - 1) + "/" +
                                         std::to_string(object->size));
  return reply;
}

Reply Connection::store_object() {
  Object object;
  object.size = head_.content_length.value();
  object.etag = state_.next_etag();
  object.metadata = metadata_of(head_.headers);
  object.checksum = checksum_;
  object.bytes = kept_;
  Reply reply;
  reply.headers.add("ETag", object.etag);
  if (checksum_) reply.headers.add("x-amz-checksum-crc64nvme", checksum_->base64());
  state_.put(key_, std::move(object));
  return reply;
}

Reply Connection::store_part() {
  const auto upload = parameter(head_.query, "uploadId");
  const auto number = parse_decimal(parameter(head_.query, "partNumber").value_or(""));
  if (!upload || !number || *number < 1 || *number > 10'000) {
    return error_reply(400, "InvalidArgument");
  }
  Part part;
  part.size = head_.content_length.value();
  part.etag = state_.next_etag();
  part.checksum = checksum_;
  part.bytes = kept_;
  Reply reply;
  reply.headers.add("ETag", part.etag);
  if (checksum_) reply.headers.add("x-amz-checksum-crc64nvme", checksum_->base64());
  if (!state_.put_part(key_, *upload, static_cast<std::uint32_t>(*number), std::move(part))) {
    return error_reply(404, "NoSuchUpload");
  }
  return reply;
}

Reply Connection::finish() {
  const std::string upload = parameter(head_.query, "uploadId").value_or("");
  Object object;
  switch (state_.complete(key_, upload, parse_complete(text_), object)) {
    case S3State::Completion::kDone:
      break;
    case S3State::Completion::kNoSuchUpload:
      return error_reply(404, "NoSuchUpload");
    case S3State::Completion::kInvalidPart:
      return error_reply(400, "InvalidPart");
    case S3State::Completion::kInvalidPartOrder:
      return error_reply(400, "InvalidPartOrder");
  }
  std::string xml = "<CompleteMultipartUploadResult>" + element("Bucket", bucket_) +
                    element("Key", key_) + element("ETag", object.etag);
  if (object.checksum) {
    xml += element("ChecksumCRC64NVME", object.checksum->base64()) +
           element("ChecksumType", "FULL_OBJECT");
  }
  return xml_reply(200, xml + "</CompleteMultipartUploadResult>");
}

Reply Connection::answer_bucket() {
  if (head_.method == "PUT" || head_.method == "HEAD") return Reply();
  if (head_.method != "GET") return error_reply(501, "NotImplemented");
  const std::string prefix = parameter(head_.query, "prefix").value_or("");
  if (parameter(head_.query, "location")) {
    return xml_reply(200, "<LocationConstraint/>");
  }
  if (parameter(head_.query, "uploads")) {
    std::string xml = "<ListMultipartUploadsResult>" + element("Bucket", bucket_) +
                      "<IsTruncated>false</IsTruncated>";
    for (const auto& [key, id] : state_.uploads(prefix)) {
      xml += "<Upload>" + element("Key", key) + element("UploadId", id) +
             element("Initiated", "2026-01-01T00:00:00.000Z") + "</Upload>";
    }
    return xml_reply(200, xml + "</ListMultipartUploadsResult>");
  }
  const auto objects = state_.objects(prefix);
  std::string xml = "<ListBucketResult>" + element("Name", bucket_) + element("Prefix", prefix) +
                    element("KeyCount", std::to_string(objects.size())) +
                    "<IsTruncated>false</IsTruncated>";
  for (const auto& [key, object] : objects) {
    xml += "<Contents>" + element("Key", key) +
           element("LastModified", "2026-01-01T00:00:00.000Z") + element("ETag", object.etag) +
           element("Size", std::to_string(object.size)) + "</Contents>";
  }
  return xml_reply(200, xml + "</ListBucketResult>");
}

}  // namespace

void serve_connection(int fd, const SinkOptions& options, S3State& state) {
  state.count(&Stats::connections);
  Connection(fd, options, state).serve();
}

}  // namespace sluice::sink
