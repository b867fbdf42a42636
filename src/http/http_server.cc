#include "http/http_server.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

#include "core/problem.h"
#include "http/answer.h"
#include "http/request_id.h"
#include "wire/http1.h"

namespace sluice::http {

namespace {

// How many refusals may be on their way at once; beyond it streams are closed without a word.
constexpr std::size_t kTurningAwayMax = 64;
constexpr std::chrono::seconds kTurnAwayTime{2};
constexpr int kRetryAfterS = 5;

// What a connection with its upload costs beside its blocks, as measured with thousands of them, and
// OpenSSL's part. It comes out of the budget for upload bytes.
constexpr ByteCount kConnectionBytes{16U << 10};
constexpr ByteCount kTlsBytes{16U << 10};

}  // namespace

// A connection, and its place in the list for as long as it exists: also when its task is cancelled
// before it ever ran.
class HttpServer::Listed {
 public:
  Listed(std::shared_ptr<Live> live, const Connection::Services& services, bool encrypted,
         std::unique_ptr<Connection> connection)
      : live_(std::move(live)),
        metrics_(services.metrics),
        pool_(services.pool),
        cost_(encrypted ? kConnectionBytes + kTlsBytes : kConnectionBytes),
        connection_(std::move(connection)),
        place_(live_->connections.insert(live_->connections.end(), connection_.get())) {
    metrics_->connection_opened();
    if (pool_ != nullptr) pool_->set_aside(cost_);
  }
  ~Listed() {
    if (pool_ != nullptr) pool_->give_back(cost_);
    live_->open->fetch_sub(1);
    live_->connections.erase(place_);
    metrics_->connection_closed();
  }
  Listed(const Listed&) = delete;
  Listed& operator=(const Listed&) = delete;

  Connection* get() const noexcept { return connection_.get(); }

 private:
  const std::shared_ptr<Live> live_;
  Metrics* const metrics_;
  BlockPool* const pool_;
  const ByteCount cost_;
  const std::unique_ptr<Connection> connection_;
  const std::list<Connection*>::iterator place_;
};

HttpServer::HttpServer(Connection::Services services, HttpOptions options,
                       std::shared_ptr<std::atomic<std::size_t>> open)
    : services_(std::move(services)),
      options_(std::move(options)),
      live_(std::make_shared<Live>()),
      scope_(services_.executor) {
  live_->open = open ? std::move(open) : std::make_shared<std::atomic<std::size_t>>(0);
}

HttpServer::~HttpServer() = default;

void HttpServer::serve(std::unique_ptr<Stream> stream) {
  if (live_->open->fetch_add(1) < options_.connections_max) {
    const bool encrypted = stream->encrypted();
    auto connection = std::make_unique<Connection>(services_, &options_, std::move(stream));
    if (stopping_) connection->stop();
    // Counted now, not when the task starts: many may be handed over in between.
    auto listed = std::make_unique<Listed>(live_, services_, encrypted, std::move(connection));
    scope_.spawn(run(std::move(listed)));
    return;
  }
  live_->open->fetch_sub(1);
  if (turning_away_ >= kTurningAwayMax) return;
  ++turning_away_;
  scope_.spawn(turn_away(std::move(stream)));
}

void HttpServer::stop() noexcept {
  stopping_ = true;
  for (Connection* connection : live_->connections) connection->stop();
}

Task<void> HttpServer::drain(Deadline deadline) {
  stop();
  TaskScope timer(services_.executor);
  if (!deadline.is_never()) timer.spawn(cancel_at(deadline));
  co_await scope_.join();
  timer.cancel();
  co_await timer.join();
}

Task<void> HttpServer::run(std::unique_ptr<Listed> listed) {
  co_await listed->get()->serve();
}

Task<void> HttpServer::turn_away(std::unique_ptr<Stream> stream) {
  struct Counted {
    explicit Counted(std::size_t* n) : number(n) {}
    ~Counted() { --*number; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    std::size_t* const number;
  };
  const Counted counted(&turning_away_);
  const Instant began = services_.clock->now();
  const Deadline deadline(began + kTurnAwayTime);
  const std::string id = new_request_id(services_.random);
  core::Problem problem(core::ProblemType::kOverloaded, "too many connections");
  problem.retry_after_s = kRetryAfterS;
  Answer answer = problem_answer(problem, id);
  answer.head.headers.add("X-Request-Id", id);
  answer.head.headers.add("Content-Length", std::to_string(answer.body.size()));
  answer.head.headers.add("Connection", "close");
  const std::string text = wire::write_response_head(answer.head) + answer.body;
  std::vector<ConstBuffer> from;
  from.push_back(ConstBuffer{reinterpret_cast<const std::byte*>(text.data()), text.size()});
  const auto written = co_await stream->write(std::move(from), deadline);
  if (!written) co_return;
  services_.metrics->http_request("none", "none", answer.head.status,
                                  services_.clock->now() - began);
  stream->shutdown_write();
  // Whatever the client has sent meanwhile must not turn the answer into a reset.
  std::vector<std::byte> buffer(4U << 10);
  while (true) {
    std::vector<MutableBuffer> into;
    into.push_back(MutableBuffer{buffer.data(), buffer.size()});
    const auto got = co_await stream->read(std::move(into), deadline);
    if (!got || *got == 0) co_return;
  }
}

Task<void> HttpServer::cancel_at(Deadline deadline) {
  co_await services_.clock->sleep_until(deadline.at());
  scope_.cancel();
}

}  // namespace sluice::http
