// Upload-Metadata (rows T-41 to T-44, TP-18).
#include "protocols/tus_metadata.h"

#include <gtest/gtest.h>

namespace sluice::protocols {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST(TusMetadata, Accepted) {
  const struct {
    const char* field;
    Pairs pairs;
  } rows[] = {
      {"", {}},   // T-43: tus-py-client
      {"  ", {}},
      {"a", {{"a", ""}}},
      {"a ", {{"a", ""}}},
      {"a ,b dA==", {{"a", ""}, {"b", "t"}}},
      {"relativePath bnVsbA==, name w6l0w6k=", {{"relativePath", "null"}, {"name", "\xc3\xa9t\xc3\xa9"}}},
      {"is_private,filename AAEC/w==", {{"is_private", ""}, {"filename", std::string("\0\1\2\xff", 4)}}},
  };
  for (const auto& row : rows) {
    const auto pairs = parse_tus_metadata(row.field);
    ASSERT_TRUE(pairs) << row.field;
    EXPECT_EQ(*pairs, row.pairs) << row.field;
  }
}

TEST(TusMetadata, Refused) {  // T-42
  for (const char* field : {",", "a,", ",a", "a b c", "a dGVzdA==,a dGVzdA==", "a !!!", "a dGVzdA",
                            "a dGVzdA=", "a dGVzdB==", "a\tdA==", "a,,b"}) {
    EXPECT_FALSE(parse_tus_metadata(field)) << field;
  }
}

TEST(TusMetadata, WhatBecomesOfTheObject) {  // T-44
  const Pairs pairs = {{"filetype", "video/mp4"},
                       {"filename", "movie.mp4"},
                       {"FileName", "twice.mp4"},
                       {"name", "\xc3\xa9t\xc3\xa9"},
                       {"evil", "x\r\nSet-Cookie: a=b"},
                       {"path", "../../etc"},
                       {"sluice-token", "x"},
                       {"a b", "x"},
                       {"big", std::string(3000, 'x')}};
  const core::ObjectAttributes out = tus_attributes("the field", pairs);
  EXPECT_EQ(out.raw_metadata, "the field");
  EXPECT_EQ(out.content_type, "video/mp4");
  EXPECT_EQ(out.content_disposition, "");
  EXPECT_EQ(out.metadata, (Pairs{{"filename", "movie.mp4"}, {"path", "../../etc"}}));
  for (const char* type : {"x", "a/", "/b", "a b/c", "a/b\r\nX: y", ""}) {
    EXPECT_EQ(tus_attributes("", {{"filetype", type}}).content_type, "") << type;
  }
}

}  // namespace
}  // namespace sluice::protocols
