#include "telemetry/process_stats.h"

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

namespace sluice::telemetry {

namespace {

std::string slurp(const char* path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  while (true) {
    const std::size_t begin = text.find_first_not_of(" \n");
    if (begin == std::string_view::npos) return out;
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> boot_time() {
  const std::string text = slurp("/proc/stat");
  const std::string_view key = "\nbtime ";
  const std::size_t at = text.find(key);
  if (at == std::string::npos) return std::nullopt;
  const std::size_t begin = at + key.size();
  const auto seconds = number(std::string_view(text).substr(begin, text.find('\n', begin) - begin));
  if (!seconds) return std::nullopt;
  return static_cast<double>(*seconds);
}

std::uint64_t count_fds() {
  std::error_code error;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error)) {
    ++count;
  }
  return count > 0 ? count - 1 : 0;  // without the one that reads the directory
}

}  // namespace

std::optional<ProcessStats> parse_process_stat(std::string_view text, double boot_time_seconds,
                                               double ticks_per_second, std::uint64_t page_bytes) {
  // The command in parentheses may contain anything, parentheses and blanks included.
  const std::size_t close = text.rfind(')');
  if (close == std::string_view::npos) return std::nullopt;
  const auto field = words(text.substr(close + 1));  // field[0] is the third of proc(5)
  if (field.size() < 22) return std::nullopt;
  const auto user = number(field[11]);
  const auto system = number(field[12]);
  const auto threads = number(field[17]);
  const auto start = number(field[19]);
  const auto virtual_bytes = number(field[20]);
  const auto pages = number(field[21]);
  if (!user || !system || !threads || !start || !virtual_bytes || !pages) return std::nullopt;
  ProcessStats stats;
  stats.cpu_seconds = static_cast<double>(*user + *system) / ticks_per_second;
  stats.start_time_seconds = boot_time_seconds + static_cast<double>(*start) / ticks_per_second;
  stats.threads = *threads;
  stats.virtual_bytes = *virtual_bytes;
  stats.resident_bytes = *pages * page_bytes;
  return stats;
}

std::optional<ProcessStats> read_process_stats() {
  static const std::optional<double> boot = boot_time();
  const long ticks = ::sysconf(_SC_CLK_TCK);
  const long page = ::sysconf(_SC_PAGESIZE);
  if (!boot || ticks <= 0 || page <= 0) return std::nullopt;
  auto stats = parse_process_stat(slurp("/proc/self/stat"), *boot, static_cast<double>(ticks),
                                  static_cast<std::uint64_t>(page));
  if (!stats) return std::nullopt;
  stats->open_fds = count_fds();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) stats->max_fds = limit.rlim_cur;
  return stats;
}

}  // namespace sluice::telemetry
