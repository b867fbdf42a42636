#include "sim/store.h"

#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "sim/checker.h"

namespace sluice::sim {

namespace {

// A payload on its way: what is in memory is copied when the call begins, because the memory dies
// with the process; what lies in the bucket is read by the process some time later.
class Cargo {
 public:
  Cargo(Outside* outside, const Payload& payload)
      : outside_(outside), checksum_(payload.checksum()), pieces_(payload.pieces()) {
    for (Payload::Piece& piece : pieces_) {
      const auto* bytes = std::get_if<Bytes>(&piece);
      if (bytes == nullptr) continue;
      Bytes copy = Bytes::copy_of(bytes->to_string());
      piece = std::move(copy);
    }
  }
  bool needs_fetching() const {
    for (const Payload::Piece& piece : pieces_) {
      if (std::holds_alternative<StoredPiece>(piece)) return true;
    }
    return false;
  }
  void fetch() {
    for (Payload::Piece& piece : pieces_) {
      const auto* stored = std::get_if<StoredPiece>(&piece);
      if (stored == nullptr) continue;
      const auto* object = outside_->store.find_object(stored->key.str());
      const std::uint64_t begin = stored->begin.value();
      if (object == nullptr || object->bytes.size() < begin + stored->length.value()) {
        continue;  // the model refuses what is still a stored piece and missing
      }
      Bytes copy =
          Bytes::copy_of(std::string_view(object->bytes).substr(begin, stored->length.value()));
      piece = std::move(copy);
    }
  }
  Payload payload() const {
    Payload payload;
    for (const Payload::Piece& piece : pieces_) {
      std::visit([&payload](const auto& one) { payload.add(one); }, piece);
    }
    if (checksum_) payload.set_checksum(*checksum_);
    return payload;
  }

 private:
  Outside* outside_;
  std::optional<wire::Checksum> checksum_;
  std::vector<Payload::Piece> pieces_;
};

std::function<void()> fetching(const std::shared_ptr<Cargo>& cargo) {
  if (!cargo->needs_fetching()) return nullptr;
  return [cargo] { cargo->fetch(); };
}

}  // namespace

Task<Result<ObjectInfo>> SimStore::put_object(ObjectSpec spec, Payload payload, Deadline deadline) {
  auto cargo = std::make_shared<Cargo>(outside_, payload);
  payload = Payload();  // the blocks belong to the caller again
  const Instant issued = outside_->now();
  std::function<Result<ObjectInfo>()> effect = [out = outside_, spec, cargo, issued] {
    Payload sent = cargo->payload();
    const std::uint64_t size = sent.size().value();
    auto done = out->immediate.run(out->store.put_object(spec, std::move(sent), Deadline::never()));
    out->note("bucket", "put_object", spec.key.str(), size);
    if (done) out->checker->object_put(spec, issued);
    return done;
  };
  std::function<void()> fetch = fetching(cargo);
  co_return co_await line_->call<ObjectInfo>(Far::kPayload, "put_object", std::move(effect),
                                             deadline, std::move(fetch));
}

Task<Result<ObjectInfo>> SimStore::stat(ObjectKey key, Deadline deadline) {
  std::function<Result<ObjectInfo>()> effect = [out = outside_, key] {
    return out->immediate.run(out->store.stat(key, Deadline::never()));
  };
  co_return co_await line_->call<ObjectInfo>(Far::kStore, "stat", std::move(effect), deadline);
}

Task<Result<Bytes>> SimStore::get(ObjectKey key, ByteRange range, Deadline deadline) {
  std::function<Result<Bytes>()> effect = [out = outside_, key, range] {
    return out->immediate.run(out->store.get(key, range, Deadline::never()));
  };
  co_return co_await line_->call<Bytes>(Far::kStore, "get", std::move(effect), deadline);
}

Task<Result<Ok>> SimStore::remove(ObjectKey key, Deadline deadline) {
  std::function<Result<Ok>()> effect = [out = outside_, key] {
    out->note("bucket", "remove", key.str());
    out->checker->object_removed(key);
    return out->immediate.run(out->store.remove(key, Deadline::never()));
  };
  co_return co_await line_->call<Ok>(Far::kStore, "remove", std::move(effect), deadline);
}

Task<Result<MultipartId>> SimStore::create_multipart(ObjectSpec spec, Deadline deadline) {
  std::function<Result<MultipartId>()> effect = [out = outside_, spec] {
    auto made = out->immediate.run(out->store.create_multipart(spec, Deadline::never()));
    if (made) {
      out->note("bucket", "create_multipart", made->str());
      out->checker->multipart_created(spec, *made);
    }
    return made;
  };
  co_return co_await line_->call<MultipartId>(Far::kStore, "create_multipart", std::move(effect),
                                              deadline);
}

Task<Result<PartReceipt>> SimStore::put_part(PartTarget target, Payload payload,
                                             Deadline deadline) {
  outside_->checker->part_sent(target);
  auto cargo = std::make_shared<Cargo>(outside_, payload);
  payload = Payload();
  std::function<Result<PartReceipt>()> effect = [out = outside_, target, cargo] {
    Payload sent = cargo->payload();
    const std::uint64_t size = sent.size().value();
    auto done = out->immediate.run(out->store.put_part(target, std::move(sent), Deadline::never()));
    out->note("bucket", "put_part", target.multipart.str(), target.number.value(), size);
    if (done) out->checker->part_put(target, done->etag);
    return done;
  };
  std::function<void()> fetch = fetching(cargo);
  co_return co_await line_->call<PartReceipt>(Far::kPayload, "put_part", std::move(effect),
                                              deadline, std::move(fetch));
}

Task<Result<ObjectInfo>> SimStore::complete(Completion completion, Deadline deadline) {
  std::function<Result<ObjectInfo>()> effect = [out = outside_, completion] {
    out->checker->completion_asked(completion);
    auto done = out->immediate.run(out->store.complete(completion, Deadline::never()));
    out->note("bucket", "complete", completion.multipart.str(), completion.parts.size(),
              completion.size.value());
    if (done) out->checker->object_completed(completion);
    return done;
  };
  co_return co_await line_->call<ObjectInfo>(Far::kStore, "complete", std::move(effect), deadline);
}

Task<Result<Ok>> SimStore::abort(ObjectKey key, MultipartId multipart, Deadline deadline) {
  std::function<Result<Ok>()> effect = [out = outside_, key, multipart] {
    out->note("bucket", "abort", multipart.str());
    out->checker->multipart_aborted(multipart);
    return out->immediate.run(out->store.abort(key, multipart, Deadline::never()));
  };
  co_return co_await line_->call<Ok>(Far::kStore, "abort", std::move(effect), deadline);
}

Task<Result<std::vector<ListedPart>>> SimStore::list_parts(ObjectKey key, MultipartId multipart,
                                                           Deadline deadline) {
  using List = std::vector<ListedPart>;
  std::function<Result<List>()> effect = [out = outside_, key, multipart] {
    return out->immediate.run(out->store.list_parts(key, multipart, Deadline::never()));
  };
  co_return co_await line_->call<List>(Far::kStore, "list_parts", std::move(effect), deadline);
}

// Listings may be stale: an answer may show what was there when the call began.
Task<Result<std::vector<ListedMultipart>>> SimStore::list_multiparts(std::string prefix,
                                                                     Deadline deadline) {
  using List = std::vector<ListedMultipart>;
  auto now = outside_->immediate.run(outside_->store.list_multiparts(prefix, Deadline::never()));
  const bool stale = outside_->draw.chance(300);
  std::function<Result<List>()> effect = [out = outside_, prefix, now, stale] {
    if (stale) return now;
    return out->immediate.run(out->store.list_multiparts(prefix, Deadline::never()));
  };
  co_return co_await line_->call<List>(Far::kStore, "list_multiparts", std::move(effect), deadline);
}

Task<Result<std::vector<ListedObject>>> SimStore::list_objects(std::string prefix,
                                                               Deadline deadline) {
  using List = std::vector<ListedObject>;
  auto now = outside_->immediate.run(outside_->store.list_objects(prefix, Deadline::never()));
  const bool stale = outside_->draw.chance(300);
  std::function<Result<List>()> effect = [out = outside_, prefix, now, stale] {
    if (stale) return now;
    return out->immediate.run(out->store.list_objects(prefix, Deadline::never()));
  };
  co_return co_await line_->call<List>(Far::kStore, "list_objects", std::move(effect), deadline);
}

Task<Result<Ok>> SimStore::settle(ObjectSpec spec, Deadline deadline) {
  std::function<Result<Ok>()> effect = [out = outside_, spec] {
    return out->immediate.run(out->store.settle(spec, Deadline::never()));
  };
  co_return co_await line_->call<Ok>(Far::kStore, "settle", std::move(effect), deadline);
}

Task<Result<std::vector<UploadId>>> SimStore::list_unsettled(Deadline deadline) {
  using List = std::vector<UploadId>;
  std::function<Result<List>()> effect = [out = outside_] {
    return out->immediate.run(out->store.list_unsettled(Deadline::never()));
  };
  co_return co_await line_->call<List>(Far::kStore, "list_unsettled", std::move(effect), deadline);
}

Task<Result<Ok>> SimStore::probe(Deadline deadline) {
  std::function<Result<Ok>()> effect = [out = outside_] {
    return out->immediate.run(out->store.probe(Deadline::never()));
  };
  co_return co_await line_->call<Ok>(Far::kStore, "probe", std::move(effect), deadline);
}

}  // namespace sluice::sim
