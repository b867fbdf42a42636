// The configuration file: whatever it holds, every complaint has a place and a sentence.
#include <string>

#include "config/load.h"
#include "config/toml_file.h"
#include "fuzz/input.h"

using namespace sluice;        // NOLINT
using namespace sluice::fuzz;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(Input(data, size).rest());
  // A "_file" key reads a file, which is not what is tried here.
  if (text.find("_file") != std::string::npos) return 0;
  const config::FileContent content = config::parse_file(text, "f.toml");
  for (const config::FileSetting& setting : content.settings) {
    require(setting.where.starts_with("f.toml:"), "a setting has a place");
    config::Sources sources;
    sources.working_directory = "/";
    sources.flags.push_back(config::Flag{setting.key, setting.value, "--set " + setting.key});
    const config::Loaded loaded = config::load(sources);
    for (const config::Problem& problem : loaded.problems) {
      require(!problem.what.empty(), "a problem has a sentence");
    }
  }
  for (const config::Problem& problem : content.problems) {
    require(problem.where.starts_with("f.toml"), "a problem has a place");
    require(!problem.what.empty(), "a problem has a sentence");
  }
  return 0;
}
