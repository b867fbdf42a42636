// sluice_blast: sends bytes from memory by PUT as fast as they are taken, on one or more
// connections at once, and prints what came back. The client of the benchmark: it costs no more
// than the system calls.
#include <algorithm>
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
    "usage: sluice_blast --port N --path PATH --bytes N [--parallel N] [--send BYTES]\n"
    "PUTs to 127.0.0.1. With --parallel, PATH gets the suffixes -0, -1 ...\n"
    "Prints {\"seconds\":S,\"bytes\":N,\"statuses\":[...]}; exit status 1 unless all are 2xx.\n";

struct Options {
  std::uint16_t port = 0;
  std::string path;
  std::uint64_t bytes = 0;
  unsigned parallel = 1;
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
    if (name == "--send") good = parse_number(argv[i + 1], options.send);
    if (name == "--path") {
      options.path = argv[i + 1];
      good = true;
    }
    if (!good) return false;
  }
  return argc % 2 == 1 && options.port != 0 && !options.path.empty() && options.parallel > 0 &&
         options.send > 0;
}

// The status of the answer; 0 if there was none.
int put(const Options& options, const std::string& path, const std::vector<char>& memory) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return 0;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  int status = 0;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    const std::string head =
        "PUT " + path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options.port) +
        "\r\nContent-Length: " + std::to_string(options.bytes) + "\r\nConnection: close\r\n\r\n";
    bool alive =
        ::send(fd, head.data(), head.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(head.size());
    std::uint64_t left = options.bytes;
    while (alive && left > 0) {
      const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(left, memory.size()));
      const ssize_t sent = ::send(fd, memory.data(), want, MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      alive = sent > 0;
      if (alive) left -= static_cast<std::uint64_t>(sent);
    }
    // Also after a failed send: the server may have answered early.
    std::string answer;
    char chunk[4096];
    for (ssize_t got = 1; got > 0;) {
      got = ::recv(fd, chunk, sizeof chunk, 0);
      if (got > 0) answer.append(chunk, static_cast<std::size_t>(got));
    }
    // Interim answers are skipped.
    for (std::size_t at = 0; answer.compare(at, 9, "HTTP/1.1 ") == 0;) {
      if (!parse_number(answer.substr(at + 9, 3).c_str(), status)) status = 0;
      if (status < 100 || status > 199) break;
      const std::size_t end = answer.find("\r\n\r\n", at);
      status = 0;
      if (end == std::string::npos) break;
      at = end + 4;
    }
    if (status < 200 || status > 299) {
      std::fprintf(stderr, "%s: %s\n", path.c_str(), answer.substr(0, 1000).c_str());
    }
  }
  ::close(fd);
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
  std::vector<int> statuses(options.parallel, 0);
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < options.parallel; ++i) {
    const std::string path =
        options.parallel == 1 ? options.path : options.path + "-" + std::to_string(i);
    threads.emplace_back(
        [&options, &memory, &statuses, path, i] { statuses[i] = put(options, path, memory); });
  }
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;

  std::string list;
  for (const int status : statuses) list += (list.empty() ? "" : ",") + std::to_string(status);
  std::printf("{\"seconds\":%.6f,\"bytes\":%llu,\"statuses\":[%s]}\n", took.count(),
              static_cast<unsigned long long>(options.bytes * options.parallel), list.c_str());
  const bool good =
      std::all_of(statuses.begin(), statuses.end(), [](int s) { return s >= 200 && s <= 299; });
  return good ? 0 : 1;
}
