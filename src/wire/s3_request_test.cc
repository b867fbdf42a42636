#include "wire/s3_request.h"

#include <vector>

#include <gtest/gtest.h>

namespace sluice::wire {
namespace {

S3Address address(std::string host, std::uint16_t port, bool tls, std::string bucket, bool path) {
  S3Address a;
  a.host = std::move(host);
  a.port = port;
  a.tls = tls;
  a.bucket = std::move(bucket);
  a.path_style = path;
  return a;
}

TEST(S3Request, Addressing) {
  const S3Address path = address("s3.eu-west-1.amazonaws.com", 443, true, "b", true);
  EXPECT_EQ(s3_connect_host(path), "s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(s3_host_header(path), "s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(s3_path(path, "k"), "/b/k");
  EXPECT_EQ(s3_path(path, ""), "/b");

  const S3Address virtual_host = address("s3.eu-west-1.amazonaws.com", 443, true, "b", false);
  EXPECT_EQ(s3_connect_host(virtual_host), "b.s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(s3_path(virtual_host, "k"), "/k");
  EXPECT_EQ(s3_path(virtual_host, ""), "/");

  EXPECT_EQ(s3_host_header(address("127.0.0.1", 9000, false, "b", true)), "127.0.0.1:9000");
  EXPECT_EQ(s3_host_header(address("h", 80, false, "b", true)), "h");
  EXPECT_EQ(s3_host_header(address("h", 443, false, "b", true)), "h:443");
  EXPECT_EQ(s3_host_header(address("::1", 9000, false, "b", true)), "[::1]:9000");

  EXPECT_EQ(aws_s3_host("eu-west-1"), "s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(aws_s3_host("cn-north-1"), "s3.cn-north-1.amazonaws.com.cn");
  EXPECT_TRUE(needs_path_style(address("h.example", 443, true, "a.b", false)));
  EXPECT_TRUE(needs_path_style(address("127.0.0.1", 80, false, "b", false)));
  EXPECT_TRUE(needs_path_style(address("::1", 80, false, "b", false)));
  EXPECT_FALSE(needs_path_style(address("h.example", 443, true, "b", false)));
}

TEST(S3Request, KeysAreEncodedOnceAndNeverNormalized) {  // S-02
  const S3Address a = address("h", 443, true, "b", true);
  EXPECT_EQ(s3_path(a, "a b+c%d"), "/b/a%20b%2Bc%25d");
  EXPECT_EQ(s3_path(a, "é/x//y/../z/."), "/b/%C3%A9/x//y/../z/.");
  EXPECT_EQ(s3_path(a, "?q#f~-._"), "/b/%3Fq%23f~-._");
  EXPECT_EQ(s3_path(a, "/lead"), "/b//lead");
}

TEST(S3Request, Metadata) {
  EXPECT_EQ(*s3_metadata_value("plain text"), "plain text");
  EXPECT_EQ(*s3_metadata_value("é"), "=?UTF-8?B?w6k=?=");
  EXPECT_EQ(s3_metadata_value("a\r\nb").error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(s3_metadata_value(std::string("a\0b", 3)).error().code(), Errc::kInvalidArgument);
  EXPECT_TRUE(is_metadata_name("file-name"));
  EXPECT_FALSE(is_metadata_name(""));
  EXPECT_FALSE(is_metadata_name("a b"));
  EXPECT_FALSE(is_metadata_name("a:b"));
}

TEST(S3Request, ChecksumsInAnswers) {
  const Checksum sum(ChecksumKind::kCrc64Nvme, 0xae8b14860a799888ULL);
  EXPECT_EQ(s3_checksum_header(ChecksumKind::kCrc64Nvme), "x-amz-checksum-crc64nvme");
  EXPECT_EQ(s3_checksum_name(ChecksumKind::kCrc32c), "CRC32C");
  EXPECT_EQ(
      s3_checksum_in(Headers(std::vector<Header>{{"X-Amz-Checksum-Crc64nvme", "rosUhgp5mIg="}}),
                     ChecksumKind::kCrc64Nvme),
      sum);
  EXPECT_EQ(s3_checksum_in(Headers(std::vector<Header>{{"x-amz-checksum-crc64nvme", "rosUhgp5mIg="},
                                                       {"x-amz-checksum-type", "FULL_OBJECT"}}),
                           ChecksumKind::kCrc64Nvme),
            sum);
  EXPECT_FALSE(s3_checksum_in(Headers(std::vector<Header>{{"x-amz-checksum-crc32c", "Drnouw==-2"}}),
                              ChecksumKind::kCrc32c));
  EXPECT_FALSE(s3_checksum_in(Headers(std::vector<Header>{{"x-amz-checksum-crc32c", "Drnouw=="},
                                                          {"x-amz-checksum-type", "COMPOSITE"}}),
                              ChecksumKind::kCrc32c));
  EXPECT_EQ(
      s3_checksum_in(Headers(std::vector<Header>{{"x-goog-hash", "md5=AAAA, crc32c=4waSgw=="}}),
                     ChecksumKind::kCrc32c),
      Checksum(ChecksumKind::kCrc32c, 0xe3069283U));
  EXPECT_EQ(s3_checksum_in(Headers(std::vector<Header>{{"x-goog-hash", "md5=AAAA"},
                                                       {"x-goog-hash", "crc32c=4waSgw=="}}),
                           ChecksumKind::kCrc32c),
            Checksum(ChecksumKind::kCrc32c, 0xe3069283U));
  EXPECT_FALSE(s3_checksum_in(Headers(), ChecksumKind::kCrc32c));
}

}  // namespace
}  // namespace sluice::wire
