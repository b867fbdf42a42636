#include "stores/s3/s3_store.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/this_coro.hpp>

#include "base/signal.h"
#include "base/text.h"
#include "fetch/alarm.h"
#include "stores/s3/credentials.h"
#include "stores/s3/errors.h"
#include "stores/s3/piece_source.h"
#include "stores/s3/preset.h"
#include "stores/s3/requester.h"
#include "wire/s3_digest.h"
#include "wire/s3_request.h"
#include "wire/s3_xml.h"

namespace sluice::stores {

namespace {

using s3::Answer;
using s3::Call;
using s3::Operation;

constexpr std::string_view kTokenName = "sluice-token";
constexpr int kAbortRounds = 6;

// The preset's row after the options' overrides.
s3::Preset configured(const s3::Preset& preset, const S3Options& options) {
  s3::Preset row = preset;
  if (options.payload_sha256) row.payload_sha256 = *options.payload_sha256;
  if (options.content_md5) row.content_md5 = *options.content_md5;
  if (options.checksum) {
    row.checksum = *options.checksum;
    row.checksum_sent = true;
  }
  return row;
}

bool has_parked_pieces(const Payload& payload) {
  return std::any_of(payload.pieces().begin(), payload.pieces().end(),
                     [](const auto& piece) { return std::holds_alternative<StoredPiece>(piece); });
}

bool is_header_text(std::string_view text) noexcept {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

class S3Store final : public ObjectStore {
 public:
  S3Store(S3Options options, s3::Preset preset, S3Services services,
          std::unique_ptr<s3::Requester> requester)
      : options_(std::move(options)),
        preset_(preset),
        services_(std::move(services)),
        requester_(std::move(requester)),
        assembling_max_(std::max(1U, options_.connections_max / 4)) {}

  const core::StoreLimits& limits() const noexcept override { return preset_.limits; }
  wire::ChecksumKind checksum_kind() const noexcept override { return preset_.checksum; }

  Task<Result<ObjectInfo>> put_object(ObjectSpec spec, Payload payload,
                                      Deadline deadline) override {
    if (payload.size() > preset_.limits.single_put_max) {
      co_return fail(Errc::kTooLarge, "PutObject: more bytes than one request may have");
    }
    auto call = object_call(Operation::kPutObject, "PUT", spec.key);
    if (!call) co_return fail(call.error());
    auto described = describe(**call, spec);
    if (!described) co_return fail(described.error());
    const bool assembled = has_parked_pieces(payload);
    const auto sum = payload.checksum();
    const ByteCount size = payload.size();
    std::shared_ptr<Call> request = *call;
    set_body(*request, std::move(payload), deadline);
    auto answer = co_await send_body(request, assembled, deadline);
    if (!answer) co_return fail(answer.error());
    SLUICE_CO_TRY_OK(compare_checksum(*answer, sum));
    ObjectInfo info;
    info.size = size;
    info.token = spec.token;
    info.checksum = wire::s3_checksum_in(answer->headers, preset_.checksum);
    if (const std::string* etag = answer->headers.find("etag")) info.etag = ETag(*etag);
    co_return info;
  }

  Task<Result<ObjectInfo>> stat(ObjectKey key, Deadline deadline) override {
    auto call = object_call(Operation::kHeadObject, "HEAD", key);
    if (!call) co_return fail(call.error());
    if (preset_.stat_checksum) (*call)->headers.add("x-amz-checksum-mode", "ENABLED");
    std::shared_ptr<Call> request = *call;
    auto answer = co_await requester_->call(request, deadline);
    if (!answer) co_return fail(answer.error());
    const std::string* length = answer->headers.find("content-length");
    const auto size = length == nullptr ? std::nullopt : parse_decimal(*length);
    if (!size) co_return fail(Errc::kUnavailable, "HeadObject: the answer has no length");
    ObjectInfo info;
    info.size = ByteCount(*size);
    if (const std::string* etag = answer->headers.find("etag")) info.etag = ETag(*etag);
    for (const char* prefix : {"x-amz-meta-", "x-goog-meta-"}) {
      const std::string* token = answer->headers.find(std::string(prefix).append(kTokenName));
      if (token != nullptr) info.token = UploadToken(*token);
    }
    info.checksum = wire::s3_checksum_in(answer->headers, preset_.checksum);
    co_return info;
  }

  Task<Result<Bytes>> get(ObjectKey key, ByteRange range, Deadline deadline) override {
    if (range.empty()) co_return Bytes();
    auto full_key = full(key);
    if (!full_key) co_return fail(full_key.error());
    std::shared_ptr<Call> request = s3::make_get(*full_key, range);
    // A server that does not know ranges sends the whole object.
    request->answer_max = range.end().value();
    auto answer = co_await requester_->call(request, deadline);
    if (!answer) co_return fail(answer.error());
    std::string_view body = answer->body;
    if (answer->status != 206) {
      body.remove_prefix(std::min<std::size_t>(range.begin().value(), body.size()));
    }
    if (body.size() < range.size().value()) {
      co_return fail(Errc::kCorrupt, "GetObject: the object is shorter than expected");
    }
    co_return Bytes::copy_of(body.substr(0, range.size().value()));
  }

  Task<Result<Ok>> remove(ObjectKey key, Deadline deadline) override {
    auto call = object_call(Operation::kDeleteObject, "DELETE", key);
    if (!call) co_return fail(call.error());
    std::shared_ptr<Call> request = *call;
    auto answer = co_await requester_->call(request, deadline);
    if (answer || answer.error().code() == Errc::kNotFound) co_return Ok{};
    co_return fail(answer.error());
  }

  Task<Result<MultipartId>> create_multipart(ObjectSpec spec, Deadline deadline) override {
    auto call = object_call(Operation::kCreateMultipartUpload, "POST", spec.key);
    if (!call) co_return fail(call.error());
    auto described = describe(**call, spec);
    if (!described) co_return fail(described.error());
    std::shared_ptr<Call> request = *call;
    request->query.emplace_back("uploads", "");
    if (preset_.full_object_checksum) {
      request->headers.add("x-amz-checksum-algorithm", wire::s3_checksum_name(preset_.checksum));
      request->headers.add("x-amz-checksum-type", "FULL_OBJECT");
    }
    auto answer = co_await requester_->call(request, deadline);
    if (!answer) co_return fail(answer.error());
    auto id = wire::parse_initiate_result(answer->body);
    if (!id) {
      co_return fail(Errc::kOutcomeUnknown, "CreateMultipartUpload: " + id.error().detail());
    }
    co_return *std::move(id);
  }

  Task<Result<PartReceipt>> put_part(PartTarget target, Payload payload,
                                     Deadline deadline) override {
    if (target.number.value() > preset_.limits.parts_max ||
        payload.size() > preset_.limits.part_max) {
      co_return fail(Errc::kTooLarge, "UploadPart: beyond the store's limits of part " +
                                          std::to_string(target.number.value()));
    }
    auto call = object_call(Operation::kUploadPart, "PUT", target.key);
    if (!call) co_return fail(call.error());
    std::shared_ptr<Call> request = *call;
    request->query.emplace_back("partNumber", std::to_string(target.number.value()));
    request->query.emplace_back("uploadId", target.multipart.str());
    const bool assembled = has_parked_pieces(payload);
    const auto sum = payload.checksum();
    const ByteCount size = payload.size();
    set_body(*request, std::move(payload), deadline);
    auto answer = co_await send_body(request, assembled, deadline);
    if (!answer) co_return fail(answer.error());
    SLUICE_CO_TRY_OK(compare_checksum(*answer, sum));
    const std::string* etag = answer->headers.find("etag");
    if (etag == nullptr || etag->empty()) {
      co_return fail(Errc::kOutcomeUnknown, "UploadPart: the answer has no ETag");
    }
    co_return PartReceipt(target.number, ETag(*etag), size, sum);
  }

  Task<Result<ObjectInfo>> complete(Completion completion, Deadline deadline) override {
    SLUICE_CO_TRY_OK(check_parts(completion));
    auto call = object_call(Operation::kCompleteMultipartUpload, "POST", completion.spec.key);
    if (!call) co_return fail(call.error());
    std::shared_ptr<Call> request = *call;
    request->query.emplace_back("uploadId", completion.multipart.str());
    request->headers.add("Content-Type", "application/xml");
    add_completion_headers(*request, completion);
    const std::string xml = completion_xml(completion);
    request->payload_hash = wire::sha256_hex(xml);
    request->body = Bytes::copy_of(xml);
    auto answer = co_await requester_->call(request, deadline);
    if (!answer) co_return fail(answer.error());
    auto result = read_completion(*answer);
    if (!result) co_return fail(result.error());

    ObjectInfo info;
    info.size = completion.size;
    info.token = completion.spec.token;
    info.etag = result->etag;
    info.checksum =
        preset_.checksum == wire::ChecksumKind::kCrc64Nvme ? result->crc64nvme : result->crc32c;
    if (completion.checksum && info.checksum && completion.checksum != info.checksum &&
        completion.checksum->kind() == info.checksum->kind()) {
      co_return fail(Errc::kCorrupt, "CompleteMultipartUpload: the store has another checksum");
    }
    if (!info.etag.empty()) co_return info;
    // Ceph 16.2 leaves it out of the first reply.
    auto seen = co_await stat(completion.spec.key, deadline);
    if (seen && seen->token == completion.spec.token) info.etag = seen->etag;
    co_return info;
  }

  Task<Result<Ok>> abort(ObjectKey key, MultipartId multipart, Deadline deadline) override {
    for (int round = 0; round < kAbortRounds; ++round) {
      auto call = object_call(Operation::kAbortMultipartUpload, "DELETE", key);
      if (!call) co_return fail(call.error());
      std::shared_ptr<Call> request = *call;
      request->query.emplace_back("uploadId", multipart.str());
      auto answer = co_await requester_->call(request, deadline);
      // Gone, or never known. What is listed then is not ours to remove: Swift lists the segments
      // of a completed upload.
      if (!answer && answer.error().code() == Errc::kNotFound) co_return Ok{};
      if (!answer) co_return fail(answer.error());
      // A part that was in flight may still have arrived (S-23).
      auto page = co_await parts_page(key, multipart, 0, deadline);
      if (!page && page.error().code() == Errc::kNotFound) co_return Ok{};
      if (!page && page.error().code() == Errc::kRejected) {
        services_.log->warn("aborted, but the store does not let us list the parts",
                            {{"key", key.str()}, {"error", page.error().detail()}});
        co_return Ok{};
      }
      if (!page) co_return fail(page.error());
      if (page->parts.empty()) co_return Ok{};
      const auto pause = std::chrono::milliseconds(100U << static_cast<unsigned>(round));
      const Instant wake = services_.clock->now() + pause;
      if (deadline.passed(wake)) break;
      co_await services_.clock->sleep_until(wake);
    }
    co_return fail(Errc::kOutcomeUnknown, "AbortMultipartUpload: parts are still listed");
  }

  Task<Result<std::vector<ListedPart>>> list_parts(ObjectKey key, MultipartId multipart,
                                                   Deadline deadline) override {
    std::vector<ListedPart> parts;
    std::uint32_t marker = 0;
    while (true) {
      auto page = co_await parts_page(key, multipart, marker, deadline);
      if (!page) co_return fail(page.error());
      for (wire::PartsPage::Part& part : page->parts) {
        parts.emplace_back(PartNumber(part.number), std::move(part.etag), part.size);
      }
      if (!page->next) co_return parts;
      if (*page->next <= marker) co_return fail(does_not_advance(Operation::kListParts));
      marker = *page->next;
    }
  }

  Task<Result<std::vector<ListedMultipart>>> list_multiparts(std::string prefix,
                                                             Deadline deadline) override {
    std::vector<ListedMultipart> found;
    std::pair<std::string, std::string> marker;
    while (true) {
      auto page = co_await uploads_page(prefix, marker, 1000, deadline);
      if (!page) co_return fail(page.error());
      for (wire::UploadsPage::Upload& upload : page->uploads) {
        if (!upload.key.starts_with(options_.prefix)) continue;
        found.emplace_back(ObjectKey(upload.key.substr(options_.prefix.size())),
                           std::move(upload.id), upload.initiated);
      }
      if (!page->next) co_return found;
      if (*page->next == marker) {
        co_return fail(does_not_advance(Operation::kListMultipartUploads));
      }
      marker = *page->next;
    }
  }

  Task<Result<std::vector<ListedObject>>> list_objects(std::string prefix,
                                                       Deadline deadline) override {
    std::vector<ListedObject> found;
    std::string token;
    while (true) {
      auto request = std::make_shared<Call>(Operation::kListObjects, "GET", "");
      request->query.emplace_back("list-type", "2");
      request->query.emplace_back("prefix", options_.prefix + prefix);
      request->query.emplace_back("max-keys", "1000");
      request->query.emplace_back("encoding-type", "url");
      if (!token.empty()) request->query.emplace_back("continuation-token", token);
      auto answer = co_await requester_->call(request, deadline);
      if (!answer) co_return fail(answer.error());
      auto page = wire::parse_objects_page(answer->body);
      if (!page) co_return fail(unreadable(Operation::kListObjects, page.error()));
      for (wire::ObjectsPage::Object& object : page->objects) {
        if (!object.key.starts_with(options_.prefix)) continue;
        found.emplace_back(ObjectKey(object.key.substr(options_.prefix.size())), object.size,
                           object.modified);
      }
      if (!page->next) co_return found;
      if (*page->next == token) co_return fail(does_not_advance(Operation::kListObjects));
      token = *page->next;
    }
  }

  // The token is in the object's metadata: nothing else was kept.
  Task<Result<Ok>> settle(ObjectSpec, Deadline) override { co_return Ok{}; }
  Task<Result<std::vector<UploadId>>> list_unsettled(Deadline) override {
    co_return std::vector<UploadId>();
  }

  Task<Result<Ok>> probe(Deadline deadline) override {
    const std::pair<std::string, std::string> from_the_start;
    auto page = co_await uploads_page("", from_the_start, 1, deadline);
    if (!page) co_return fail(page.error());
    co_return Ok{};
  }

 private:
  // A place among the calls that hold one connection while they wait for another.
  class Assembling {
   public:
    explicit Assembling(S3Store* store) : store_(store) { ++store_->assembling_; }
    ~Assembling() {
      --store_->assembling_;
      store_->assembled_.notify_all();
    }
    Assembling(const Assembling&) = delete;
    Assembling& operator=(const Assembling&) = delete;

   private:
    S3Store* const store_;
  };

  Result<std::string> full(const ObjectKey& key) const {
    if (key.empty()) return fail(Errc::kInvalidArgument, "empty object key");
    std::string name = options_.prefix + key.str();
    if (name.size() > preset_.limits.key_bytes_max) {
      return fail(Errc::kRejected, "the object's key is longer than the store allows");
    }
    return name;
  }

  Result<std::shared_ptr<Call>> object_call(Operation operation, std::string method,
                                            const ObjectKey& key) const {
    SLUICE_TRY(std::string name, full(key));
    return std::make_shared<Call>(operation, std::move(method), std::move(name));
  }

  // Headers that say what the object will be: on PutObject and CreateMultipartUpload only (S-28).
  Result<Ok> describe(Call& call, const ObjectSpec& spec) const {
    const core::ObjectAttributes& attributes = spec.attributes;
    const std::string type =
        attributes.content_type.empty() ? "application/octet-stream" : attributes.content_type;
    for (const auto& [name, value] :
         {std::pair<const char*, const std::string&>("Content-Type", type),
          {"Content-Disposition", attributes.content_disposition},
          {"Cache-Control", attributes.cache_control}}) {
      if (value.empty()) continue;
      if (!is_header_text(value)) {
        return fail(Errc::kInvalidArgument, std::string(name) + ": control character");
      }
      call.headers.add(name, value);
    }
    for (const auto& [name, value] : attributes.metadata) {
      if (!wire::is_metadata_name(name) || name == kTokenName) {
        return fail(Errc::kInvalidArgument, "unfit metadata name");
      }
      SLUICE_TRY(std::string text, wire::s3_metadata_value(value));
      call.headers.add("x-amz-meta-" + name, std::move(text));
    }
    call.headers.add(std::string("x-amz-meta-").append(kTokenName), spec.token.str());
    return Ok{};
  }

  void set_body(Call& call, Payload payload, Deadline deadline) const {
    const auto& sum = payload.checksum();
    if (preset_.checksum_sent && sum && sum->kind() == preset_.checksum) {
      call.headers.add(wire::s3_checksum_header(sum->kind()), sum->base64());
      if (preset_.sdk_checksum_algorithm) {
        call.headers.add("x-amz-sdk-checksum-algorithm", wire::s3_checksum_name(sum->kind()));
      }
    }
    call.payload_hash = wire::kUnsignedPayload;
    if (has_parked_pieces(payload)) {
      call.produced_size = payload.size();
      call.produced =
          s3::make_piece_source(std::move(payload), requester_.get(), options_.prefix, deadline);
      return;
    }
    for (const Payload::Piece& piece : payload.pieces()) call.body.append(std::get<Bytes>(piece));
    if (preset_.payload_sha256) call.payload_hash = wire::sha256_hex(call.body);
    if (preset_.content_md5) call.headers.add("Content-MD5", wire::md5_base64(call.body));
  }

  Task<Result<Answer>> send_body(std::shared_ptr<Call> call, bool assembled, Deadline deadline) {
    if (!assembled) co_return co_await requester_->call(call, deadline);
    const auto executor = co_await boost::asio::this_coro::executor;
    const fetch::Alarm alarm(executor, services_.clock, deadline.at(),
                             [this] { assembled_.notify_all(); });
    while (true) {
      const Signal::Seen seen = assembled_.seen();
      if (assembling_ < assembling_max_) break;
      if (deadline.passed(services_.clock->now())) {
        co_return fail(Errc::kUnavailable, std::string(s3::to_string(call->operation)) +
                                               ": too many parts are being assembled");
      }
      co_await assembled_.wait(seen);
    }
    const Assembling place(this);
    auto answer = co_await requester_->call(call, deadline);
    co_return answer;
  }

  // What the store computed must be what we sent, if it says so.
  Result<Ok> compare_checksum(const Answer& answer,
                              const std::optional<wire::Checksum>& sum) const {
    if (!sum) return Ok{};
    const auto theirs = wire::s3_checksum_in(answer.headers, sum->kind());
    if (theirs && *theirs != *sum) {
      return fail(Errc::kCorrupt, "the store computed another checksum than was sent");
    }
    return Ok{};
  }

  Result<Ok> check_parts(const Completion& completion) const {
    ByteCount total;
    std::uint32_t expected = 1;
    for (const PartReceipt& part : completion.parts) {
      if (part.number.value() != expected) {
        return fail(Errc::kConflict, "the part list is not consecutive from 1");
      }
      ++expected;
      total += part.size;
    }
    if (completion.parts.empty() || completion.parts.size() > preset_.limits.parts_max) {
      return fail(Errc::kConflict, "the part list is empty or too long");
    }
    if (total != completion.size) {
      return fail(Errc::kConflict, "the parts do not add up to the object's size");
    }
    return Ok{};
  }

  void add_completion_headers(Call& call, const Completion& completion) const {
    if (preset_.full_object_checksum) {
      const auto& sum = completion.checksum;
      if (sum && sum->kind() == preset_.checksum) {
        call.headers.add(wire::s3_checksum_header(sum->kind()), sum->base64());
      }
      call.headers.add("x-amz-checksum-type", "FULL_OBJECT");
    }
    if (preset_.object_size_sent) {
      call.headers.add("x-amz-mp-object-size", std::to_string(completion.size.value()));
    }
  }

  std::string completion_xml(const Completion& completion) const {
    std::vector<wire::CompletedPart> parts;
    parts.reserve(completion.parts.size());
    for (const PartReceipt& receipt : completion.parts) {
      wire::CompletedPart part;
      part.number = receipt.number.value();
      part.etag = receipt.etag.str();
      if (preset_.full_object_checksum && receipt.checksum &&
          receipt.checksum->kind() == preset_.checksum) {
        part.checksum = receipt.checksum;
      }
      parts.push_back(std::move(part));
    }
    return wire::write_complete_request(parts);
  }

  // The outcome is in the body: a result, an error, or nothing (S-15, S-16, S-17).
  Result<wire::CompleteResult> read_completion(const Answer& answer) const {
    auto result = wire::parse_complete_result(answer.body);
    if (result) return result;
    const s3::Refusal refusal = s3::make_refusal(Operation::kCompleteMultipartUpload, answer.status,
                                                 answer.headers, answer.body, false);
    if (!refusal.code.empty()) return fail(s3::to_error(refusal));
    return fail(Errc::kOutcomeUnknown,
                std::string("CompleteMultipartUpload: ") +
                    (wire::is_blank_xml(answer.body) ? "the answer ended before its result"
                                                     : result.error().detail()));
  }

  Task<Result<wire::PartsPage>> parts_page(ObjectKey key, MultipartId multipart,
                                           std::uint32_t marker, Deadline deadline) {
    auto call = object_call(Operation::kListParts, "GET", key);
    if (!call) co_return fail(call.error());
    std::shared_ptr<Call> request = *call;
    request->query.emplace_back("uploadId", multipart.str());
    request->query.emplace_back("max-parts", "1000");
    if (marker != 0) request->query.emplace_back("part-number-marker", std::to_string(marker));
    auto answer = co_await requester_->call(request, deadline);
    if (!answer) co_return fail(answer.error());
    auto page = wire::parse_parts_page(answer->body);
    if (!page) co_return fail(unreadable(Operation::kListParts, page.error()));
    co_return page;
  }

  Task<Result<wire::UploadsPage>> uploads_page(std::string prefix,
                                               std::pair<std::string, std::string> marker,
                                               int count, Deadline deadline) {
    auto request = std::make_shared<Call>(Operation::kListMultipartUploads, "GET", "");
    request->query.emplace_back("uploads", "");
    request->query.emplace_back("prefix", options_.prefix + prefix);
    request->query.emplace_back("max-uploads", std::to_string(count));
    request->query.emplace_back("encoding-type", "url");
    if (!marker.first.empty()) {
      request->query.emplace_back("key-marker", marker.first);
      request->query.emplace_back("upload-id-marker", marker.second);
    }
    auto answer = co_await requester_->call(request, deadline);
    if (!answer) co_return fail(answer.error());
    auto page = wire::parse_uploads_page(answer->body);
    if (!page) co_return fail(unreadable(Operation::kListMultipartUploads, page.error()));
    co_return page;
  }

  static Error does_not_advance(Operation operation) {
    return Error(Errc::kRejected,
                 std::string(s3::to_string(operation)) + ": the store's listing does not advance");
  }
  static Error unreadable(Operation operation, const Error& error) {
    return Error(Errc::kUnavailable, std::string(s3::to_string(operation)) + ": " + error.detail());
  }

  // Constant after construction.
  const S3Options options_;
  const s3::Preset preset_;
  const S3Services services_;
  const std::unique_ptr<s3::Requester> requester_;
  const std::uint32_t assembling_max_;

  std::uint32_t assembling_ = 0;
  Signal assembled_;
};

std::string region_of(const S3Options& options, const s3::Preset& preset,
                      const CredentialSources& sources) {
  if (!options.region.empty()) return options.region;
  if (!preset.region.empty()) return std::string(preset.region);
  return s3::configured_region(sources).value_or("us-east-1");
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> open_s3(S3Options options, S3Services services) {
  const s3::Preset* preset = s3::find_preset(options.preset);
  if (preset == nullptr) {
    return fail(Errc::kInvalidArgument,
                "preset: unknown '" + options.preset + "', known are " + s3::preset_names());
  }
  if (options.bucket.empty()) return fail(Errc::kInvalidArgument, "bucket: empty");
  if (!options.prefix.empty() && !options.prefix.ends_with('/')) {
    return fail(Errc::kInvalidArgument, "prefix: must end with '/'");
  }
  if (options.connections_max < 2) {
    return fail(Errc::kInvalidArgument, "connections_max: at least 2");
  }
  if (options.access_key.empty() != options.secret_key.reveal().empty()) {
    return fail(Errc::kInvalidArgument, "access_key and secret_key: both or none");
  }
  const s3::Preset row = configured(*preset, options);
  const std::string region = region_of(options, row, services.credential_sources);

  wire::S3Address address;
  const bool aws = options.endpoint_host.empty();
  address.host = aws ? wire::aws_s3_host(region) : options.endpoint_host;
  address.tls = aws || options.endpoint_tls;
  address.port = options.endpoint_port;
  if (address.port == 0) address.port = address.tls ? 443 : 80;
  address.bucket = options.bucket;
  address.path_style =
      options.path_style.value_or(!aws && row.path_style) || wire::needs_path_style(address);

  s3::CredentialsPtr fixed;
  if (!options.access_key.empty()) {
    wire::SigV4Credentials keys(options.access_key, options.secret_key, options.session_token);
    fixed = std::make_shared<const s3::Credentials>(std::move(keys), std::nullopt, "configuration",
                                                    false);
  }
  s3::CredentialServices for_credentials;
  for_credentials.http = services.http;
  for_credentials.clock = services.clock;
  for_credentials.random = services.random;
  for_credentials.log = services.log;
  auto credentials = std::make_unique<s3::CredentialService>(
      std::move(fixed), region, services.credential_sources, for_credentials);

  s3::RequesterServices for_requests;
  for_requests.http = services.http;
  for_requests.clock = services.clock;
  for_requests.log = services.log;
  for_requests.metrics = services.metrics;
  auto requester = std::make_unique<s3::Requester>(std::move(address), aws, region,
                                                   std::move(credentials), for_requests);
  return std::make_unique<S3Store>(std::move(options), row, std::move(services),
                                   std::move(requester));
}

}  // namespace sluice::stores
