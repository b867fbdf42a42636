// sluice_sink: an S3 store that throws everything away, for benchmarks. It is 20 to 80 times
// cheaper per byte than a real store, so that the gateway before it is what is measured.
// Bytes are dropped inside the kernel; only names, sizes and tokens are kept. No signature is
// checked. GET /-/stats tells the counters.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "sink/connection.h"
#include "sink/options.h"
#include "sink/s3_state.h"

namespace {

constexpr char kUsage[] =
    "usage: sluice_sink [--port N] [--latency MS] [--rate BYTES_PER_S] [--fail N] [--verify]\n"
    "                   [--keep KEY_PREFIX]... [--keep-suffix KEY_SUFFIX]...\n"
    "Prints \"listening on 127.0.0.1:PORT\". Ends on SIGTERM.\n";

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "sluice_sink: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

bool parse(int argc, char** argv, sluice::sink::SinkOptions& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--verify") {
      options.verify = true;
      continue;
    }
    if (i + 1 >= argc) return false;
    if (name == "--keep") {
      options.keep.emplace_back(argv[++i]);
      continue;
    }
    if (name == "--keep-suffix") {
      options.keep_suffix.emplace_back(argv[++i]);
      continue;
    }
    const auto value = sluice::parse_decimal(argv[++i]);
    if (!value) return false;
    if (name == "--port" && *value <= 65535) {
      options.port = static_cast<std::uint16_t>(*value);
    } else if (name == "--latency" && *value <= 3'600'000) {
      options.latency = std::chrono::milliseconds(*value);
    } else if (name == "--rate") {
      options.rate = *value;
    } else if (name == "--fail") {
      options.fail_every = *value;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  static sluice::sink::SinkOptions options;
  if (!parse(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) die("socket");
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, generic, sizeof address) != 0) die("bind");
  if (::listen(listener, 1024) != 0) die("listen");
  socklen_t length = sizeof address;
  if (::getsockname(listener, generic, &length) != 0) die("getsockname");
  std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);

  // Lives as long as the process: threads of connections use it until the end.
  static sluice::sink::S3State state;
  while (true) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      die("accept");
    }
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::thread([fd] { sluice::sink::serve_connection(fd, options, state); }).detach();
  }
}
