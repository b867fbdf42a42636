#include "stores/s3/credential_sources.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace sluice::stores {

namespace {

constexpr std::size_t kFileBytesMax = 1U << 20;

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

Result<std::string> read_small_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Errc::kNotFound, "cannot open " + path);
  std::string text(kFileBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return fail(Errc::kUnavailable, "cannot read " + path);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kFileBytesMax) return fail(Errc::kTooLarge, path + " is larger than 1 MiB");
  return text;
}

}  // namespace

CredentialSources CredentialSources::system() {
  CredentialSources sources;
  sources.variable = environment_variable;
  sources.read_file = read_small_file;
  return sources;
}

CredentialSources CredentialSources::none() {
  CredentialSources sources;
  sources.variable = [](const std::string&) { return std::optional<std::string>(); };
  sources.read_file = [](const std::string& path) -> Result<std::string> {
    return fail(Errc::kNotFound, "cannot open " + path);
  };
  return sources;
}

}  // namespace sluice::stores
