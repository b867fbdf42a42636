#include "protocols/object_attributes.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::protocols {
namespace {

using core::ProblemType;

//
TEST(ObjectAttributes, WhatTheClientSaysIsKeptAndNothingInvented) {
  wire::Headers headers;
  EXPECT_EQ(object_attributes(headers)->content_type, "");
  headers.add("content-type", "");  // an empty field is none
  EXPECT_EQ(object_attributes(headers)->content_type, "");
  headers.set("Content-Type", "application/json");
  EXPECT_EQ(object_attributes(headers)->content_type, "application/json");
  headers.add("X-Upload-Content-Type", "video/mp4");
  EXPECT_EQ(object_attributes(headers)->content_type, "video/mp4");
  headers.add("Content-Disposition", "attachment; filename=\"a.mp4\"");
  headers.add("Cache-Control", "max-age=3600");
  EXPECT_EQ(object_attributes(headers)->content_disposition, "attachment; filename=\"a.mp4\"");
  EXPECT_EQ(object_attributes(headers)->cache_control, "max-age=3600");
}

TEST(ObjectAttributes, ThreeSpellingsOfUserMetadataMeanTheSame) {
  wire::Headers headers;
  headers.add("X-Upload-Metadata-Album", "7");
  headers.add("x-amz-meta-Owner.Id", "42");
  headers.add("X-Goog-Meta-camera_type", "x y z");
  headers.add("X-Other", "no");
  const auto out = object_attributes(headers);
  ASSERT_TRUE(out.has_value());
  const std::vector<std::pair<std::string, std::string>> expected{
      {"album", "7"}, {"owner.id", "42"}, {"camera_type", "x y z"}};
  EXPECT_EQ(out->metadata, expected);
}

TEST(ObjectAttributes, WhatNoStoreTakesIsRefused) {
  const struct {
    const char* field;
    std::string value;
    ProblemType type;
  } rows[] = {
      {"Content-Type", "text/\xff", ProblemType::kMalformedRequest},
      {"Content-Disposition", "attachment; filename=\"gr\xC3\xBCn\"",
       ProblemType::kMalformedRequest},
      {"Cache-Control", "a\tb", ProblemType::kMalformedRequest},
      {"X-Upload-Metadata-", "x", ProblemType::kMalformedRequest},
      {"X-Upload-Metadata-a!b", "x", ProblemType::kMalformedRequest},
      {"X-Upload-Metadata-a", "\xC3\xBC", ProblemType::kMalformedRequest},
      {"X-Upload-Metadata-Sluice-Token", "x", ProblemType::kMalformedRequest},
      {"X-Upload-Metadata-a", std::string(2048, 'x'), ProblemType::kHeadersTooLarge},
  };
  for (const auto& row : rows) {
    wire::Headers headers;
    headers.add(row.field, row.value);
    const auto out = object_attributes(headers);
    ASSERT_FALSE(out.has_value()) << row.field;
    EXPECT_EQ(out.error().type, row.type) << row.field;
    EXPECT_FALSE(out.error().detail.empty());
  }
  wire::Headers twice;
  twice.add("X-Upload-Metadata-a", "1");
  twice.add("X-Amz-Meta-A", "2");
  EXPECT_EQ(object_attributes(twice).error().type, ProblemType::kMalformedRequest);
  wire::Headers just;
  just.add("X-Upload-Metadata-a", std::string(2047, 'x'));
  EXPECT_TRUE(object_attributes(just).has_value());
}

}  // namespace
}  // namespace sluice::protocols
