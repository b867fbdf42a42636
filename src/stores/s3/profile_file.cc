#include "stores/s3/profile_file.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace sluice::stores::s3 {

namespace {

std::string_view without_comment(std::string_view line) {
  for (std::size_t i = 1; i < line.size(); ++i) {
    const bool behind_blank = line[i - 1] == ' ' || line[i - 1] == '\t';
    if ((line[i] == '#' || line[i] == ';') && behind_blank) return line.substr(0, i);
  }
  return line;
}

// "[profile x]" → "x"; nullopt: a section of another kind ("[sso-session x]").
std::optional<std::string_view> profile_of(std::string_view line, ProfileFile kind) {
  const std::size_t end = line.find(']');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view name = trim(line.substr(1, end - 1));
  if (kind == ProfileFile::kCredentials || name == "default") return name;
  constexpr std::string_view kPrefix = "profile";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const std::string_view rest = name.substr(kPrefix.size());
  if (rest.empty() || (rest.front() != ' ' && rest.front() != '\t')) return std::nullopt;
  return trim(rest);
}

}  // namespace

Profile read_profile(std::string_view file, ProfileFile kind, std::string_view name) {
  Profile profile;
  bool inside = false;
  while (!file.empty()) {
    const std::size_t newline = std::min(file.find('\n'), file.size());
    std::string_view line = file.substr(0, newline);
    file.remove_prefix(std::min(newline + 1, file.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == ' ' || line.front() == '\t') continue;  // a nested value
    if (line.front() == '[') {
      const auto section = profile_of(line, kind);
      inside = section && *section == name;
      continue;
    }
    if (!inside) continue;
    line = without_comment(line);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = trim(line.substr(0, equals));
    const std::string_view value = trim(line.substr(equals + 1));
    if (!key.empty() && !value.empty()) profile[lower(key)] = std::string(value);
  }
  return profile;
}

}  // namespace sluice::stores::s3
