#include "sim/state_db.h"

#include <utility>

#include "sim/checker.h"

namespace sluice::sim {

Task<Result<FenceToken>> SimStateDb::create(UploadRow row, std::optional<UploadId> replaces) {
  std::function<Result<FenceToken>()> effect = [out = outside_, row, replaces] {
    auto token = out->immediate.run(out->state.create(row, replaces));
    if (token) {
      out->note("database", "create", row.id.str(), row.total ? row.total->value() : 0);
      out->checker->upload_created(row, *token);
    }
    return token;
  };
  co_return co_await line_->call<FenceToken>(Far::kDatabase, "create", std::move(effect),
                                             Deadline::never());
}

Task<Result<FenceToken>> SimStateDb::claim(UploadId id, ByteRange range) {
  std::function<Result<FenceToken>()> effect = [out = outside_, id, range] {
    auto token = out->immediate.run(out->state.claim(id, range));
    if (token) {
      out->note("database", "claim", id.str(), *token);
      out->checker->claimed(id, *token);
    }
    return token;
  };
  co_return co_await line_->call<FenceToken>(Far::kDatabase, "claim", std::move(effect),
                                             Deadline::never());
}

Task<Result<Ok>> SimStateDb::commit(Mutation mutation) {
  std::function<Result<Ok>()> effect = [out = outside_, mutation] {
    auto done = out->immediate.run(out->state.commit(mutation));
    out->note("database", "commit", done ? mutation.id.str() : done.error().detail(),
              mutation.token, mutation.changes.size());
    if (done) out->checker->committed(mutation);
    return done;
  };
  co_return co_await line_->call<Ok>(Far::kDatabase, "commit", std::move(effect),
                                     Deadline::never());
}

Task<Result<UploadRow>> SimStateDb::load(UploadId id) {
  return plain<UploadRow>("load", [out = outside_, id] { return out->state.load(id); });
}

Task<Result<UploadRow>> SimStateDb::find(std::string subject, std::string name) {
  return plain<UploadRow>(
      "find", [out = outside_, subject, name] { return out->state.find(subject, name); });
}

Task<Result<UploadId>> SimStateDb::find_multipart(MultipartId multipart) {
  return plain<UploadId>("find_multipart", [out = outside_, multipart] {
    return out->state.find_multipart(multipart);
  });
}

Task<Result<std::vector<UploadRow>>> SimStateDb::list(UploadFilter filter) {
  return plain<std::vector<UploadRow>>(
      "list", [out = outside_, filter] { return out->state.list(filter); });
}

Task<Result<std::uint64_t>> SimStateDb::forget_finished(WallTime before) {
  return plain<std::uint64_t>(
      "forget_finished", [out = outside_, before] { return out->state.forget_finished(before); });
}

Task<Result<std::vector<OutboxRow>>> SimStateDb::outbox(std::size_t limit) {
  return plain<std::vector<OutboxRow>>(
      "outbox", [out = outside_, limit] { return out->state.outbox(limit); });
}

Task<Result<Ok>> SimStateDb::mark_delivered(std::string event_id, WallTime now) {
  return plain<Ok>("mark_delivered", [out = outside_, event_id, now] {
    return out->state.mark_delivered(event_id, now);
  });
}

Task<Result<Ok>> SimStateDb::probe() {
  return plain<Ok>("probe", [out = outside_] { return out->state.probe(); });
}

}  // namespace sluice::sim
