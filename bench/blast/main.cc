// sluice_blast: sends bytes from memory by PUT as fast as they are taken, on one or more
// connections at once, and prints what came back. The client of the benchmark: it costs no more
// than the system calls.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr char kUsage[] =
    "usage: sluice_blast --port N --path PATH --bytes N [--parallel N] [--requests N] [--total N]\n"
    "                    [--send BYTES] [--tus 1]\n"
    "PUTs to 127.0.0.1. With --parallel, PATH gets the suffixes -0, -1 ...; with --requests each "
    "of\n"
    "these connections sends so many, one after the other, with further suffixes. With --total "
    "they\n"
    "share so many instead, with one suffix. --tus: by POST, tus 1.0's creation with upload; PATH "
    "is\n"
    "/COLLECTION/NAME, and the name goes into X-Bench-Name.\n"
    "Prints {\"seconds\":S,\"bytes\":N,\"statuses\":[...]}; exit status 1 unless all are 2xx.\n";

struct Options {
  std::uint16_t port = 0;
  std::string path;
  std::uint64_t bytes = 0;
  unsigned parallel = 1;
  unsigned requests = 1;
  unsigned total = 0;
  unsigned tus = 0;
  std::size_t send = 1U << 20;
};

template <class Number>
bool parse_number(const char* text, Number& value) {
  const char* end = text + std::strlen(text);
  const auto result = std::from_chars(text, end, value);
  return result.ec == std::errc() && result.ptr == end;
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    bool good = false;
    if (name == "--port") good = parse_number(argv[i + 1], options.port);
    if (name == "--bytes") good = parse_number(argv[i + 1], options.bytes);
    if (name == "--parallel") good = parse_number(argv[i + 1], options.parallel);
    if (name == "--requests") good = parse_number(argv[i + 1], options.requests);
    if (name == "--total") good = parse_number(argv[i + 1], options.total);
    if (name == "--tus") good = parse_number(argv[i + 1], options.tus);
    if (name == "--send") good = parse_number(argv[i + 1], options.send);
    if (name == "--path") {
      options.path = argv[i + 1];
      good = true;
    }
    if (!good) return false;
  }
  return argc % 2 == 1 && options.port != 0 && !options.path.empty() && options.parallel > 0 &&
         options.requests > 0 && options.send > 0;
}

// One connection, with keep-alive.
class Line {
 public:
  explicit Line(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    alive_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Line() { ::close(fd_); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  // The status of the answer; 0 if there was none.
  int put(const Options& options, const std::string& path, const std::vector<char>& memory);

 private:
  bool send_all(const char* bytes, std::size_t size);
  // Head and body of the final answer; interim ones are skipped. Empty: the line broke.
  std::string receive_answer();

  const int fd_;
  bool alive_ = false;
};

bool Line::send_all(const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(fd_, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

std::string Line::receive_answer() {
  std::string answer;
  char chunk[4096];
  while (true) {
    const std::size_t end = answer.find("\r\n\r\n");
    if (end != std::string::npos && answer.compare(9, 1, "1") == 0) {
      answer.erase(0, end + 4);
      continue;
    }
    if (end != std::string::npos) {
      std::string head = answer.substr(0, end + 2);
      for (char& c : head) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
      const std::size_t field = head.find("\r\ncontent-length:");
      std::size_t length = 0;
      if (field != std::string::npos) {
        const std::size_t digits = head.find_first_of("0123456789", field + 17);
        std::from_chars(head.data() + digits, head.data() + head.size(), length);
      }
      if (answer.size() >= end + 4 + length) return answer;
    }
    const ssize_t got = ::recv(fd_, chunk, sizeof chunk, 0);
    if (got <= 0) return std::string();
    answer.append(chunk, static_cast<std::size_t>(got));
  }
}

std::string head_of(const Options& options, const std::string& path) {
  const std::string size = std::to_string(options.bytes);
  const std::string rest = " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options.port) +
                           "\r\nContent-Length: " + size + "\r\n";
  if (options.tus == 0) return "PUT " + path + rest + "\r\n";
  const std::size_t slash = path.rfind('/');
  return "POST " + path.substr(0, slash) + rest + "Tus-Resumable: 1.0.0\r\nUpload-Length: " + size +
         "\r\nContent-Type: application/offset+octet-stream\r\nX-Bench-Name: " +
         path.substr(slash + 1) + "\r\n\r\n";
}

int Line::put(const Options& options, const std::string& path, const std::vector<char>& memory) {
  const std::string head = head_of(options, path);
  alive_ = alive_ && send_all(head.data(), head.size());
  std::uint64_t left = options.bytes;
  while (alive_ && left > 0) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(left, memory.size()));
    alive_ = send_all(memory.data(), want);
    left -= want;
  }
  // Also after a failed send: the server may have answered early.
  const std::string answer = receive_answer();
  int status = 0;
  if (answer.size() > 12 && !parse_number(answer.substr(9, 3).c_str(), status)) status = 0;
  if (status < 200 || status > 299) {
    alive_ = false;
    std::fprintf(stderr, "%s: %s\n", path.c_str(), answer.substr(0, 1000).c_str());
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::vector<char> memory(options.send);
  for (std::size_t i = 0; i < memory.size(); ++i) {
    memory[i] = static_cast<char>((i * 2654435761U) >> 13 & 0xFF);
  }
  const std::size_t count = options.total > 0
                                ? options.total
                                : static_cast<std::size_t>(options.parallel) * options.requests;
  std::vector<int> statuses(count, 0);
  std::atomic<unsigned> next = 0;
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < options.parallel; ++i) {
    threads.emplace_back([&options, &memory, &statuses, &next, i] {
      Line line(options.port);
      if (options.total > 0) {
        for (unsigned j = next++; j < options.total; j = next++) {
          statuses[j] = line.put(options, options.path + "-" + std::to_string(j), memory);
        }
        return;
      }
      for (unsigned j = 0; j < options.requests; ++j) {
        std::string path = options.path;
        if (options.parallel > 1) path += "-" + std::to_string(i);
        if (options.requests > 1) path += "-" + std::to_string(j);
        statuses[static_cast<std::size_t>(i) * options.requests + j] =
            line.put(options, path, memory);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;

  std::string list;
  for (const int status : statuses) list += (list.empty() ? "" : ",") + std::to_string(status);
  std::printf("{\"seconds\":%.6f,\"bytes\":%llu,\"statuses\":[%s]}\n", took.count(),
              static_cast<unsigned long long>(options.bytes * statuses.size()), list.c_str());
  const bool good =
      std::all_of(statuses.begin(), statuses.end(), [](int s) { return s >= 200 && s <= 299; });
  return good ? 0 : 1;
}
