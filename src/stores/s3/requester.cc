#include "stores/s3/requester.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "wire/s3_time.h"
#include "wire/s3_xml.h"

namespace sluice::stores::s3 {

namespace {

constexpr std::size_t kErrorBytesMax = 64U << 10;
constexpr std::uint32_t kFreshMax = 8;
// A difference that could be the reason of a refusal. S3 itself allows 15 minutes.
constexpr auto kSkewThatMatters = std::chrono::minutes(5);

// A region comes from the network and becomes part of a host name.
bool is_region_name(std::string_view region) noexcept {
  return !region.empty() && region.size() <= 40 &&
         std::all_of(region.begin(), region.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

bool is_success(int status) noexcept {
  return status >= 200 && status < 300;
}

// Failures after which the connection's path may be at fault.
bool wants_fresh_connection(Errc code) noexcept {
  return code == Errc::kUnavailable || code == Errc::kOutcomeUnknown;
}

std::string_view result_word(Errc code) noexcept {
  return to_string(code);
}

}  // namespace

Requester::Requester(wire::S3Address address, bool aws, std::string region,
                     std::unique_ptr<CredentialService> credentials, RequesterServices services)
    : aws_(aws),
      credentials_(std::move(credentials)),
      services_(services),
      address_(std::move(address)),
      region_(std::move(region)) {}

Task<Result<Answer>> Requester::call(std::shared_ptr<const Call> call, Deadline deadline) {
  const Instant start = services_.clock->now();
  auto response = co_await send(call, deadline);
  if (!response) {
    count(*call, result_word(response.error().code()), start);
    co_return fail(response.error());
  }
  fetch::Response* const source = response->get();
  auto body = co_await read_all(source, call->answer_max, deadline);
  if (!body) {
    ++fresh_wanted_;
    const Error error = to_error(call->operation, body.error());
    count(*call, result_word(error.code()), start);
    co_return fail(error);
  }
  count(*call, "ok", start);
  Answer answer;
  answer.status = source->status();
  answer.headers = source->headers();
  answer.body = *std::move(body);
  co_return answer;
}

Task<Result<std::unique_ptr<fetch::Response>>> Requester::open(std::shared_ptr<const Call> call,
                                                               Deadline deadline) {
  const Instant start = services_.clock->now();
  auto response = co_await send(call, deadline);
  if (response) {
    count(*call, "ok", start);
  } else {
    count(*call, result_word(response.error().code()), start);
  }
  co_return response;
}

Task<Result<std::unique_ptr<fetch::Response>>> Requester::send(std::shared_ptr<const Call> call,
                                                               Deadline deadline) {
  Repairs repairs;
  while (true) {
    auto credentials = co_await credentials_->get(deadline);
    if (!credentials) co_return fail(credentials.error());
    fetch::Request request = build(*call, **credentials);
    const bool fresh = fresh_wanted_ > 0;
    if (fresh) --fresh_wanted_;
    auto response = co_await services_.http->send(std::move(request), deadline, fresh);
    if (!response) {
      fresh_wanted_ = std::min(fresh_wanted_ + 1, kFreshMax);
      // The body's own failure says more than "the request was cut short". Nothing was stored:
      // the announced length never came.
      if (call->produced && call->produced->failure()) co_return fail(*call->produced->failure());
      co_return fail(to_error(call->operation, response.error()));
    }
    fetch::Response* const refused = response->get();
    if (is_success(refused->status())) co_return std::move(*response);

    auto body = co_await read_all(refused, kErrorBytesMax, deadline);
    if (!body && body.error().code() != Errc::kTooLarge) {
      // The status alone is not the store's word: what it meant was cut off.
      fresh_wanted_ = std::min(fresh_wanted_ + 1, kFreshMax);
      co_return fail(to_error(call->operation, body.error()));
    }
    const std::string text = body.value_or(std::string());
    const Refusal refusal = make_refusal(call->operation, refused->status(), refused->headers(),
                                         text, (*credentials)->temporary());
    if (repair(repairs, refusal, refused->headers(), text, *credentials)) continue;
    Error error = to_error(refusal);
    if (wants_fresh_connection(error.code())) {
      fresh_wanted_ = std::min(fresh_wanted_ + 1, kFreshMax);
    }
    co_return fail(std::move(error));
  }
}

fetch::Request Requester::build(const Call& call, const Credentials& credentials) {
  const std::string path = wire::s3_path(address_, call.key);
  std::string target = path;
  if (!call.query.empty()) target += "?" + wire::canonical_query(call.query);
  fetch::Request request(Endpoint(wire::s3_connect_host(address_), address_.port, address_.tls),
                         call.method, std::move(target));
  request.headers.add("Host", wire::s3_host_header(address_));
  for (const wire::Header& header : call.headers.list()) {
    request.headers.add(header.name, header.value);
  }
  wire::sign_request(call.method, path, call.query, request.headers, call.payload_hash,
                     credentials.keys, region_, "s3", services_.clock->wall_now() + clock_offset_,
                     keys_);
  if (call.produced) {
    request.producer = call.produced->start();
    request.producer_length = call.produced_size;
    request.resend_safe = false;  // what was produced is gone
  } else {
    request.body = call.body;
  }
  return request;
}

bool Requester::repair(Repairs& done, const Refusal& refusal, const wire::Headers& headers,
                       const std::string& body, const CredentialsPtr& used) {
  if (!done.region && is_wrong_region(refusal) && learn_region(headers, body)) {
    done.region = true;
    return true;
  }
  if (!done.clock && may_be_clock_skew(refusal) && learn_clock(refusal, headers)) {
    done.clock = true;
    return true;
  }
  if (!done.credentials && is_refused_token(refusal) && credentials_->refuse(used)) {
    done.credentials = true;
    services_.log->info("the store refused the credentials; asking for new ones",
                        {{"source", used->source}, {"code", refusal.code}});
    return true;
  }
  return false;
}

bool Requester::learn_region(const wire::Headers& headers, const std::string& body) {
  std::string region;
  if (const std::string* header = headers.find("x-amz-bucket-region")) {
    region = *header;
  } else if (const auto error = wire::parse_s3_error(body)) {
    region = error->region;
  }
  if (!is_region_name(region) || region == region_) return false;
  services_.log->warn("the bucket is in another region than configured",
                      {{"configured", region_}, {"region", region}});
  region_ = region;
  if (aws_) address_.host = wire::aws_s3_host(region_);
  return true;
}

bool Requester::learn_clock(const Refusal& refusal, const wire::Headers& headers) {
  const std::string* header = headers.find("date");
  if (header == nullptr) return false;
  const auto theirs = wire::parse_http_date(*header);
  if (!theirs) return false;
  const WallTime ours = services_.clock->wall_now();
  const auto offset = *theirs - ours;
  const auto change = std::chrono::abs(offset - clock_offset_);
  // Where the Code names the clock, any difference beyond the header's resolution is worth a try.
  const bool named = refusal.code == "RequestTimeTooSkewed";
  if (change < (named ? std::chrono::milliseconds(2'000) : kSkewThatMatters)) return false;
  clock_offset_ = offset;
  services_.log->warn(
      "our clock and the store's differ; requests are signed with the store's time",
      {{"seconds", std::chrono::duration_cast<std::chrono::seconds>(offset).count()}});
  return true;
}

void Requester::count(const Call& call, std::string_view result, Instant since) {
  services_.metrics->store_request(to_string(call.operation), result,
                                   services_.clock->now() - since);
}

Task<Result<std::string>> read_all(fetch::Response* response, std::size_t max, Deadline deadline) {
  std::string text;
  std::array<std::byte, 8192> piece{};
  while (true) {
    const MutableBuffer into{piece.data(), piece.size()};
    auto n = co_await response->read(into, deadline);
    if (!n) co_return fail(n.error());
    if (*n == 0) co_return text;
    if (*n > max - text.size()) co_return fail(Errc::kTooLarge, "the answer is too long");
    text.append(reinterpret_cast<const char*>(piece.data()), *n);
  }
}

}  // namespace sluice::stores::s3
