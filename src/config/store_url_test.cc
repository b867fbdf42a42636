// Rows: S3 digest section 10 (presets).
#include "config/store_url.h"

#include <variant>

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

using stores::LocalOptions;
using stores::S3Options;

S3Options s3(const std::string& url) {
  const auto parsed = parse_store_url(url, S3Options{}, "/srv");
  EXPECT_TRUE(parsed) << url << ": " << (parsed ? "" : parsed.error().detail());
  return parsed ? std::get<S3Options>(*parsed) : S3Options{};
}

TEST(StoreUrl, Directory) {
  const auto directory = [](const char* url) {
    return std::get<LocalOptions>(parse_store_url(url, S3Options{}, "/srv").value()).directory;
  };
  EXPECT_EQ(directory("file:///data/up%20loads"), "/data/up loads");
  EXPECT_EQ(directory("file:/data"), "/data");
  EXPECT_EQ(directory("file:sluice-data/objects"), "/srv/sluice-data/objects");
}

TEST(StoreUrl, PlainBucketIsAws) {
  const S3Options options = s3("s3://my-bucket");
  EXPECT_EQ(options.bucket, "my-bucket");
  EXPECT_EQ(options.prefix, "");
  EXPECT_EQ(options.preset, "aws");
  EXPECT_EQ(options.endpoint_host, "");
  EXPECT_FALSE(options.path_style.has_value());
}

TEST(StoreUrl, EverythingSaid) {
  const S3Options options =
      s3("s3://bucket/a/"
         "b?region=eu-west-1&endpoint=http%3A%2F%2F127.0.0.1:9000&path_style=true&preset="
         "minio");
  EXPECT_EQ(options.prefix, "a/b/");
  EXPECT_EQ(options.region, "eu-west-1");
  EXPECT_EQ(options.endpoint_host, "127.0.0.1");
  EXPECT_EQ(options.endpoint_port, 9000);
  EXPECT_FALSE(options.endpoint_tls);
  EXPECT_EQ(options.path_style, true);
  EXPECT_EQ(options.preset, "minio");
}

TEST(StoreUrl, EndpointWithoutPresetIsGeneric) {
  const S3Options options = s3("s3://bucket?endpoint=https://s3.example.org/");
  EXPECT_EQ(options.preset, "generic");
  EXPECT_EQ(options.endpoint_host, "s3.example.org");
  EXPECT_EQ(options.endpoint_port, 0);
  EXPECT_TRUE(options.endpoint_tls);
}

// What a preset means is the store's business: the URL leaves open what it does not say.
TEST(StoreUrl, PresetDecidesTheRest) {
  const S3Options options = s3("s3://bucket?endpoint=https://x.r2.cloudflarestorage.com&preset=r2");
  EXPECT_EQ(options.preset, "r2");
  EXPECT_EQ(options.region, "");
  EXPECT_FALSE(options.path_style.has_value());
}

TEST(StoreUrl, Ipv6Endpoint) {
  const S3Options options = s3("s3://bucket?endpoint=http://[::1]:7480");
  EXPECT_EQ(options.endpoint_host, "::1");
  EXPECT_EQ(options.endpoint_port, 7480);
}

TEST(StoreUrl, KeepsWhatTheUrlCannotSay) {
  S3Options base;
  base.secret_key = Secret<std::string>("canary");
  base.connections_max = 7;
  const auto parsed = std::get<S3Options>(parse_store_url("s3://bucket", base, "/").value());
  EXPECT_EQ(parsed.secret_key.reveal(), "canary");
  EXPECT_EQ(parsed.connections_max, 7U);
}

TEST(StoreUrl, RefusesAndSaysWhy) {
  struct Row {
    const char* url;
    const char* word;
  };
  for (const Row& row : {Row{"", "not a kind of store"},
                         Row{"/data", "not a kind of store"},
                         Row{"gs://bucket", "\"gs\" is not a kind of store"},
                         Row{"file://data", "three slashes"},
                         Row{"file:", "path is missing"},
                         Row{"file:///", "path is missing"},
                         Row{"file:///a%zz", "malformed %"},
                         Row{"file:///a?b=c", "parameters"},
                         Row{"s3://", "bucket name"},
                         Row{"s3://ab", "bucket name"},
                         Row{"s3://bu cket", "bucket name"},
                         Row{"s3://AKIA:secret@bucket", "credentials"},
                         Row{"s3://bucket/../x", "segment"},
                         Row{"s3://bucket//x", "segment"},
                         Row{"s3://bucket/%00", "control"},
                         Row{"s3://bucket?regoin=eu", "did you mean region"},
                         Row{"s3://bucket?region", "no value"},
                         Row{"s3://bucket?region=a&region=b", "twice"},
                         Row{"s3://bucket?path_style=yes", "true or false"},
                         Row{"s3://bucket?preset=swift", "choose one of"},
                         Row{"s3://bucket?preset=r2", "needs an endpoint"},
                         Row{"s3://bucket?endpoint=s3.example.org", "https://"},
                         Row{"s3://bucket?endpoint=https://k:s@s3.example.org", "credentials"},
                         Row{"s3://bucket?endpoint=https://s3.example.org/path", "without a path"},
                         Row{"s3://bucket?endpoint=https://s3.example.org:0", "port"},
                         Row{"s3://bucket?endpoint=https://", "host"},
                         Row{"s3://bucket#x", "%23"}}) {
    const auto parsed = parse_store_url(row.url, S3Options{}, "/srv");
    ASSERT_FALSE(parsed) << row.url;
    EXPECT_NE(parsed.error().detail().find(row.word), std::string::npos)
        << row.url << ": " << parsed.error().detail();
  }
}

TEST(StoreUrl, ARefusalNeverRepeatsASecret) {
  const auto parsed = parse_store_url("s3://AKIA:canary@bucket", S3Options{}, "/srv");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().detail().find("canary"), std::string::npos);
}

TEST(StateUrl, Sqlite) {
  EXPECT_EQ(parse_state_url("sqlite:///var/lib/s.db", "/srv").value(), "/var/lib/s.db");
  EXPECT_EQ(parse_state_url("sqlite:s.db", "/srv").value(), "/srv/s.db");
  EXPECT_FALSE(parse_state_url("postgres://host/db", "/srv"));
  EXPECT_FALSE(parse_state_url("sqlite::memory:", "/srv"));
  EXPECT_FALSE(parse_state_url("sqlite://s.db", "/srv"));
  EXPECT_FALSE(parse_state_url("sqlite:", "/srv"));
}

}  // namespace
}  // namespace sluice::config
