#include "cleaner/parked_key.h"

#include <algorithm>
#include <string>

namespace sluice::cleaner {

namespace {

constexpr std::size_t kDigits = 20;

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::optional<UploadId> upload_of_parked(const ObjectKey& key) {
  std::string_view rest = key.str();
  if (!rest.starts_with(kParkedPrefix)) return std::nullopt;
  rest.remove_prefix(kParkedPrefix.size());
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  const std::string_view range = rest.substr(slash + 1);
  if (range.size() != 2 * kDigits + 1 || range[kDigits] != '-' ||
      !all_digits(range.substr(0, kDigits)) || !all_digits(range.substr(kDigits + 1))) {
    return std::nullopt;
  }
  return UploadId(std::string(rest.substr(0, slash)));
}

}  // namespace sluice::cleaner
