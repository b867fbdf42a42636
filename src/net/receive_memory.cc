#include "net/receive_memory.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <limits>

#include <unistd.h>

#include "net/steady.h"

namespace sluice::net {

namespace {

// Without tcp_mem (it is hidden in network namespaces): the kernel's own default, about 1/22.
constexpr std::uint64_t kShareOfMemory = 22;
constexpr std::uint64_t kShareOfGroup = 8;

using Text = std::array<char, 1024>;

std::string_view read_text(const char* path, Text* into) noexcept {
  std::FILE* f = std::fopen(path, "re");
  if (f == nullptr) return {};
  const std::size_t n = std::fread(into->data(), 1, into->size(), f);
  std::fclose(f);
  return {into->data(), n};
}

std::optional<std::uint64_t> number_at(std::string_view text) noexcept {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::uint64_t pages_allowed() noexcept {
  Text text;
  const auto page = static_cast<std::uint64_t>(std::max(::sysconf(_SC_PAGESIZE), 1L));
  const auto all = static_cast<std::uint64_t>(std::max(::sysconf(_SC_PHYS_PAGES), 0L));
  std::uint64_t allowed =
      number_at(read_text("/proc/sys/net/ipv4/tcp_mem", &text)).value_or(all / kShareOfMemory);
  // "max" where there is no limit.
  if (const auto group = number_at(read_text("/sys/fs/cgroup/memory.max", &text))) {
    allowed = std::min(allowed, *group / kShareOfGroup / page);
  }
  return allowed;
}

bool look() noexcept {
  static const std::uint64_t allowed = pages_allowed();
  Text text;
  const auto held = tcp_pages(read_text("/proc/net/sockstat", &text));
  return held && *held < allowed;
}

}  // namespace

std::optional<std::uint64_t> tcp_pages(std::string_view sockstat) noexcept {
  const std::size_t line = sockstat.find("TCP:");
  if (line == std::string_view::npos) return std::nullopt;
  sockstat = sockstat.substr(line, sockstat.find('\n', line) - line);
  constexpr std::string_view kField = " mem ";
  const std::size_t field = sockstat.find(kField);
  if (field == std::string_view::npos) return std::nullopt;
  return number_at(sockstat.substr(field + kField.size()));
}

bool receive_memory_plentiful() noexcept {
  static std::atomic<std::int64_t> next_look{std::numeric_limits<std::int64_t>::min()};
  static std::atomic<bool> plentiful{false};
  const std::int64_t now = steady_now().time_since_epoch().count();
  std::int64_t due = next_look.load(std::memory_order_relaxed);
  const std::int64_t next = now + Duration(std::chrono::seconds(1)).count();
  if (now >= due && next_look.compare_exchange_strong(due, next)) plentiful.store(look());
  return plentiful.load(std::memory_order_relaxed);
}

}  // namespace sluice::net
