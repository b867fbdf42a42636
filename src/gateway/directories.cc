#include "gateway/directories.h"

#include <filesystem>
#include <string>
#include <system_error>
#include <variant>

namespace sluice::gateway {

namespace {

Result<Ok> make_one(const std::filesystem::path& directory) {
  if (directory.empty()) return Ok{};
  std::error_code error;
  std::filesystem::create_directory(directory, error);
  if (error) {
    return fail(Errc::kUnavailable,
                "cannot make the directory " + directory.string() + ": " + error.message());
  }
  return Ok{};
}

}  // namespace

Result<Ok> make_directories(const config::ProgramOptions& options) {
  SLUICE_TRY_OK(make_one(std::filesystem::path(options.state_path).parent_path()));
  if (const auto* local = std::get_if<stores::LocalOptions>(&options.store)) {
    SLUICE_TRY_OK(make_one(local->directory));
  }
  return Ok{};
}

}  // namespace sluice::gateway
