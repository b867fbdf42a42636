#include "cleaner/parked_key.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::cleaner {
namespace {

const std::string kRange = "00000000000000000000-00000000000000000009";

TEST(ParkedKeyTest, NamesItsUpload) {
  EXPECT_EQ(upload_of_parked(ObjectKey(".sluice/parked/Up-load_1/" + kRange)),
            UploadId("Up-load_1"));
}

// What is not exactly ours is nobody's business of ours.
TEST(ParkedKeyTest, AnythingElseIsNone) {
  for (const std::string& key :
       {std::string(), std::string(".sluice/parked/"), ".sluice/parked/" + kRange,
        ".sluice/parked//" + kRange, "x/.sluice/parked/u/" + kRange, ".sluice/check/u/" + kRange,
        ".sluice/parked/u/" + kRange + "0", ".sluice/parked/u/v/" + kRange,
        std::string(".sluice/parked/u/0-9"),
        std::string(".sluice/parked/u/0000000000000000000x-00000000000000000009"),
        std::string(".sluice/parked/u/00000000000000000000+00000000000000000009")}) {
    EXPECT_EQ(upload_of_parked(ObjectKey(key)), std::nullopt) << key;
  }
}

}  // namespace
}  // namespace sluice::cleaner
