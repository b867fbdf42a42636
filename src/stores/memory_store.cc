#include "stores/memory_store.h"

#include <utility>

#include "base/text.h"

namespace sluice::stores {

namespace {

// An injected fault in front of, or behind, a call's effect.
template <class T, class Call>
Result<T> with_fault(std::optional<Fault> fault, Call call) {
  if (fault && fault->when == Fault::When::kBefore) return fail(fault->code, "injected");
  Result<T> answer = call();
  if (fault && answer) return fail(fault->code, "injected: the answer was lost");
  return answer;
}

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

}  // namespace

MemoryStoreOptions::MemoryStoreOptions() {
  limits.part_min = ByteCount(5ULL << 20);
  limits.part_max = ByteCount(5ULL << 30);
  limits.part_multiple = ByteCount(1);
  limits.parts_max = 10'000;
  limits.object_max = ByteCount(5ULL << 40);
  limits.single_put_max = ByteCount(5ULL << 30);
}

MemoryStore::MemoryStore(MemoryStoreOptions options) : options_(options) {}

// ------------------------------------------------------------------------------- for assertions

const MemoryStore::Object* MemoryStore::find_object(const std::string& key) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? nullptr : &found->second;
}

const MemoryStore::Part* MemoryStore::find_part(const MultipartId& multipart,
                                                PartNumber number) const {
  const auto found = multiparts_.find(multipart);
  if (found == multiparts_.end()) return nullptr;
  const auto part = found->second.parts.find(number);
  return part == found->second.parts.end() ? nullptr : &part->second;
}

std::vector<MultipartId> MemoryStore::multipart_ids() const {
  std::vector<MultipartId> ids;
  for (const auto& [id, multipart] : multiparts_) ids.push_back(id);
  return ids;
}

std::size_t MemoryStore::calls(const std::string& operation) const {
  const auto found = calls_.find(operation);
  return found == calls_.end() ? 0 : found->second;
}

void MemoryStore::put_foreign(const std::string& key, std::string bytes) {
  Object object;
  object.checksum = checksum_of(bytes);
  object.bytes = std::move(bytes);
  object.etag = next_etag(object.bytes);
  object.modified = now();
  objects_[key] = std::move(object);
}

void MemoryStore::spoil_part(const MultipartId& multipart, PartNumber number) {
  Part& part = multiparts_.at(multipart).parts.at(number);
  part.bytes.assign(part.bytes.size(), '\x7f');
  part.checksum = checksum_of(part.bytes);
  part.etag = next_etag(part.bytes);
}

// ------------------------------------------------------------------------------------- the model

ETag MemoryStore::next_etag(const std::string& bytes) {
  if (options_.etag_of_content) return ETag("\"" + checksum_of(bytes).base64() + "\"");
  return ETag("\"etag-" + std::to_string(++counter_) + "\"");
}

Result<Ok> MemoryStore::check_key(const ObjectKey& key) const {
  if (key.empty() || key.str().size() > options_.limits.key_bytes_max) {
    return fail(Errc::kRejected, "object key is empty or too long");
  }
  if (!is_utf8(key.str())) return fail(Errc::kRejected, "object key is not UTF-8");
  return Ok{};
}

wire::Checksum MemoryStore::checksum_of(const std::string& bytes) const {
  return wire::Checksum::of(options_.checksum_kind, as_bytes(bytes));
}

Result<std::string> MemoryStore::read_payload(const Payload& payload) const {
  std::string bytes;
  bytes.reserve(payload.size().value());
  for (const Payload::Piece& piece : payload.pieces()) {
    if (const auto* resident = std::get_if<Bytes>(&piece)) {
      for (const Slice& slice : resident->slices()) bytes.append(slice.text());
      continue;
    }
    const auto& stored = std::get<StoredPiece>(piece);
    SLUICE_TRY_OK(check_key(stored.key));
    const Object* object = find_object(stored.key.str());
    const std::uint64_t begin = stored.begin.value();
    if (object == nullptr || begin > object->bytes.size() ||
        stored.length.value() > object->bytes.size() - begin) {
      return fail(Errc::kCorrupt, "a parked piece is missing or short: " + stored.key.str());
    }
    bytes.append(object->bytes, begin, stored.length.value());
  }
  if (payload.checksum()) {
    const auto real = wire::Checksum::of(payload.checksum()->kind(), as_bytes(bytes));
    if (real != *payload.checksum()) return fail(Errc::kCorrupt, "checksum does not fit the bytes");
  }
  return bytes;
}

ObjectInfo MemoryStore::info_of(const Object& object) {
  ObjectInfo info;
  info.size = ByteCount(object.bytes.size());
  info.etag = object.etag;
  info.token = object.token;
  info.checksum = object.checksum;
  return info;
}

MemoryStore::Multipart* MemoryStore::find_multipart(const ObjectKey& key, const MultipartId& id) {
  const auto found = multiparts_.find(id);
  if (found == multiparts_.end() || found->second.spec.key != key) return nullptr;
  return &found->second;
}

Result<ObjectInfo> MemoryStore::put_now(ObjectSpec spec, const Payload& payload) {
  SLUICE_TRY_OK(check_key(spec.key));
  if (payload.size() > options_.limits.single_put_max) {
    return fail(Errc::kTooLarge, "more than a single PUT may have");
  }
  SLUICE_TRY(std::string bytes, read_payload(payload));
  Object object;
  object.checksum = checksum_of(bytes);
  object.bytes = std::move(bytes);
  object.etag = next_etag(object.bytes);
  object.token = std::move(spec.token);
  object.attributes = std::move(spec.attributes);
  object.modified = now();
  if (options_.keeps_proofs && !spec.owner.empty()) unsettled_.insert(spec.owner);
  ObjectInfo info = info_of(object);
  objects_[spec.key.str()] = std::move(object);
  return info;
}

Result<Bytes> MemoryStore::get_now(const ObjectKey& key, ByteRange range) const {
  const Object* object = find_object(key.str());
  if (object == nullptr) return fail(Errc::kNotFound, "no such object");
  if (range.end().value() > object->bytes.size()) {
    return fail(Errc::kCorrupt, "the object is shorter than the range");
  }
  const std::string_view all = object->bytes;
  return Bytes::copy_of(all.substr(range.begin().value(), range.size().value()));
}

Result<PartReceipt> MemoryStore::put_part_now(const PartTarget& target, const Payload& payload) {
  Multipart* multipart = find_multipart(target.key, target.multipart);
  if (multipart == nullptr) return fail(Errc::kNotFound, "no such multipart upload");
  if (target.number.value() > options_.limits.parts_max) {
    return fail(Errc::kRejected, "part number above the limit");
  }
  if (payload.size() > options_.limits.part_max) return fail(Errc::kTooLarge, "part too large");
  if (payload.size() != target.range.size()) {
    return fail(Errc::kRejected, "a part's payload has another size than its range");
  }
  SLUICE_TRY(std::string bytes, read_payload(payload));
  Part part;
  part.checksum = checksum_of(bytes);
  part.bytes = std::move(bytes);
  part.etag = next_etag(part.bytes);
  PartReceipt receipt(target.number, part.etag, payload.size(), part.checksum);
  multipart->parts[target.number] = std::move(part);
  return receipt;
}

Result<ObjectInfo> MemoryStore::complete_now(const Completion& completion) {
  Multipart* multipart = find_multipart(completion.spec.key, completion.multipart);
  if (multipart == nullptr) return fail(Errc::kNotFound, "no such multipart upload");
  if (completion.parts.empty()) return fail(Errc::kRejected, "completion without parts");
  std::uint32_t expected = 1;
  std::string bytes;
  std::size_t first_size = 0;
  for (const PartReceipt& receipt : completion.parts) {
    if (receipt.number.value() != expected++) {
      return fail(Errc::kConflict, "parts are not ascending from 1");
    }
    const auto part = multipart->parts.find(receipt.number);
    if (part == multipart->parts.end() || part->second.etag != receipt.etag) {
      return fail(Errc::kConflict, "part " + std::to_string(expected - 1) + " is not there");
    }
    const std::size_t size = part->second.bytes.size();
    const bool last = &receipt == &completion.parts.back();
    if (!last && ByteCount(size) < options_.limits.part_min) {
      return fail(Errc::kConflict, "part " + std::to_string(expected - 1) + " is too small");
    }
    if (first_size == 0) first_size = size;
    if (options_.limits.equal_parts && (last ? size > first_size : size != first_size)) {
      return fail(Errc::kConflict, "parts are not of equal size");
    }
    bytes += part->second.bytes;
  }
  if (ByteCount(bytes.size()) != completion.size) {
    return fail(Errc::kCorrupt, "the parts have another size than the object");
  }
  if (completion.checksum) {
    const auto real = wire::Checksum::of(completion.checksum->kind(), as_bytes(bytes));
    if (real != *completion.checksum) {
      return fail(Errc::kCorrupt, "the object has another checksum");
    }
  }
  Object object;
  object.checksum = checksum_of(bytes);
  object.bytes = std::move(bytes);
  object.etag = next_etag(object.bytes);
  // Metadata was fixed when the multipart upload was created, as on S3.
  object.token = multipart->spec.token;
  object.attributes = multipart->spec.attributes;
  object.modified = now();
  const UploadId& owner = multipart->spec.owner;
  if (options_.keeps_proofs && !owner.empty()) unsettled_.insert(owner);
  ObjectInfo info = info_of(object);
  objects_[completion.spec.key.str()] = std::move(object);
  multiparts_.erase(completion.multipart);
  return info;
}

// -------------------------------------------------------------------------------------- the port

Task<std::optional<Fault>> MemoryStore::enter(std::string operation, Deadline deadline) {
  ++calls_[operation];
  std::optional<Fault> fault = faults_.next(operation);
  if (hook_) co_await hook_(std::move(operation));
  const bool late =
      !deadline.is_never() && options_.clock != nullptr && deadline.passed(options_.clock->now());
  if (late && !fault) fault = Fault::before(Errc::kOutcomeUnknown);
  co_return fault;
}

Task<Result<ObjectInfo>> MemoryStore::put_object(ObjectSpec spec, Payload payload,
                                                 Deadline deadline) {
  const std::optional<Fault> fault = co_await enter("put_object", deadline);
  co_return with_fault<ObjectInfo>(fault, [&] { return put_now(std::move(spec), payload); });
}

Task<Result<ObjectInfo>> MemoryStore::stat(ObjectKey key, Deadline deadline) {
  const std::optional<Fault> fault = co_await enter("stat", deadline);
  co_return with_fault<ObjectInfo>(fault, [&]() -> Result<ObjectInfo> {
    const Object* object = find_object(key.str());
    if (object == nullptr) return fail(Errc::kNotFound, "no such object");
    return info_of(*object);
  });
}

Task<Result<Bytes>> MemoryStore::get(ObjectKey key, ByteRange range, Deadline deadline) {
  const std::optional<Fault> fault = co_await enter("get", deadline);
  co_return with_fault<Bytes>(fault, [&] { return get_now(key, range); });
}

Task<Result<Ok>> MemoryStore::remove(ObjectKey key, Deadline deadline) {
  const std::optional<Fault> fault = co_await enter("remove", deadline);
  co_return with_fault<Ok>(fault, [&]() -> Result<Ok> {
    objects_.erase(key.str());
    return Ok{};
  });
}

Task<Result<MultipartId>> MemoryStore::create_multipart(ObjectSpec spec, Deadline deadline) {
  const std::optional<Fault> fault = co_await enter("create_multipart", deadline);
  co_return with_fault<MultipartId>(fault, [&]() -> Result<MultipartId> {
    SLUICE_TRY_OK(check_key(spec.key));
    const MultipartId id("multipart-" + std::to_string(++counter_));
    multiparts_.emplace(id, Multipart{std::move(spec), now(), {}});
    return id;
  });
}

Task<Result<PartReceipt>> MemoryStore::put_part(PartTarget target, Payload payload,
                                                Deadline deadline) {
  const std::optional<Fault> fault = co_await enter("put_part", deadline);
  co_return with_fault<PartReceipt>(fault, [&] { return put_part_now(target, payload); });
}

Task<Result<ObjectInfo>> MemoryStore::complete(Completion completion, Deadline deadline) {
  const std::optional<Fault> fault = co_await enter("complete", deadline);
  co_return with_fault<ObjectInfo>(fault, [&] { return complete_now(completion); });
}

Task<Result<Ok>> MemoryStore::abort(ObjectKey key, MultipartId multipart, Deadline deadline) {
  const std::optional<Fault> fault = co_await enter("abort", deadline);
  co_return with_fault<Ok>(fault, [&]() -> Result<Ok> {
    if (find_multipart(key, multipart) != nullptr) multiparts_.erase(multipart);
    return Ok{};
  });
}

Task<Result<std::vector<ListedPart>>> MemoryStore::list_parts(ObjectKey key, MultipartId multipart,
                                                              Deadline deadline) {
  const std::optional<Fault> fault = co_await enter("list_parts", deadline);
  using List = std::vector<ListedPart>;
  co_return with_fault<List>(fault, [&]() -> Result<List> {
    const Multipart* found = find_multipart(key, multipart);
    if (found == nullptr) return fail(Errc::kNotFound, "no such multipart upload");
    List list;
    for (const auto& [number, part] : found->parts) {
      list.emplace_back(number, part.etag, ByteCount(part.bytes.size()));
    }
    return list;
  });
}

Task<Result<std::vector<ListedMultipart>>> MemoryStore::list_multiparts(std::string prefix,
                                                                        Deadline deadline) {
  const std::optional<Fault> fault = co_await enter("list_multiparts", deadline);
  using List = std::vector<ListedMultipart>;
  co_return with_fault<List>(fault, [&]() -> Result<List> {
    List list;
    for (const auto& [id, multipart] : multiparts_) {
      if (!starts_with(multipart.spec.key.str(), prefix)) continue;
      list.emplace_back(multipart.spec.key, id, multipart.initiated);
    }
    return list;
  });
}

Task<Result<std::vector<ListedObject>>> MemoryStore::list_objects(std::string prefix,
                                                                  Deadline deadline) {
  const std::optional<Fault> fault = co_await enter("list_objects", deadline);
  using List = std::vector<ListedObject>;
  co_return with_fault<List>(fault, [&]() -> Result<List> {
    List list;
    for (const auto& [key, object] : objects_) {
      if (!starts_with(key, prefix)) continue;
      list.emplace_back(ObjectKey(key), ByteCount(object.bytes.size()), object.modified);
    }
    return list;
  });
}

Task<Result<Ok>> MemoryStore::settle(ObjectSpec spec, Deadline deadline) {
  const std::optional<Fault> fault = co_await enter("settle", deadline);
  co_return with_fault<Ok>(fault, [&]() -> Result<Ok> {
    unsettled_.erase(spec.owner);
    return Ok{};
  });
}

Task<Result<std::vector<UploadId>>> MemoryStore::list_unsettled(Deadline deadline) {
  const std::optional<Fault> fault = co_await enter("list_unsettled", deadline);
  using List = std::vector<UploadId>;
  co_return with_fault<List>(
      fault, [&]() -> Result<List> { return List(unsettled_.begin(), unsettled_.end()); });
}

Task<Result<Ok>> MemoryStore::probe(Deadline deadline) {
  const std::optional<Fault> fault = co_await enter("probe", deadline);
  co_return with_fault<Ok>(fault, []() -> Result<Ok> { return Ok{}; });
}

}  // namespace sluice::stores
