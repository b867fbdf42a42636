#include "stores/s3/scripted_s3.h"

#include <algorithm>

namespace sluice::stores::s3::testing {

// --- time

Task<void> VirtualClock::sleep_until(Instant when) {
  auto signal = std::make_shared<Signal>();
  while (true) {
    const Signal::Seen seen = signal->seen();
    if (now_ >= when) co_return;
    alarm(when, signal);
    co_await signal->wait(seen);
  }
}

void VirtualClock::alarm(Instant at, std::shared_ptr<Signal> signal) {
  if (at != Instant::max()) alarms_.emplace(at, std::move(signal));
}

bool VirtualClock::advance() {
  if (alarms_.empty()) return false;
  advance_to(std::max(now_, alarms_.begin()->first));
  return true;
}

void VirtualClock::advance_to(Instant at) {
  now_ = at;
  while (!alarms_.empty() && alarms_.begin()->first <= now_) {
    const std::shared_ptr<Signal> signal = alarms_.begin()->second;
    alarms_.erase(alarms_.begin());
    signal->notify_all();
  }
}

// --- connections

class ScriptedStream final : public Stream {
 public:
  ScriptedStream(ScriptedNet* net, Endpoint endpoint, int number)
      : net_(net), endpoint_(std::move(endpoint)), number_(number) {}

  Task<Result<Ok>> wait_readable(std::size_t low_water, Deadline deadline) override {
    static_cast<void>(low_water);
    while (true) {
      const Signal::Seen seen = changed_->seen();
      if (cancelled_) {
        cancelled_ = false;
        co_return fail(Errc::kCancelled, "read cancelled");
      }
      if (closed_) co_return fail(Errc::kDisconnected, "closed");
      if (readable()) co_return Ok{};
      if (deadline.passed(net_->clock_->now())) co_return fail(Errc::kTimedOut, "read");
      net_->clock_->alarm(deadline.at(), changed_);
      co_await changed_->wait(seen);
    }
  }

  Task<Result<std::size_t>> read(std::vector<MutableBuffer> into, Deadline deadline) override {
    auto ready = co_await wait_readable(1, deadline);
    if (!ready) co_return fail(ready.error());
    if (answers_.empty()) {
      if (reset_) co_return fail(Errc::kDisconnected, "reset by the server");
      co_return std::size_t{0};
    }
    std::string& text = answers_.front().text;
    std::size_t total = 0;
    for (const MutableBuffer& buffer : into) {
      const std::size_t n = std::min(buffer.size, text.size() - total);
      std::copy_n(text.data() + total, n, reinterpret_cast<char*>(buffer.data));
      total += n;
    }
    text.erase(0, total);
    if (text.empty()) answers_.pop_front();
    co_return total;
  }

  Task<Result<Ok>> write(std::vector<ConstBuffer> from, Deadline deadline) override {
    static_cast<void>(deadline);
    std::size_t total = 0;
    for (const ConstBuffer& buffer : from) {
      if (closed_ || server_gone_) co_return fail(Errc::kDisconnected, "write after the end");
      received_.append(reinterpret_cast<const char*>(buffer.data), buffer.size);
      total += buffer.size;
    }
    net_->largest_write = std::max(net_->largest_write, total);
    serve();
    co_return Ok{};
  }

  void cancel_read() noexcept override {
    cancelled_ = true;
    changed_->notify_all();
  }
  void shutdown_write() noexcept override {}
  void close() noexcept override {
    closed_ = true;
    changed_->notify_all();
  }
  const std::string& peer() const noexcept override { return endpoint_.host; }
  bool encrypted() const noexcept override { return endpoint_.tls; }

 private:
  struct Pending {
    Instant from;
    std::string text;
  };

  bool readable() {
    if (!answers_.empty()) {
      if (answers_.front().from <= net_->clock_->now()) return true;
      net_->clock_->alarm(answers_.front().from, changed_);
      return false;
    }
    return server_gone_;
  }

  // Takes whole requests off what was received.
  void serve() {
    while (!server_gone_) {
      const std::size_t end = received_.find("\r\n\r\n");
      if (end == std::string::npos) return;
      SeenRequest request = parse_head(received_.substr(0, end));
      const std::string* announced = request.headers.find("content-length");
      const std::size_t length = announced == nullptr ? 0 : std::stoull(*announced);
      const std::size_t have = received_.size() - end - 4;
      if (net_->early && !answered_early_) {
        if (const auto reply = net_->early(request)) {
          answered_early_ = true;
          net_->seen.push_back(request);
          answer(*reply, request.method == "HEAD");
          server_gone_ = have < length;
          return;
        }
      }
      if (net_->cut_request) {
        const auto cut = net_->cut_request(request);
        if (cut && have >= *cut) {
          net_->seen.push_back(request);
          reset_ = true;
          leave();
          return;
        }
      }
      if (have < length) return;
      request.body = received_.substr(end + 4, length);
      received_.erase(0, end + 4 + length);
      request.at = net_->clock_->now();
      net_->seen.push_back(request);
      answer(net_->server(request), request.method == "HEAD");
    }
  }

  SeenRequest parse_head(const std::string& head) const {
    SeenRequest request(endpoint_);
    request.connection = number_;
    std::size_t line_end = head.find("\r\n");
    const std::string line = head.substr(0, line_end);
    const std::size_t first = line.find(' ');
    const std::size_t second = line.find(' ', first + 1);
    request.method = line.substr(0, first);
    request.target = line.substr(first + 1, second - first - 1);
    const std::size_t question = request.target.find('?');
    request.path = request.target.substr(0, question);
    if (question != std::string::npos) request.query = request.target.substr(question + 1);
    while (line_end != std::string::npos) {
      const std::size_t begin = line_end + 2;
      line_end = head.find("\r\n", begin);
      const std::string field = head.substr(begin, line_end - begin);
      const std::size_t colon = field.find(':');
      request.headers.add(field.substr(0, colon), std::string(trim(field.substr(colon + 1))));
    }
    return request;
  }

  void answer(const Reply& reply, bool to_head) {
    if (reply.never) {
      return;
    }
    if (reply.close_instead) {
      leave();
      return;
    }
    std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " X\r\n";
    bool has_length = false;
    for (const auto& [name, value] : reply.headers) {
      text += name + ": " + value + "\r\n";
      has_length = has_length || equals_ignoring_case(name, "content-length");
    }
    const bool no_body = reply.status == 204 || reply.status == 304;
    std::string body = reply.body;
    if (reply.chunked) {
      text += "Transfer-Encoding: chunked\r\n";
    } else if (!has_length && !no_body) {
      text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    }
    text += "\r\n";
    if (to_head || no_body) body.clear();
    if (reply.cut_after) body.resize(std::min(*reply.cut_after, body.size()));
    if (reply.chunked && !body.empty()) {
      // The framing is cut as well: the last chunk is missing when the body is.
      char size[32];
      std::snprintf(size, sizeof size, "%zx\r\n", body.size());
      body = size + body + "\r\n";
    }
    if (reply.chunked && !reply.cut_after) body += "0\r\n\r\n";
    answers_.push_back(Pending{net_->clock_->now() + reply.delay, text + body});
    if (reply.cut_after) leave();
    changed_->notify_all();
  }

  void leave() {
    server_gone_ = true;
    changed_->notify_all();
  }

  ScriptedNet* const net_;
  const Endpoint endpoint_;
  const int number_;
  std::string received_;
  std::deque<Pending> answers_;
  std::shared_ptr<Signal> changed_ = std::make_shared<Signal>();
  bool server_gone_ = false;
  bool reset_ = false;
  bool answered_early_ = false;
  bool closed_ = false;
  bool cancelled_ = false;
};

Task<Result<std::unique_ptr<Stream>>> ScriptedNet::connect(Endpoint endpoint, Deadline deadline) {
  static_cast<void>(deadline);
  if (refuse_connect) {
    const auto error = refuse_connect(endpoint);
    if (error && error->code() == Errc::kTimedOut) co_await clock_->sleep_until(deadline.at());
    if (error) co_return fail(*error);
  }
  ++connections;
  co_return std::make_unique<ScriptedStream>(this, endpoint, connections);
}

// --- the rest of the world

void RecordingLog::write(LogLevel, std::string_view message,
                         std::initializer_list<LogField> fields) {
  text += message;
  for (const LogField& field : fields) {
    text += ' ';
    text += field.key;
    text += '=';
    if (const auto* s = std::get_if<std::string_view>(&field.value)) text += *s;
    if (const auto* n = std::get_if<std::int64_t>(&field.value)) text += std::to_string(*n);
  }
  text += '\n';
}

namespace {
fetch::ClientOptions client_options() {
  fetch::ClientOptions options;
  options.connections_max = 8;
  return options;
}
}  // namespace

World::World() : http(loop.get_executor(), &clock, &net, client_options()) {}

bool World::advance_or_stop() {
  loop.restart();
  return loop.poll() > 0 || clock.advance();
}

void World::step() {
  if (advance_or_stop()) return;
  ADD_FAILURE() << "nothing will ever happen";
  std::abort();
}

S3Options World::options(std::string preset) const {
  S3Options options;
  options.bucket = "bucket";
  options.region = "us-east-1";
  options.endpoint_host = "s3.test";
  options.endpoint_port = 9000;
  options.endpoint_tls = false;
  options.preset = std::move(preset);
  options.access_key = "AKIDEXAMPLE";
  options.secret_key = Secret<std::string>("very-secret-key");
  options.connections_max = 8;
  return options;
}

std::unique_ptr<ObjectStore> World::open(S3Options options, CredentialSources sources) {
  S3Services services;
  services.http = &http;
  services.clock = &clock;
  services.random = &random;
  services.log = &log;
  services.metrics = &metrics;
  services.credential_sources = std::move(sources);
  auto store = open_s3(std::move(options), std::move(services));
  if (!store) {
    ADD_FAILURE() << store.error().detail();
    std::abort();
  }
  return *std::move(store);
}

CredentialSources FakeEnvironment::sources() {
  CredentialSources result;
  result.variable = [this](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  result.read_file = [this](const std::string& path) -> Result<std::string> {
    ++reads;
    const auto found = files.find(path);
    if (found == files.end()) return fail(Errc::kNotFound, "cannot open " + path);
    return found->second;
  };
  return result;
}

Reply closing() {
  Reply reply;
  reply.close_instead = true;
  return reply;
}

Reply error_reply(int status, std::string_view code, std::string_view more) {
  Reply reply(status);
  reply.body = "<?xml version=\"1.0\"?><Error><Code>" + std::string(code) +
               "</Code><Message>do not repeat this message</Message>" + std::string(more) +
               "<RequestId>REQ1</RequestId></Error>";
  reply.with("Content-Type", "application/xml");
  return reply;
}

ObjectSpec spec(std::string key) {
  return ObjectSpec(ObjectKey(std::move(key)), core::ObjectAttributes(), UploadToken("TOKEN1"));
}

std::string query_value(const SeenRequest& request, std::string_view name) {
  std::string_view rest = request.query;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view item = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t equals = item.find('=');
    if (item.substr(0, equals) == name) {
      return percent_decode(item.substr(equals + 1)).value_or("?");
    }
  }
  return "";
}

}  // namespace sluice::stores::s3::testing
