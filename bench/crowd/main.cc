// sluice_crowd: many slow clients that trickle segments, some of which drop and return, beside a
// few that send as fast as they can. One thread, epoll. Prints what happened as one line of JSON.
//
//   paced    for --seconds: slow clients keep their rate; fast ones send one file after the other
//   finish   then everybody sends the rest of its file as fast as it goes
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd/upload.h"

namespace sluice::crowd {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr char kUsage[] =
    "usage: sluice_crowd --port N --path PATH --pattern FILE [--slow N] [--slow-bytes N]\n"
    "                    [--slow-rate BYTES_PER_S] [--fast N] [--fast-bytes N] [--seconds N]\n"
    "                    [--drop PER_MILLE] [--plain 1] [--tus 1] [--segment BYTES] [--patience "
    "S]\n"
    "PUTs PATHslow-N and PATHfast-N-M to 127.0.0.1; every 50th slow and the first fast file is "
    "called\n"
    "PATHkept-... instead. --plain: no ranges, no queries: who drops begins again.\n"
    "--tus: the same by POST, tus 1.0's creation with upload.\n"
    "Exit status 1 if anybody failed.\n";

constexpr std::size_t kGulp = 256U << 10;
constexpr std::uint64_t kKeptEvery = 50;

struct Options {
  std::uint64_t port = 0;
  std::string path;
  std::string pattern;
  std::uint64_t slow = 0;
  std::uint64_t slow_bytes = 10U << 20;
  std::uint64_t slow_rate = 25'000;
  std::uint64_t fast = 0;
  std::uint64_t fast_bytes = 256U << 20;
  std::uint64_t seconds = 60;
  std::uint64_t drop = 100;
  std::uint64_t plain = 0;
  std::uint64_t tus = 0;
  std::uint64_t segment = 1448;  // what a slow client sends at once
  std::uint64_t patience = 300;  // for the finish, seconds
};

bool parse(int argc, char** argv, Options& options) {
  const std::map<std::string_view, std::uint64_t*> numbers = {{"--port", &options.port},
                                                              {"--slow", &options.slow},
                                                              {"--slow-bytes", &options.slow_bytes},
                                                              {"--slow-rate", &options.slow_rate},
                                                              {"--fast", &options.fast},
                                                              {"--fast-bytes", &options.fast_bytes},
                                                              {"--seconds", &options.seconds},
                                                              {"--drop", &options.drop},
                                                              {"--tus", &options.tus},
                                                              {"--segment", &options.segment},
                                                              {"--plain", &options.plain},
                                                              {"--patience", &options.patience}};
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string_view value = argv[i + 1];
    if (name == "--path") {
      options.path = value;
    } else if (name == "--pattern") {
      options.pattern = value;
    } else {
      const auto wanted = numbers.find(name);
      if (wanted == numbers.end()) return false;
      const auto read = std::from_chars(value.data(), value.data() + value.size(), *wanted->second);
      if (read.ec != std::errc() || read.ptr != value.data() + value.size()) return false;
    }
  }
  return argc % 2 == 1 && options.port > 0 && options.port < 65536 && !options.path.empty() &&
         !options.pattern.empty() && options.slow_rate > 0 && options.slow_bytes > 0 &&
         options.segment > 0 && options.fast_bytes > 0;
}

struct Client {
  explicit Client(Upload u) : upload(std::move(u)) {}
  Upload upload;
  bool slow = false;
  bool done = false;
  int fd = -1;
  std::string head;    // what of it is not sent yet
  std::string answer;  // received so far
  bool wants_out = false;
  std::uint64_t drop_at = UINT64_MAX;  // once, at this position
  std::uint64_t generation = 0;        // of a fast client: which file
  std::uint64_t ticket = 0;            // of its next turn; older ones are void
};

class Crowd {
 public:
  Crowd(const Options& options, Pattern pattern)
      : options_(options), pattern_(std::move(pattern)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

  int run();

 private:
  struct Due {
    Clock::time_point at;
    std::size_t client;
    std::uint64_t ticket;
    bool operator>(const Due& other) const { return at > other.at; }
  };

  Upload file_of(std::size_t index, std::uint64_t generation) const;
  bool paced() const { return now_ < paced_until_; }
  void later(std::size_t index, Seconds pause) {
    const auto ticks = std::chrono::duration_cast<Clock::duration>(pause);
    due_.push(Due{now_ + ticks, index, ++clients_[index].ticket});
  }
  void act(std::size_t index);
  bool connect(std::size_t index);
  void begin(std::size_t index);
  void send_some(std::size_t index);
  void receive(std::size_t index);
  void close(Client& client, bool reset);
  void broken(std::size_t index);
  void want_out(std::size_t index, bool wanted);
  void finish(std::size_t index);
  void print() const;

  const Options options_;
  const Pattern pattern_;
  const int epoll_;
  std::mt19937_64 random_{1};
  std::vector<Client> clients_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  Clock::time_point now_;
  Clock::time_point start_;
  Clock::time_point paced_until_;
  std::size_t running_ = 0;

  std::map<int, std::uint64_t> refusals_;
  std::uint64_t failed_ = 0, drops_ = 0, breaks_ = 0, slow_done_ = 0, fast_done_ = 0;
  std::uint64_t sent_ = 0, sent_twice_ = 0, slow_paced_ = 0, fast_paced_ = 0;
};

Upload Crowd::file_of(std::size_t index, std::uint64_t generation) const {
  const bool slow = index < options_.slow;
  const std::uint64_t place = slow ? index : index - options_.slow;
  const bool kept = slow ? place % kKeptEvery == 0 : place == 0 && generation == 0;
  const auto kind = options_.tus != 0     ? Upload::Kind::kTus
                    : options_.plain != 0 ? Upload::Kind::kPlain
                                          : Upload::Kind::kRanges;
  std::string name = options_.path + (kept ? "kept-" : "");
  name += slow ? "slow-" + std::to_string(place)
               : "fast-" + std::to_string(place) + "-" + std::to_string(generation);
  return Upload(name, place, slow ? options_.slow_bytes : options_.fast_bytes, kind);
}

int Crowd::run() {
  start_ = now_ = Clock::now();
  paced_until_ = start_ + std::chrono::seconds(options_.seconds);
  const std::size_t count = options_.slow + options_.fast;
  running_ = count;
  for (std::size_t i = 0; i < count; ++i) {
    Client client(file_of(i, 0));
    client.slow = i < options_.slow;
    if (client.slow && random_() % 1000 < options_.drop) {
      const std::uint64_t sent_in_time = options_.slow_rate * options_.seconds;
      client.drop_at =
          random_() % std::min(options_.slow_bytes, std::max<std::uint64_t>(sent_in_time, 1));
    }
    clients_.push_back(std::move(client));
    // Nobody arrives at the same moment as everybody.
    later(i, Seconds(static_cast<double>(random_() % 5000) / 1000.0));
  }
  const Clock::time_point give_up = paced_until_ + std::chrono::seconds(options_.patience);
  bool was_paced = true;
  std::array<epoll_event, 512> events;
  while (running_ > 0 && now_ < give_up) {
    Clock::duration wait = std::chrono::milliseconds(100);
    if (!due_.empty()) wait = std::min(wait, due_.top().at - now_);
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
    const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                   static_cast<int>(std::max<long>(ms, 0)));
    now_ = Clock::now();
    if (was_paced && !paced()) {
      was_paced = false;
      for (std::size_t i = 0; i < clients_.size(); ++i) {
        if (clients_[i].fd >= 0 && !clients_[i].done) want_out(i, true);
      }
    }
    for (int i = 0; i < ready; ++i) {
      const auto index = static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64);
      const std::uint32_t what = events[static_cast<std::size_t>(i)].events;
      if (what & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(index);
      if ((what & EPOLLOUT) && clients_[index].fd >= 0 && !clients_[index].done) send_some(index);
    }
    while (!due_.empty() && due_.top().at <= now_) {
      const Due due = due_.top();
      due_.pop();
      if (clients_[due.client].ticket == due.ticket) act(due.client);
    }
  }
  for (Client& client : clients_) {
    if (!client.done) ++failed_;
    sent_twice_ += client.upload.sent_twice();
  }
  print();
  return failed_ == 0 ? 0 : 1;
}

// It is a client's turn: to come (back), or to send its next segment.
void Crowd::act(std::size_t index) {
  Client& client = clients_[index];
  if (client.done) return;
  if (client.fd < 0) {
    if (connect(index)) begin(index);
    return;
  }
  if (!client.slow || !paced()) return;  // goes by the socket
  send_some(index);
  if (client.fd >= 0 && client.upload.left() > 0) {
    later(index,
          Seconds(static_cast<double>(options_.segment) / static_cast<double>(options_.slow_rate)));
  }
}

bool Crowd::connect(std::size_t index) {
  Client& client = clients_[index];
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(options_.port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  // Not waited for: one whose turn to be accepted comes late must not hold up the others.
  if (fd < 0 || (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
                 errno != EINPROGRESS)) {
    if (fd >= 0) ::close(fd);
    ++breaks_;
    later(index, Seconds(1));
    return false;
  }
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  client.fd = fd;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = index;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  client.wants_out = false;
  return true;
}

void Crowd::begin(std::size_t index) {
  Client& client = clients_[index];
  client.head = client.upload.next_head();
  client.answer.clear();
  if (client.slow && paced()) {
    later(index, Seconds(0));
  } else {
    want_out(index, true);
  }
}

void Crowd::want_out(std::size_t index, bool wanted) {
  Client& client = clients_[index];
  if (client.wants_out == wanted) return;
  epoll_event event{};
  event.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u64 = index;
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd, &event);
  client.wants_out = wanted;
}

void Crowd::send_some(std::size_t index) {
  Client& client = clients_[index];
  if (!client.head.empty()) {
    const ssize_t sent =
        ::send(client.fd, client.head.data(), client.head.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) return broken(index);
    if (sent > 0) client.head.erase(0, static_cast<std::size_t>(sent));
    if (!client.head.empty()) return;
  }
  const bool trickles = client.slow && paced();
  std::size_t most = trickles ? static_cast<std::size_t>(options_.segment) : kGulp;
  most = static_cast<std::size_t>(std::min<std::uint64_t>(most, client.upload.left()));
  if (most == 0) return want_out(index, false);
  const std::string_view bytes =
      pattern_.at(client.upload.number(), client.upload.position(), most);
  const ssize_t sent = ::send(client.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno == EAGAIN) return;
  if (sent < 0) return broken(index);
  client.upload.sent(static_cast<std::uint64_t>(sent));
  sent_ += static_cast<std::uint64_t>(sent);
  if (paced()) (client.slow ? slow_paced_ : fast_paced_) += static_cast<std::uint64_t>(sent);
  if (trickles && client.upload.position() >= client.drop_at) {
    client.drop_at = UINT64_MAX;
    ++drops_;
    close(client, random_() % 2 == 0);
    client.upload.broken();
    later(index, Seconds(1.0 + static_cast<double>(random_() % 4000) / 1000.0));
  }
}

void Crowd::receive(std::size_t index) {
  Client& client = clients_[index];
  if (client.fd < 0) return;
  std::array<char, 16384> chunk;
  const ssize_t got = ::recv(client.fd, chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return broken(index);
  client.answer.append(chunk.data(), static_cast<std::size_t>(got));
  const Answer answer = parse_answer(client.answer);
  if (answer.consumed == 0) return;
  const bool clean = client.upload.left() == 0 && client.head.empty();
  switch (client.upload.answered(answer)) {
    case Upload::Next::kDone:
      return finish(index);
    case Upload::Next::kGoOn:
      if (clean) return begin(index);
      close(client, false);
      later(index, Seconds(0));
      return;
    case Upload::Next::kRetry:
      ++refusals_[answer.status];
      close(client, false);
      later(index, Seconds(0.5 + static_cast<double>(random_() % 1500) / 1000.0));
      return;
    case Upload::Next::kFailed:
      ++refusals_[answer.status];
      std::fprintf(stderr, "client %zu: %s\n", index, client.answer.c_str());
      ++failed_;
      close(client, false);
      client.done = true;
      --running_;
      return;
  }
}

void Crowd::finish(std::size_t index) {
  Client& client = clients_[index];
  close(client, false);
  sent_twice_ += client.upload.sent_twice();
  ++(client.slow ? slow_done_ : fast_done_);
  const bool another = !client.slow && paced();
  client.upload = file_of(index, ++client.generation);
  if (another) return later(index, Seconds(0));
  client.done = true;
  --running_;
}

void Crowd::close(Client& client, bool reset) {
  if (reset) {
    const linger now{1, 0};
    ::setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  ::close(client.fd);
  client.fd = -1;
  client.head.clear();
  client.answer.clear();
}

void Crowd::broken(std::size_t index) {
  ++breaks_;
  close(clients_[index], false);
  clients_[index].upload.broken();
  later(index, Seconds(1));
}

void Crowd::print() const {
  std::string refusals;
  for (const auto& [status, count] : refusals_) {
    refusals +=
        (refusals.empty() ? "\"" : ",\"") + std::to_string(status) + "\":" + std::to_string(count);
  }
  const double finish = std::max(0.0, Seconds(now_ - paced_until_).count());
  std::printf(
      "{\"slow_done\":%llu,\"fast_done\":%llu,\"failed\":%llu,\"drops\":%llu,\"breaks\":%llu,"
      "\"refusals\":{%s},\"sent\":%llu,\"sent_twice\":%llu,\"slow_paced\":%llu,\"fast_paced\":%llu,"
      "\"paced_seconds\":%llu,\"finish_seconds\":%.1f}\n",
      static_cast<unsigned long long>(slow_done_), static_cast<unsigned long long>(fast_done_),
      static_cast<unsigned long long>(failed_), static_cast<unsigned long long>(drops_),
      static_cast<unsigned long long>(breaks_), refusals.c_str(),
      static_cast<unsigned long long>(sent_), static_cast<unsigned long long>(sent_twice_),
      static_cast<unsigned long long>(slow_paced_), static_cast<unsigned long long>(fast_paced_),
      static_cast<unsigned long long>(options_.seconds), finish);
}

}  // namespace
}  // namespace sluice::crowd

int main(int argc, char** argv) {
  sluice::crowd::Options options;
  if (!sluice::crowd::parse(argc, argv, options)) {
    std::fputs(sluice::crowd::kUsage, stderr);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::ifstream file(options.pattern, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (bytes.empty()) {
    std::fprintf(stderr, "sluice_crowd: %s is empty or missing\n", options.pattern.c_str());
    return 2;
  }
  return sluice::crowd::Crowd(options, sluice::crowd::Pattern(std::move(bytes))).run();
}
