#include "stores/retrying_store.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "stores/adaptive_limit.h"

namespace sluice::stores {

namespace {

// How often a payload is sent again that the store received damaged (S-26).
constexpr std::uint32_t kResendsWhenCorrupt = 2;

bool transient(Errc code) noexcept {
  return code == Errc::kUnavailable || code == Errc::kThrottled || code == Errc::kOutcomeUnknown ||
         code == Errc::kTimedOut || code == Errc::kDisconnected;
}

// Full jitter in [0, min(cap, base * 2^retries)].
Duration pause(const RetryOptions& options, bool throttled, std::uint32_t retries, Random* random) {
  const Duration cap = options.cap;
  Duration longest = throttled ? options.throttled_base : options.base;
  for (std::uint32_t i = 0; i < retries && longest < cap; ++i) longest *= 2;
  longest = std::min(longest, cap);
  return Duration(random->below(static_cast<std::uint64_t>(longest.count()) + 1));
}

class RetryingStore final : public ObjectStore {
 public:
  RetryingStore(std::unique_ptr<ObjectStore> store, RetryOptions options, RetryServices services)
      : store_(std::move(store)),
        options_(options),
        services_(services),
        limit_(services.clock),
        tokens_(options.budget_tokens) {}

  const core::StoreLimits& limits() const noexcept override { return store_->limits(); }
  wire::ChecksumKind checksum_kind() const noexcept override { return store_->checksum_kind(); }

  Task<Result<ObjectInfo>> put_object(ObjectSpec spec, Payload payload,
                                      Deadline deadline) override {
    auto call = [this, spec = std::move(spec), payload = std::move(payload), deadline] {
      return store_->put_object(spec, payload, deadline);
    };
    return repeat<ObjectInfo>("PutObject", std::move(call), deadline, kResendsWhenCorrupt);
  }

  Task<Result<ObjectInfo>> stat(ObjectKey key, Deadline deadline) override {
    auto call = [this, key = std::move(key), deadline] { return store_->stat(key, deadline); };
    return repeat<ObjectInfo>("HeadObject", std::move(call), deadline);
  }

  Task<Result<Bytes>> get(ObjectKey key, ByteRange range, Deadline deadline) override {
    auto call = [this, key = std::move(key), range, deadline] {
      return store_->get(key, range, deadline);
    };
    return repeat<Bytes>("GetObject", std::move(call), deadline);
  }

  Task<Result<Ok>> remove(ObjectKey key, Deadline deadline) override {
    auto call = [this, key = std::move(key), deadline] { return store_->remove(key, deadline); };
    return repeat<Ok>("DeleteObject", std::move(call), deadline);
  }

  Task<Result<MultipartId>> create_multipart(ObjectSpec spec, Deadline deadline) override {
    auto call = [this, spec = std::move(spec), deadline] {
      return store_->create_multipart(spec, deadline);
    };
    return repeat<MultipartId>("CreateMultipartUpload", std::move(call), deadline);
  }

  Task<Result<PartReceipt>> put_part(PartTarget target, Payload payload,
                                     Deadline deadline) override {
    auto call = [this, target = std::move(target), payload = std::move(payload), deadline] {
      return store_->put_part(target, payload, deadline);
    };
    return repeat<PartReceipt>("UploadPart", std::move(call), deadline, kResendsWhenCorrupt);
  }

  Task<Result<ObjectInfo>> complete(Completion completion, Deadline deadline) override {
    auto call = [this, completion = std::move(completion), deadline] {
      return store_->complete(completion, deadline);
    };
    return repeat<ObjectInfo>("CompleteMultipartUpload", std::move(call), deadline);
  }

  Task<Result<Ok>> abort(ObjectKey key, MultipartId multipart, Deadline deadline) override {
    auto call = [this, key = std::move(key), multipart = std::move(multipart), deadline] {
      return store_->abort(key, multipart, deadline);
    };
    return repeat<Ok>("AbortMultipartUpload", std::move(call), deadline);
  }

  Task<Result<std::vector<ListedPart>>> list_parts(ObjectKey key, MultipartId multipart,
                                                   Deadline deadline) override {
    auto call = [this, key = std::move(key), multipart = std::move(multipart), deadline] {
      return store_->list_parts(key, multipart, deadline);
    };
    return repeat<std::vector<ListedPart>>("ListParts", std::move(call), deadline);
  }

  Task<Result<std::vector<ListedMultipart>>> list_multiparts(std::string prefix,
                                                             Deadline deadline) override {
    auto call = [this, prefix = std::move(prefix), deadline] {
      return store_->list_multiparts(prefix, deadline);
    };
    return repeat<std::vector<ListedMultipart>>("ListMultipartUploads", std::move(call), deadline);
  }

  Task<Result<std::vector<ListedObject>>> list_objects(std::string prefix,
                                                       Deadline deadline) override {
    auto call = [this, prefix = std::move(prefix), deadline] {
      return store_->list_objects(prefix, deadline);
    };
    return repeat<std::vector<ListedObject>>("ListObjects", std::move(call), deadline);
  }

  Task<Result<Ok>> settle(ObjectSpec spec, Deadline deadline) override {
    auto call = [this, spec = std::move(spec), deadline] { return store_->settle(spec, deadline); };
    return repeat<Ok>("Settle", std::move(call), deadline);
  }

  Task<Result<std::vector<UploadId>>> list_unsettled(Deadline deadline) override {
    auto call = [this, deadline] { return store_->list_unsettled(deadline); };
    return repeat<std::vector<UploadId>>("ListUnsettled", std::move(call), deadline);
  }

  Task<Result<Ok>> probe(Deadline deadline) override {
    auto call = [this, deadline] { return store_->probe(deadline); };
    return repeat<Ok>("Probe", std::move(call), deadline);
  }

 private:
  // `call` makes one attempt, each time with the same arguments. `operation`: a literal.
  template <class T, class Call>
  Task<Result<T>> repeat(const char* operation, Call call, Deadline deadline,
                         std::uint32_t corrupt_left = 0) {
    const Instant began = services_.clock->now();
    std::optional<Error> last;
    std::uint32_t counted = 0;  // attempts that the store did not throttle
    bool maybe_done = false;
    for (std::uint32_t retries = 0;; ++retries) {
      AdaptiveLimit::Pass pass(&limit_);
      const bool entered = co_await pass.enter(deadline);
      if (!entered) {
        if (!last) last.emplace(Errc::kTimedOut, "too many calls wait for a store that throttles");
        co_return give_up(*last, maybe_done);
      }
      Task<Result<T>> attempt = call();
      Result<T> answer = co_await std::move(attempt);
      if (answer) {
        pass.leave(AdaptiveLimit::Answer::kSuccess);
        tokens_ = std::min(options_.budget_tokens, tokens_ + options_.budget_per_success);
        co_return answer;
      }
      const Errc code = answer.error().code();
      const bool throttled = code == Errc::kThrottled;
      pass.leave(throttled ? AdaptiveLimit::Answer::kThrottled : AdaptiveLimit::Answer::kOther);
      const bool corrupt = code == Errc::kCorrupt && corrupt_left > 0;
      if (!transient(code) && !corrupt) co_return answer;
      if (corrupt) --corrupt_left;
      if (code == Errc::kOutcomeUnknown || code == Errc::kDisconnected) maybe_done = true;
      last = std::move(answer).error();

      // A store that throttles is there and asks for patience: attempts do not count for a while.
      // The longer pauses and the shrinking limit keep the traffic down, as the budget does
      // otherwise.
      const bool patient = services_.clock->now() - began < options_.throttled_patience;
      if (!throttled || !patient) {
        if (++counted >= options_.attempts_max || tokens_ < 1) co_return give_up(*last, maybe_done);
        tokens_ -= 1;
      }
      const Duration wait = pause(options_, throttled, retries, services_.random);
      const Instant next = services_.clock->now() + wait;
      if (deadline.passed(next)) co_return give_up(*last, maybe_done);
      co_await services_.clock->sleep_until(next);
      services_.metrics->store_retry(operation);
    }
  }

  // "It did not happen" must not be said of a call of which an earlier attempt may have happened.
  static tl::unexpected<Error> give_up(const Error& last, bool maybe_done) {
    if (maybe_done && transient(last.code())) return fail(Errc::kOutcomeUnknown, last.detail());
    return fail(last);
  }

  const std::unique_ptr<ObjectStore> store_;
  const RetryOptions options_;
  const RetryServices services_;
  AdaptiveLimit limit_;
  double tokens_;  // of the retry budget
};

}  // namespace

std::unique_ptr<ObjectStore> make_retrying_store(std::unique_ptr<ObjectStore> store,
                                                 RetryOptions options, RetryServices services) {
  return std::make_unique<RetryingStore>(std::move(store), options, services);
}

}  // namespace sluice::stores
