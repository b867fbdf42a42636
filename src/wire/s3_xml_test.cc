#include "wire/s3_xml.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::wire {
namespace {

constexpr std::string_view kDeclaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
constexpr std::string_view kNamespace = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

std::string complete(std::string_view before, std::string_view between, std::string_view name) {
  std::string xml(before);
  xml += kDeclaration;
  xml += between;
  xml += "<CompleteMultipartUploadResult";
  xml += name;
  xml +=
      "><Location>l</Location><Bucket>b</Bucket><Key>k</Key><ETag>&quot;abc-2&quot;</ETag>"
      "</CompleteMultipartUploadResult>";
  return xml;
}

TEST(S3Xml, CompleteResultWithWhiteSpaceAnywhere) {  // S-15
  const std::string spaces(30'000, ' ');
  for (const auto& [before, between] : {std::pair<std::string, std::string>("", ""),
                                        {spaces, ""},
                                        {"", spaces},
                                        {" \r\n\t", "\n  \n"},
                                        {"\xEF\xBB\xBF", ""}}) {
    for (const std::string_view name : {std::string_view(), kNamespace}) {
      const auto result = parse_complete_result(complete(before, between, name));
      ASSERT_TRUE(result) << result.error().detail();
      EXPECT_EQ(result->etag.str(), "\"abc-2\"");
      EXPECT_FALSE(result->crc32c);
    }
  }
}

TEST(S3Xml, CompleteResultOtherForms) {
  const auto prefixed = parse_complete_result(
      "<s3:CompleteMultipartUploadResult xmlns:s3=\"x\"><s3:ETag>&#34;e&#34;</s3:ETag>"
      "<s3:ChecksumCRC64NVME>rosUhgp5mIg=</s3:ChecksumCRC64NVME>"
      "<s3:ChecksumType>FULL_OBJECT</s3:ChecksumType></s3:CompleteMultipartUploadResult>");
  ASSERT_TRUE(prefixed);
  EXPECT_EQ(prefixed->etag.str(), "\"e\"");
  EXPECT_EQ(prefixed->crc64nvme, Checksum(ChecksumKind::kCrc64Nvme, 0xae8b14860a799888ULL));

  const auto composite = parse_complete_result(
      "<CompleteMultipartUploadResult><ETag></ETag><ChecksumCRC32C>Drnouw==</ChecksumCRC32C>"
      "<ChecksumType>COMPOSITE</ChecksumType></CompleteMultipartUploadResult>");
  ASSERT_TRUE(composite);
  EXPECT_TRUE(composite->etag.empty());  // Ceph 16.2
  EXPECT_FALSE(composite->crc32c);
}

TEST(S3Xml, BlankMeansTheOutcomeNeverCame) {  // S-17
  EXPECT_TRUE(is_blank_xml(""));
  EXPECT_TRUE(is_blank_xml("  \r\n"));
  EXPECT_TRUE(is_blank_xml("  <?xml version=\"1.0\"?>\n   "));
  EXPECT_TRUE(is_blank_xml("<?xml versi"));
  EXPECT_FALSE(is_blank_xml("<Error>"));
  EXPECT_FALSE(is_blank_xml("<?xml version=\"1.0\"?><E"));
}

TEST(S3Xml, Errors) {  // S-16
  const auto error = parse_s3_error(
      "  <?xml version=\"1.0\"?> <Error><Code>AuthorizationHeaderMalformed</Code><Message>the "
      "region 'us-east-1' is wrong; expecting 'eu-west-1'</Message><Region>eu-west-1</Region>"
      "<RequestId>R1</RequestId><HostId>h</HostId></Error>");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "AuthorizationHeaderMalformed");
  EXPECT_EQ(error->region, "eu-west-1");
  EXPECT_EQ(error->request_id, "R1");

  const auto sts = parse_s3_error(
      "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender"
      "</Type><Code>ExpiredTokenException</Code><Message>m</Message></Error><RequestId>R2"
      "</RequestId></ErrorResponse>");
  ASSERT_TRUE(sts);
  EXPECT_EQ(sts->code, "ExpiredTokenException");
  EXPECT_EQ(sts->request_id, "R2");

  EXPECT_FALSE(parse_s3_error(""));
  EXPECT_FALSE(parse_s3_error("<html><body>502</body></html>"));
  EXPECT_FALSE(parse_s3_error("<Error><Code>cut"));
  EXPECT_FALSE(parse_s3_error(complete("", "", "")));
}

TEST(S3Xml, InitiateResult) {
  EXPECT_EQ(parse_initiate_result("<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key>"
                                  "<UploadId>2~x/+=</UploadId></InitiateMultipartUploadResult>")
                ->str(),
            "2~x/+=");
  for (const char* bad_body : {"", "<InitiateMultipartUploadResult/>", "<Other/>", "not xml",
                               "<InitiateMultipartUploadResult><UploadId>a"}) {
    EXPECT_EQ(parse_initiate_result(bad_body).error().code(), Errc::kInvalidArgument) << bad_body;
  }
}

TEST(S3Xml, PartsPage) {  // S-24
  const auto page = parse_parts_page(
      "<ListPartsResult><PartNumberMarker>0</PartNumberMarker><NextPartNumberMarker>2"
      "</NextPartNumberMarker><MaxParts>1000</MaxParts><IsTruncated>true</IsTruncated>"
      "<Part><PartNumber>1</PartNumber><LastModified>2026-11-01T00:00:00.000Z</LastModified>"
      "<ETag>&quot;a&quot;</ETag><Size>5242880</Size></Part>"
      "<Part><PartNumber>2</PartNumber><ETag>\"b\"</ETag><Size>0</Size></Part>"
      "</ListPartsResult>");
  ASSERT_TRUE(page);
  ASSERT_EQ(page->parts.size(), 2U);
  EXPECT_EQ(page->parts[0].number, 1U);
  EXPECT_EQ(page->parts[0].etag.str(), "\"a\"");
  EXPECT_EQ(page->parts[0].size, ByteCount(5'242'880));
  EXPECT_EQ(page->parts[1].etag.str(), "\"b\"");
  EXPECT_EQ(page->next, 2U);

  const auto last = parse_parts_page(
      "<ListPartsResult><IsTruncated>false</IsTruncated><NextPartNumberMarker>9"
      "</NextPartNumberMarker></ListPartsResult>");
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->parts.empty());
  EXPECT_FALSE(last->next);

  const auto no_marker = parse_parts_page(
      "<ListPartsResult><IsTruncated>true</IsTruncated><Part><PartNumber>7</PartNumber><ETag>e"
      "</ETag><Size>1</Size></Part></ListPartsResult>");
  EXPECT_EQ(no_marker->next, 7U);
  EXPECT_FALSE(
      parse_parts_page("<ListPartsResult><IsTruncated>true</IsTruncated></ListPartsResult>"));
  EXPECT_FALSE(
      parse_parts_page("<ListPartsResult><Part><PartNumber>0</PartNumber><Size>1</Size>"
                       "</Part></ListPartsResult>"));
  EXPECT_FALSE(
      parse_parts_page("<ListPartsResult><Part><PartNumber>1</PartNumber><Size>-1</Size>"
                       "</Part></ListPartsResult>"));
}

TEST(S3Xml, UploadsPage) {
  const auto page = parse_uploads_page(
      "<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
      "<NextKeyMarker>a%20b</NextKeyMarker><NextUploadIdMarker>u2</NextUploadIdMarker>"
      "<Upload><Key>p/a+b%2Bc%25</Key><UploadId>u1</UploadId><Initiated>2026-11-01T00:00:00.000Z"
      "</Initiated></Upload></ListMultipartUploadsResult>");
  ASSERT_TRUE(page);
  ASSERT_EQ(page->uploads.size(), 1U);
  EXPECT_EQ(page->uploads[0].key, "p/a b+c%");
  EXPECT_EQ(page->uploads[0].id.str(), "u1");
  EXPECT_EQ(page->uploads[0].initiated, WallTime(std::chrono::milliseconds(1'793'491'200'000)));
  ASSERT_TRUE(page->next);
  EXPECT_EQ(page->next->first, "a b");
  EXPECT_EQ(page->next->second, "u2");

  // Without EncodingType the key is as it stands.
  const auto plain = parse_uploads_page(
      "<ListMultipartUploadsResult><Upload><Key>a+b%20 </Key><UploadId>u</UploadId></Upload>"
      "</ListMultipartUploadsResult>");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->uploads[0].key, "a+b%20 ");
  EXPECT_EQ(plain->uploads[0].initiated, WallTime());
}

TEST(S3Xml, ObjectsPage) {
  const auto page = parse_objects_page(
      "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
      "<NextContinuationToken>t/+=</NextContinuationToken><Contents><Key>k%C3%A9</Key>"
      "<LastModified>2026-11-01T00:00:00.000Z</LastModified><Size>12</Size></Contents>"
      "<CommonPrefixes><Prefix>x</Prefix></CommonPrefixes></ListBucketResult>");
  ASSERT_TRUE(page);
  ASSERT_EQ(page->objects.size(), 1U);
  EXPECT_EQ(page->objects[0].key, "ké");
  EXPECT_EQ(page->objects[0].size, ByteCount(12));
  EXPECT_EQ(page->next, "t/+=");
  EXPECT_FALSE(
      parse_objects_page("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"));
}

TEST(S3Xml, StsCredentials) {
  const auto credentials = parse_sts_credentials(
      "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
      "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA</AccessKeyId>"
      "<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
      "<Expiration>2026-11-01T00:00:00Z</Expiration></Credentials>"
      "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>");
  ASSERT_TRUE(credentials);
  EXPECT_EQ(credentials->access_key, "ASIA");
  EXPECT_EQ(credentials->session_token, "t");
  EXPECT_EQ(credentials->expires, WallTime(std::chrono::milliseconds(1'793'491'200'000)));
  EXPECT_FALSE(parse_sts_credentials("<A><B><Credentials/></B></A>"));
}

TEST(S3Xml, CompleteRequest) {
  CompletedPart one;
  one.number = 1;
  one.etag = "\"a\"";
  CompletedPart two;
  two.number = 2;
  two.etag = "<&>";
  two.checksum = Checksum(ChecksumKind::kCrc32c, 0xe3069283U);
  EXPECT_EQ(write_complete_request({one, two}),
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            "<Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag></Part>"
            "<Part><PartNumber>2</PartNumber><ETag>&lt;&amp;&gt;</ETag>"
            "<ChecksumCRC32C>4waSgw==</ChecksumCRC32C></Part></CompleteMultipartUpload>");
}

TEST(S3Xml, TooLargeIsRefused) {
  std::string body = complete("", "", "");
  body.insert(0, std::string(kS3XmlBytesMax, ' '));
  EXPECT_FALSE(parse_complete_result(body));
}

TEST(S3Xml, NoEntityIsExpanded) {
  const auto error = parse_s3_error(
      "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><Error><Code>&e;</Code></Error>");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "&e;");
}

}  // namespace
}  // namespace sluice::wire
