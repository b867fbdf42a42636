#include "config/reference.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "config/keys.h"

namespace sluice::config {
namespace {

const char* const kPath = SLUICE_SOURCE_DIR "/docs/configuration.md";

// `make docs` runs this with SLUICE_UPDATE_DOCS set and so writes the page.
TEST(Reference, ThePageInDocsIsTheTable) {
  if (std::getenv("SLUICE_UPDATE_DOCS") != nullptr) std::ofstream(kPath) << reference_page();
  std::ifstream file(kPath);
  ASSERT_TRUE(file.is_open()) << kPath;
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_TRUE(text == reference_page()) << "docs/configuration.md is old; run: make docs";
}

TEST(Reference, NamesEveryKey) {
  const std::string page = reference_page();
  for (const Key& key : keys()) {
    EXPECT_NE(page.find("| `" + key.name + "` |"), std::string::npos) << key.name;
    EXPECT_NE(page.find("`" + env_name(key.name) + "`"), std::string::npos) << key.name;
  }
}

}  // namespace
}  // namespace sluice::config
