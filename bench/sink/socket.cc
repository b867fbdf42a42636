#include "sink/socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <span>
#include <thread>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

namespace sluice::sink {

namespace {
constexpr std::size_t kBatch = 4U << 20;
constexpr std::size_t kVerifyBatch = 256U << 10;
}  // namespace

Socket::~Socket() {
  ::close(fd_);
}

bool Socket::receive_more(std::string& buffer) {
  std::array<char, 16384> chunk;
  while (true) {
    const ssize_t got = ::recv(fd_, chunk.data(), chunk.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    buffer.append(chunk.data(), static_cast<std::size_t>(got));
    return true;
  }
}

bool Socket::send_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Socket::discard(std::uint64_t bytes, std::uint64_t rate, wire::Checksum* checksum,
                     std::string* kept) {
  const bool read = checksum != nullptr || kept != nullptr;
  thread_local std::vector<char> memory(kVerifyBatch);
  const auto begin = std::chrono::steady_clock::now();
  // At a limited rate in steps of about 20 ms.
  const std::uint64_t step = rate == 0 ? kBatch : std::max<std::uint64_t>(rate / 50, 1024);
  const std::uint64_t batch = read ? kVerifyBatch : kBatch;
  std::uint64_t done = 0;
  while (done < bytes) {
    const auto want = static_cast<std::size_t>(std::min({bytes - done, step, batch}));
    const ssize_t got =
        read ? ::recv(fd_, memory.data(), want, 0) : ::recv(fd_, nullptr, want, MSG_TRUNC);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    if (checksum != nullptr) {
      *checksum = checksum->extended(
          std::as_bytes(std::span(memory.data(), static_cast<std::size_t>(got))));
    }
    if (kept != nullptr) kept->append(memory.data(), static_cast<std::size_t>(got));
    done += static_cast<std::uint64_t>(got);
    if (rate != 0) {
      const auto due = begin + std::chrono::duration<double>(static_cast<double>(done) /
                                                             static_cast<double>(rate));
      std::this_thread::sleep_until(std::chrono::time_point_cast<std::chrono::nanoseconds>(due));
    }
  }
  return true;
}

void Socket::reset_on_close() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace sluice::sink
