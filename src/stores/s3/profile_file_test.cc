#include "stores/s3/profile_file.h"

#include <gtest/gtest.h>

#include "stores/s3/http_url.h"
#include "stores/s3/preset.h"

namespace sluice::stores::s3 {
namespace {

TEST(ProfileFile, Credentials) {
  const std::string file =
      "# comment\n"
      "[default]\r\n"
      "aws_access_key_id = A1\r\n"
      "aws_secret_access_key=S1#not a comment=x\n"
      "\n"
      "[ other ]\n"
      "AWS_ACCESS_KEY_ID=A2 # comment\n"
      "empty =\n"
      "s3 =\n"
      "  nested = 1\n"
      "no equals sign\n"
      "= no key\n"
      "[profile third]\n"
      "x=3\n";
  const Profile first = read_profile(file, ProfileFile::kCredentials, "default");
  EXPECT_EQ(first, (Profile{{"aws_access_key_id", "A1"},
                            {"aws_secret_access_key", "S1#not a comment=x"}}));
  EXPECT_EQ(read_profile(file, ProfileFile::kCredentials, "other"),
            (Profile{{"aws_access_key_id", "A2"}}));
  EXPECT_TRUE(read_profile(file, ProfileFile::kCredentials, "third").empty());
  EXPECT_TRUE(read_profile("", ProfileFile::kCredentials, "default").empty());
}

TEST(ProfileFile, Config) {
  const std::string file =
      "[default]\nregion=eu-west-1\n[profile a b]\nregion=r2\n[sso-session x]\nregion=r3\n"
      "[x]\nregion=r4\n[profilex]\nregion=r5\n[broken\nregion=r6";
  EXPECT_EQ(read_profile(file, ProfileFile::kConfig, "default").at("region"), "eu-west-1");
  EXPECT_EQ(read_profile(file, ProfileFile::kConfig, "a b").at("region"), "r2");
  EXPECT_TRUE(read_profile(file, ProfileFile::kConfig, "x").empty());
}

TEST(HttpUrl, Forms) {
  const auto plain = parse_http_url("http://169.254.170.2/v2/creds?id=1#f");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->endpoint, Endpoint("169.254.170.2", 80, false));
  EXPECT_EQ(plain->target, "/v2/creds?id=1");
  const auto six = parse_http_url("http://[fd00:ec2::23]:8080");
  ASSERT_TRUE(six);
  EXPECT_EQ(six->endpoint, Endpoint("fd00:ec2::23", 8080, false));
  EXPECT_EQ(six->host_header, "[fd00:ec2::23]:8080");
  EXPECT_EQ(six->target, "/");
  EXPECT_EQ(parse_http_url("https://h?x=1")->target, "/?x=1");
  EXPECT_EQ(parse_http_url("https://h")->endpoint, Endpoint("h", 443, true));
  for (const char* bad :
       {"", "ftp://h/", "http://", "http:///x", "http://u@h/", "http://h:0/", "http://h:65536/",
        "http://h:x/", "http://h/a b", "http://h/\r\nx", "http://[::1", "http://[::1]x/"}) {
    EXPECT_FALSE(parse_http_url(bad)) << bad;
  }
}

TEST(HttpUrl, WhoMayServeContainerCredentials) {  // S-30
  for (const char* good : {"https://10.0.0.1/", "http://127.0.0.1/", "http://127.9.9.9:1/",
                           "http://localhost/", "http://[::1]/", "http://169.254.170.2/",
                           "http://169.254.170.23/", "http://[fd00:ec2::23]/"}) {
    EXPECT_TRUE(may_serve_container_credentials(parse_http_url(good)->endpoint)) << good;
  }
  for (const char* bad : {"http://10.0.0.1/", "http://127.0.0.1.example/", "http://127.evil/",
                          "http://169.254.169.254/", "http://localhost.example/",
                          "http://127.a.b.c/", "http://[fd00:ec2::254]/"}) {
    EXPECT_FALSE(may_serve_container_credentials(parse_http_url(bad)->endpoint)) << bad;
  }
}

TEST(Preset, Rows) {
  EXPECT_EQ(preset_names(), "aws, generic, ceph, minio, r2, gcs");
  EXPECT_EQ(find_preset("nonsense"), nullptr);
  ASSERT_NE(find_preset("r2"), nullptr);
  EXPECT_TRUE(find_preset("r2")->limits.equal_parts);  // S-07
  EXPECT_EQ(find_preset("r2")->region, "auto");
  EXPECT_TRUE(find_preset("generic")->limits.equal_parts);
  EXPECT_FALSE(find_preset("aws")->limits.equal_parts);
  EXPECT_EQ(find_preset("aws")->limits.object_max, ByteCount(10'000ULL * (5ULL << 30)));
  // Hashing each body is opt-in; a server that refuses SDK headers never sees one.
  for (const char* name : {"aws", "generic", "ceph", "minio", "r2", "gcs"}) {
    const Preset* preset = find_preset(name);
    ASSERT_NE(preset, nullptr);
    EXPECT_FALSE(preset->payload_sha256) << name;
    EXPECT_FALSE(preset->content_md5) << name;
    EXPECT_EQ(preset->sdk_checksum_algorithm, std::string_view(name) == "ceph") << name;
    EXPECT_EQ(preset->limits.parts_max, 10'000U) << name;
  }
}

}  // namespace
}  // namespace sluice::stores::s3
