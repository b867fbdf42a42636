// The S3 store over the real HTTP client and a scripted server. Rows of s3-multipart digest 12.
#include "stores/s3/s3_store.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

#include "stores/s3/scripted_s3.h"
#include "wire/s3_digest.h"

namespace sluice::stores::s3::testing {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto kLong = seconds(60);

PartTarget part(std::uint32_t number, std::string key = "dir/key") {
  return PartTarget(ObjectKey(std::move(key)), MultipartId("UP/+=1"), PartNumber(number),
                    ByteRange(ByteOffset(0), ByteOffset(5)));
}

Payload payload(std::string_view text, std::optional<wire::ChecksumKind> kind = std::nullopt) {
  Bytes bytes = Bytes::copy_of(text);
  std::optional<wire::Checksum> sum;
  if (kind) sum = wire::Checksum::of(*kind, bytes);
  return Payload(std::move(bytes), sum);
}

Reply etag_reply(std::string etag = "\"e1\"") {
  return Reply().with("ETag", std::move(etag));
}

std::string complete_xml(std::string_view etag = "&quot;abc-2&quot;", std::string_view more = "") {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CompleteMultipartUploadResult "
         "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Location>x</Location><ETag>" +
         std::string(etag) + "</ETag>" + std::string(more) + "</CompleteMultipartUploadResult>";
}

Completion completion(std::optional<wire::Checksum> sum = std::nullopt) {
  std::vector<PartReceipt> parts;
  parts.emplace_back(PartNumber(1), ETag("\"a\""), ByteCount(5), std::nullopt);
  parts.emplace_back(PartNumber(2), ETag("\"b\""), ByteCount(3), std::nullopt);
  return Completion(spec("dir/key"), MultipartId("U1"), std::move(parts), ByteCount(8), sum);
}

std::string signed_headers(const SeenRequest& request) {
  const std::string authorization = request.header("authorization");
  const std::size_t begin = authorization.find("SignedHeaders=") + 14;
  return authorization.substr(begin, authorization.find(',', begin) - begin);
}

// --- requests as they should be

TEST(S3Store, PutObject) {
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest&) { return etag_reply(); };
  ObjectSpec what = spec("dir/a b");
  what.attributes.content_type = "text/plain";
  what.attributes.cache_control = "no-store";
  what.attributes.metadata = {{"name", "é"}};
  auto info = world.run(store->put_object(what, payload("hello"), world.in(kLong)));
  ASSERT_TRUE(info) << info.error().detail();
  EXPECT_EQ(info->etag.str(), "\"e1\"");
  EXPECT_EQ(info->size, ByteCount(5));
  EXPECT_EQ(info->token.str(), "TOKEN1");
  ASSERT_EQ(world.net.seen.size(), 1U);
  const SeenRequest& request = world.net.seen[0];
  EXPECT_EQ(request.method, "PUT");
  EXPECT_EQ(request.target, "/bucket/dir/a%20b");
  EXPECT_EQ(request.header("host"), "s3.test:9000");
  EXPECT_EQ(request.body, "hello");
  EXPECT_EQ(request.header("content-length"), "5");
  EXPECT_EQ(request.header("content-type"), "text/plain");
  EXPECT_EQ(request.header("cache-control"), "no-store");
  EXPECT_EQ(request.header("x-amz-meta-name"), "=?UTF-8?B?w6k=?=");
  EXPECT_EQ(request.header("x-amz-meta-sluice-token"), "TOKEN1");
  // Also over plain http: hashing each body is opt-in.
  EXPECT_EQ(request.header("x-amz-content-sha256"), "UNSIGNED-PAYLOAD");
  EXPECT_EQ(request.header("x-amz-date"), "20261101T000000Z");
  EXPECT_EQ(world.metrics.requests, std::vector<std::string>{"PutObject ok"});
}

TEST(S3Store, EveryAmzHeaderIsSigned) {
  World world;
  auto store = world.open(world.options("aws"));
  world.net.server = [](const SeenRequest&) { return etag_reply(); };
  auto info = world.run(store->put_object(
      spec("k"), payload("hello", wire::ChecksumKind::kCrc64Nvme), world.in(kLong)));
  ASSERT_TRUE(info);
  const SeenRequest& request = world.net.seen.at(0);
  const std::string names = ";" + signed_headers(request) + ";";
  for (const wire::Header& header : request.headers.list()) {
    if (!lower(header.name).starts_with("x-amz-") && lower(header.name) != "host") continue;
    EXPECT_NE(names.find(";" + lower(header.name) + ";"), std::string::npos) << header.name;
  }
}

TEST(S3Store, SessionTokenIsSentAndSigned) {  // S-04
  World world;
  S3Options options = world.options("generic");
  options.session_token = Secret<std::string>("SESSION");
  auto store = world.open(options);
  world.net.server = [](const SeenRequest& request) {
    if (request.header("x-amz-security-token") != "SESSION" ||
        signed_headers(request).find("x-amz-security-token") == std::string::npos) {
      return error_reply(403, "AccessDenied");
    }
    return etag_reply();
  };
  EXPECT_TRUE(world.run(store->put_object(spec("k"), payload("x"), world.in(kLong))));
}

TEST(S3Store, PrefixIsAddedAndTakenOff) {
  World world;
  S3Options options = world.options("generic");
  options.prefix = "in/";
  auto store = world.open(options);
  world.net.server = [](const SeenRequest& request) {
    if (request.method == "PUT") return etag_reply();
    return Reply(200,
                 "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>in/dir/a</Key>"
                 "<Size>3</Size></Contents><Contents><Key>foreign</Key><Size>3</Size></Contents>"
                 "</ListBucketResult>");
  };
  ASSERT_TRUE(world.run(store->put_object(spec("dir/a"), payload("x"), world.in(kLong))));
  EXPECT_EQ(world.net.seen.at(0).path, "/bucket/in/dir/a");
  auto listed = world.run(store->list_objects("dir/", world.in(kLong)));
  ASSERT_TRUE(listed);
  EXPECT_EQ(query_value(world.net.seen.at(1), "prefix"), "in/dir/");
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ(listed->at(0).key.str(), "dir/a");
}

TEST(S3Store, VirtualHostStyle) {
  World world;
  S3Options options = world.options("aws");
  options.endpoint_host.clear();
  options.endpoint_port = 0;
  options.region = "eu-west-1";
  auto store = world.open(options);
  world.net.server = [](const SeenRequest&) { return etag_reply(); };
  ASSERT_TRUE(world.run(store->put_object(spec("k"), payload("x"), world.in(kLong))));
  EXPECT_EQ(world.net.seen.at(0).endpoint,
            Endpoint("bucket.s3.eu-west-1.amazonaws.com", 443, true));
  EXPECT_EQ(world.net.seen.at(0).header("host"), "bucket.s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(world.net.seen.at(0).path, "/k");
}

TEST(S3Store, MetadataOnlyAtCreation) {  // S-28, S-27, S-03
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest& request) {
    if (request.method == "POST") {
      return Reply(200,
                   "<InitiateMultipartUploadResult><UploadId>UP/+=1</UploadId>"
                   "</InitiateMultipartUploadResult>");
    }
    return etag_reply();
  };
  ObjectSpec what = spec("dir/key");
  what.attributes.metadata = {{"color", "red"}};
  auto id = world.run(store->create_multipart(what, world.in(kLong)));
  ASSERT_TRUE(id);
  EXPECT_EQ(id->str(), "UP/+=1");
  auto receipt = world.run(
      store->put_part(part(7), payload("hello", wire::ChecksumKind::kCrc64Nvme), world.in(kLong)));
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->number, PartNumber(7));
  EXPECT_EQ(receipt->etag.str(), "\"e1\"");

  const SeenRequest& create = world.net.seen.at(0);
  EXPECT_EQ(create.query, "uploads=");
  EXPECT_EQ(create.header("content-length"), "0");
  EXPECT_EQ(create.header("content-type"), "application/octet-stream");
  EXPECT_EQ(create.header("x-amz-meta-color"), "red");
  EXPECT_EQ(create.header("x-amz-meta-sluice-token"), "TOKEN1");
  const SeenRequest& put = world.net.seen.at(1);
  EXPECT_EQ(put.query, "partNumber=7&uploadId=UP%2F%2B%3D1");
  for (const SeenRequest& request : world.net.seen) {
    EXPECT_EQ(request.headers.count("x-amz-acl"), 0U);
    EXPECT_EQ(request.headers.count("x-amz-sdk-checksum-algorithm"), 0U);
    EXPECT_EQ(request.headers.count("x-amz-checksum-crc64nvme"), 0U);
    EXPECT_EQ(request.headers.count("content-md5"), 0U);
  }
  EXPECT_EQ(put.headers.count("content-type"), 0U);
  for (const wire::Header& header : put.headers.list()) {
    EXPECT_FALSE(lower(header.name).starts_with("x-amz-meta-")) << header.name;
  }
}

TEST(S3Store, AwsProvesTheWholeObject) {  // S-25
  World world;
  auto store = world.open(world.options("aws"));
  world.net.server = [](const SeenRequest& request) {
    if (request.asks("uploads=")) {
      return Reply(200,
                   "<InitiateMultipartUploadResult><UploadId>U1</UploadId>"
                   "</InitiateMultipartUploadResult>");
    }
    if (request.method == "PUT") return etag_reply();
    return Reply(200, complete_xml("&quot;abc-2&quot;",
                                   "<ChecksumCRC64NVME>rosUhgp5mIg=</ChecksumCRC64NVME>"
                                   "<ChecksumType>FULL_OBJECT</ChecksumType>"));
  };
  const wire::Checksum sum(wire::ChecksumKind::kCrc64Nvme, 0xae8b14860a799888ULL);
  ASSERT_TRUE(world.run(store->create_multipart(spec("k"), world.in(kLong))));
  ASSERT_TRUE(world.run(
      store->put_part(part(1), payload("hello", wire::ChecksumKind::kCrc64Nvme), world.in(kLong))));
  auto info = world.run(store->complete(completion(sum), world.in(kLong)));
  ASSERT_TRUE(info) << info.error().detail();
  EXPECT_EQ(info->checksum, sum);
  EXPECT_EQ(info->etag.str(), "\"abc-2\"");
  ASSERT_EQ(world.net.seen.size(), 3U);  // and no HEAD
  EXPECT_EQ(world.net.seen[0].header("x-amz-checksum-algorithm"), "CRC64NVME");
  EXPECT_EQ(world.net.seen[0].header("x-amz-checksum-type"), "FULL_OBJECT");
  EXPECT_EQ(world.net.seen[1].header("x-amz-checksum-crc64nvme"),
            wire::Checksum::of(wire::ChecksumKind::kCrc64Nvme, as_bytes("hello")).base64());
  const SeenRequest& end = world.net.seen[2];
  EXPECT_EQ(end.header("x-amz-checksum-crc64nvme"), "rosUhgp5mIg=");
  EXPECT_EQ(end.header("x-amz-checksum-type"), "FULL_OBJECT");
  EXPECT_EQ(end.header("x-amz-mp-object-size"), "8");
  EXPECT_EQ(end.header("content-type"), "application/xml");
  EXPECT_EQ(end.header("x-amz-content-sha256"), wire::sha256_hex(end.body));
  EXPECT_EQ(end.body,
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Part>"
            "<PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag></Part><Part><PartNumber>2"
            "</PartNumber><ETag>&quot;b&quot;</ETag></Part></CompleteMultipartUpload>");
}

TEST(S3Store, CephGetsTheSdkHeaderBesideTheChecksum) {
  World world;
  auto store = world.open(world.options("ceph"));
  world.net.server = [](const SeenRequest&) { return etag_reply(); };
  ASSERT_TRUE(world.run(
      store->put_part(part(1), payload("hello", wire::ChecksumKind::kCrc64Nvme), world.in(kLong))));
  EXPECT_EQ(world.net.seen.at(0).header("x-amz-sdk-checksum-algorithm"), "CRC64NVME");
  EXPECT_NE(world.net.seen.at(0).header("x-amz-checksum-crc64nvme"), "");
}

TEST(S3Store, HashesOfTheBodyAreOptIn) {
  World world;
  S3Options options = world.options("generic");
  options.payload_sha256 = true;
  options.content_md5 = true;
  options.checksum = wire::ChecksumKind::kCrc32c;
  auto store = world.open(options);
  EXPECT_EQ(store->checksum_kind(), wire::ChecksumKind::kCrc32c);
  world.net.server = [](const SeenRequest&) { return etag_reply(); };
  ASSERT_TRUE(world.run(store->put_part(part(1), payload("123456789", wire::ChecksumKind::kCrc32c),
                                        world.in(kLong))));
  const SeenRequest& request = world.net.seen.at(0);
  EXPECT_EQ(request.header("x-amz-content-sha256"), wire::sha256_hex("123456789"));
  EXPECT_EQ(request.header("content-md5"), "JfnnlDI7RTiF9RgfG2JNCw==");
  EXPECT_EQ(request.header("x-amz-checksum-crc32c"), "4waSgw==");
  EXPECT_NE(signed_headers(request).find("content-md5"), std::string::npos);
}

TEST(S3Store, AnotherChecksumThanSentIsCorrupt) {  // S-26
  World world;
  auto store = world.open(world.options("aws"));
  world.net.server = [](const SeenRequest&) {
    return etag_reply().with("x-amz-checksum-crc64nvme", "rosUhgp5mIg=");
  };
  auto receipt = world.run(
      store->put_part(part(1), payload("hello", wire::ChecksumKind::kCrc64Nvme), world.in(kLong)));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code(), Errc::kCorrupt);

  world.net.server = [](const SeenRequest&) { return error_reply(400, "BadDigest"); };
  receipt = world.run(store->put_part(part(1), payload("hello"), world.in(kLong)));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code(), Errc::kCorrupt);
}

TEST(S3Store, LimitsAreCheckedBeforeAnythingIsSent) {
  World world;
  auto store = world.open(world.options("generic"));
  EXPECT_EQ(world.run(store->put_part(part(10'001), payload("x"), world.in(kLong))).error().code(),
            Errc::kTooLarge);
  EXPECT_EQ(
      world.run(store->stat(ObjectKey(std::string(1025, 'k')), world.in(kLong))).error().code(),
      Errc::kRejected);
  EXPECT_EQ(world.run(store->stat(ObjectKey(), world.in(kLong))).error().code(),
            Errc::kInvalidArgument);
  ObjectSpec bad = spec("k");
  bad.attributes.metadata = {{"x", "a\r\nevil: 1"}};
  EXPECT_EQ(world.run(store->put_object(bad, payload("x"), world.in(kLong))).error().code(),
            Errc::kInvalidArgument);
  bad = spec("k");
  bad.attributes.content_type = "a\nb";
  EXPECT_EQ(world.run(store->create_multipart(bad, world.in(kLong))).error().code(),
            Errc::kInvalidArgument);
  bad = spec("k");
  bad.attributes.metadata = {{"sluice-token", "forged"}};
  EXPECT_EQ(world.run(store->create_multipart(bad, world.in(kLong))).error().code(),
            Errc::kInvalidArgument);
  EXPECT_TRUE(world.net.seen.empty());
}

// --- reading

TEST(S3Store, Stat) {
  World world;
  auto store = world.open(world.options("aws"));
  world.net.server = [](const SeenRequest&) {
    return Reply()
        .with("Content-Length", "123")
        .with("ETag", "\"e\"")
        .with("x-amz-meta-sluice-token", "T")
        .with("x-amz-checksum-crc64nvme", "rosUhgp5mIg=")
        .with("x-amz-checksum-type", "FULL_OBJECT");
  };
  auto info = world.run(store->stat(ObjectKey("k"), world.in(kLong)));
  ASSERT_TRUE(info) << info.error().detail();
  EXPECT_EQ(info->size, ByteCount(123));
  EXPECT_EQ(info->etag.str(), "\"e\"");
  EXPECT_EQ(info->token.str(), "T");
  EXPECT_EQ(info->checksum, wire::Checksum(wire::ChecksumKind::kCrc64Nvme, 0xae8b14860a799888ULL));
  EXPECT_EQ(world.net.seen.at(0).method, "HEAD");
  EXPECT_EQ(world.net.seen.at(0).header("x-amz-checksum-mode"), "ENABLED");

  world.net.server = [](const SeenRequest&) { return Reply(404); };
  EXPECT_EQ(world.run(store->stat(ObjectKey("k"), world.in(kLong))).error().code(),
            Errc::kNotFound);

  auto generic = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest&) { return Reply().with("Content-Length", "0"); };
  auto foreign = world.run(generic->stat(ObjectKey("k"), world.in(kLong)));
  ASSERT_TRUE(foreign);
  EXPECT_TRUE(foreign->token.empty());
  EXPECT_EQ(world.net.seen.back().headers.count("x-amz-checksum-mode"), 0U);
}

TEST(S3Store, GetRange) {
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest& request) {
    EXPECT_EQ(request.header("range"), "bytes=2-4");
    return Reply(206, "cde").with("Content-Range", "bytes 2-4/10");
  };
  const ByteRange range(ByteOffset(2), ByteOffset(5));
  auto bytes = world.run(store->get(ObjectKey("k"), range, world.in(kLong)));
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->to_string(), "cde");

  world.net.server = [](const SeenRequest&) { return Reply(200, "abcdefghij"); };  // no ranges
  bytes = world.run(store->get(ObjectKey("k"), range, world.in(kLong)));
  EXPECT_FALSE(bytes);  // more than was asked for: not worth reading
  world.net.server = [](const SeenRequest&) { return Reply(200, "abcde"); };
  bytes = world.run(store->get(ObjectKey("k"), range, world.in(kLong)));
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->to_string(), "cde");

  world.net.server = [](const SeenRequest&) { return Reply(206, "cd"); };
  EXPECT_EQ(world.run(store->get(ObjectKey("k"), range, world.in(kLong))).error().code(),
            Errc::kCorrupt);
  world.net.server = [](const SeenRequest&) { return error_reply(416, "InvalidRange"); };
  EXPECT_EQ(world.run(store->get(ObjectKey("k"), range, world.in(kLong))).error().code(),
            Errc::kCorrupt);
  world.net.server = [](const SeenRequest&) { return error_reply(404, "NoSuchKey"); };
  EXPECT_EQ(world.run(store->get(ObjectKey("k"), range, world.in(kLong))).error().code(),
            Errc::kNotFound);
}

TEST(S3Store, RemoveIsIdempotent) {
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest&) { return Reply(204); };
  EXPECT_TRUE(world.run(store->remove(ObjectKey("k"), world.in(kLong))));
  world.net.server = [](const SeenRequest&) { return error_reply(404, "NoSuchKey"); };
  EXPECT_TRUE(world.run(store->remove(ObjectKey("k"), world.in(kLong))));
  world.net.server = [](const SeenRequest&) { return error_reply(403, "AccessDenied"); };
  EXPECT_EQ(world.run(store->remove(ObjectKey("k"), world.in(kLong))).error().code(),
            Errc::kRejected);
}

TEST(S3Store, ListPartsReadsAllPages) {  // S-24
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest& request) {
    EXPECT_EQ(query_value(request, "max-parts"), "1000");
    const std::string marker = query_value(request, "part-number-marker");
    const int from = marker.empty() ? 0 : std::stoi(marker);
    const int to = std::min(from + 1000, 2500);
    std::string xml = "<ListPartsResult>";
    for (int n = from + 1; n <= to; ++n) {
      xml += "<Part><PartNumber>" + std::to_string(n) + "</PartNumber><ETag>&quot;e" +
             std::to_string(n) + "&quot;</ETag><Size>" + std::to_string(n * 10) + "</Size></Part>";
    }
    xml += std::string("<IsTruncated>") + (to < 2500 ? "true" : "false") +
           "</IsTruncated><NextPartNumberMarker>" + std::to_string(to) +
           "</NextPartNumberMarker></ListPartsResult>";
    return Reply(200, xml);
  };
  auto parts = world.run(store->list_parts(ObjectKey("k"), MultipartId("U"), world.in(kLong)));
  ASSERT_TRUE(parts) << parts.error().detail();
  ASSERT_EQ(parts->size(), 2500U);
  for (std::uint32_t i = 0; i < 2500; ++i) {
    ASSERT_EQ(parts->at(i).number, PartNumber(i + 1));
    ASSERT_EQ(parts->at(i).size, ByteCount((i + 1) * 10));
    ASSERT_EQ(parts->at(i).etag.str(), "\"e" + std::to_string(i + 1) + "\"");
  }
  EXPECT_EQ(world.net.seen.size(), 3U);
}

TEST(S3Store, AListingThatDoesNotAdvanceEnds) {
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest&) {
    return Reply(200,
                 "<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>1"
                 "</NextPartNumberMarker></ListPartsResult>");
  };
  EXPECT_FALSE(world.run(store->list_parts(ObjectKey("k"), MultipartId("U"), world.in(kLong))));
  EXPECT_EQ(world.net.seen.size(), 2U);
}

TEST(S3Store, ListPartsOfAnUploadThatIsGone) {
  World world;
  auto store = world.open(world.options("ceph"));
  for (const char* code : {"NoSuchUpload", "NoSuchKey"}) {
    world.net.server = [code](const SeenRequest&) { return error_reply(404, code); };
    EXPECT_EQ(world.run(store->list_parts(ObjectKey("k"), MultipartId("U"), world.in(kLong)))
                  .error()
                  .code(),
              Errc::kNotFound)
        << code;
  }
}

TEST(S3Store, ListMultipartsPagesByKeyAndId) {
  World world;
  S3Options options = world.options("generic");
  options.prefix = "p/";
  auto store = world.open(options);
  world.net.server = [](const SeenRequest& request) {
    EXPECT_EQ(query_value(request, "prefix"), "p/x");
    if (query_value(request, "key-marker").empty()) {
      return Reply(200,
                   "<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>true"
                   "</IsTruncated><NextKeyMarker>p/x+1</NextKeyMarker><NextUploadIdMarker>u1"
                   "</NextUploadIdMarker><Upload><Key>p/x+1</Key><UploadId>u1</UploadId>"
                   "<Initiated>2026-11-01T00:00:00Z</Initiated></Upload>"
                   "</ListMultipartUploadsResult>");
    }
    EXPECT_EQ(query_value(request, "key-marker"), "p/x 1");
    EXPECT_EQ(query_value(request, "upload-id-marker"), "u1");
    return Reply(200,
                 "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated><Upload><Key>p/x 2"
                 "</Key><UploadId>u2</UploadId></Upload></ListMultipartUploadsResult>");
  };
  auto found = world.run(store->list_multiparts("x", world.in(kLong)));
  ASSERT_TRUE(found) << found.error().detail();
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ(found->at(0).key.str(), "x 1");
  EXPECT_EQ(found->at(0).multipart.str(), "u1");
  EXPECT_EQ(found->at(1).key.str(), "x 2");
}

TEST(S3Store, Probe) {
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest&) { return Reply(200, "<ListMultipartUploadsResult/>"); };
  EXPECT_TRUE(world.run(store->probe(world.in(kLong))));
  EXPECT_EQ(query_value(world.net.seen.at(0), "max-uploads"), "1");
  world.net.server = [](const SeenRequest&) { return error_reply(404, "NoSuchBucket"); };
  auto failed = world.run(store->probe(world.in(kLong)));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Errc::kRejected);
  EXPECT_NE(failed.error().detail().find("NoSuchBucket"), std::string::npos);
}

// --- completion

TEST(S3Store, CompletionInWhiteSpace) {  // S-15
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest&) {
    Reply reply(200, std::string(3000, ' ') + "\r\n" + complete_xml());
    reply.body.insert(reply.body.find("?>\n") + 2, std::string(2000, ' '));
    reply.chunked = true;
    return reply.after(seconds(30));
  };
  auto info = world.run(store->complete(completion(), world.in(minutes(10))));
  ASSERT_TRUE(info) << info.error().detail();
  EXPECT_EQ(info->etag.str(), "\"abc-2\"");
  EXPECT_EQ(info->size, ByteCount(8));
  EXPECT_EQ(world.net.seen.size(), 1U);
}

TEST(S3Store, CompletionWithErrorInsideThe200) {  // S-16
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest&) {
    Reply reply = error_reply(500, "InternalError");
    reply.status = 200;
    return reply;
  };
  auto info = world.run(store->complete(completion(), world.in(kLong)));
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code(), Errc::kOutcomeUnknown);
  EXPECT_NE(info.error().detail().find("InternalError"), std::string::npos);
}

TEST(S3Store, CompletionWithoutAResult) {  // S-17, S-18
  World world;
  auto store = world.open(world.options("generic"));
  const std::vector<Server> servers = {
      [](const SeenRequest&) { return Reply(200, "   <?xml version=\"1.0\"?>   "); },
      [](const SeenRequest&) { return Reply(200, ""); },
      [](const SeenRequest&) { return Reply(200, "<html>a proxy's page</html>"); },
      [](const SeenRequest&) { return closing(); },
      [](const SeenRequest&) {
        Reply reply(200, complete_xml());
        reply.cut_after = 60;
        return reply;
      },
      [](const SeenRequest&) {
        Reply reply;
        reply.never = true;
        return reply;
      },
      [](const SeenRequest&) { return error_reply(500, "InternalError"); },  // Ceph: aborted
      [](const SeenRequest&) { return Reply(503, "busy"); },
  };
  for (std::size_t i = 0; i < servers.size(); ++i) {
    world.net.server = servers[i];
    auto info = world.run(store->complete(completion(), world.in(kLong)));
    ASSERT_FALSE(info) << i;
    EXPECT_EQ(info.error().code(), Errc::kOutcomeUnknown) << i << ": " << info.error().detail();
  }
}

TEST(S3Store, CompletionThatTheStoreRefuses) {
  World world;
  auto store = world.open(world.options("generic"));
  const std::vector<std::pair<Reply, Errc>> rows = {
      {error_reply(404, "NoSuchUpload"), Errc::kNotFound},
      {error_reply(400, "InvalidPart"), Errc::kConflict},
      {error_reply(400, "EntityTooSmall"), Errc::kConflict},
      {error_reply(412, "PreconditionFailed"), Errc::kConflict},
      {error_reply(409, "ConditionalRequestConflict"), Errc::kConflict},
      {error_reply(400, "BadDigest"), Errc::kCorrupt},
      {error_reply(403, "AccessDenied"), Errc::kRejected},
  };
  for (const auto& [reply, expected] : rows) {
    world.net.server = [answer = reply](const SeenRequest&) { return answer; };
    auto info = world.run(store->complete(completion(), world.in(kLong)));
    ASSERT_FALSE(info);
    EXPECT_EQ(info.error().code(), expected) << info.error().detail();
  }
}

TEST(S3Store, CompletionWithoutETagAsksForIt) {  // Ceph 16.2
  World world;
  auto store = world.open(world.options("ceph"));
  std::string token = "TOKEN1";
  world.net.server = [&](const SeenRequest& request) {
    if (request.method == "POST") return Reply(200, complete_xml(""));
    return Reply()
        .with("ETag", "\"head-2\"")
        .with("Content-Length", "8")
        .with("x-amz-meta-sluice-token", token);
  };
  auto info = world.run(store->complete(completion(), world.in(kLong)));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->etag.str(), "\"head-2\"");
  token = "of another upload";
  info = world.run(store->complete(completion(), world.in(kLong)));
  ASSERT_TRUE(info);
  EXPECT_TRUE(info->etag.empty());
}

TEST(S3Store, PartListIsCheckedHere) {  // Ceph accepts any order and any number
  World world;
  auto store = world.open(world.options("ceph"));
  Completion bad = completion();
  std::swap(bad.parts[0], bad.parts[1]);
  EXPECT_EQ(world.run(store->complete(bad, world.in(kLong))).error().code(), Errc::kConflict);
  bad = completion();
  bad.parts.erase(bad.parts.begin());
  EXPECT_EQ(world.run(store->complete(bad, world.in(kLong))).error().code(), Errc::kConflict);
  bad = completion();
  bad.parts.clear();
  EXPECT_EQ(world.run(store->complete(bad, world.in(kLong))).error().code(), Errc::kConflict);
  bad = completion();
  bad.size = ByteCount(9);
  EXPECT_EQ(world.run(store->complete(bad, world.in(kLong))).error().code(), Errc::kConflict);
  EXPECT_TRUE(world.net.seen.empty());
}

// --- abort

TEST(S3Store, AbortRepeatsUntilNothingIsListed) {  // S-23
  World world;
  auto store = world.open(world.options("generic"));
  int deletes = 0;
  world.net.server = [&](const SeenRequest& request) {
    if (request.method == "DELETE") {
      ++deletes;
      return Reply(204);
    }
    // A part that was in flight lands after the first abort.
    if (deletes == 1) {
      return Reply(200,
                   "<ListPartsResult><Part><PartNumber>3</PartNumber><ETag>e</ETag><Size>5</Size>"
                   "</Part></ListPartsResult>");
    }
    return error_reply(404, "NoSuchUpload");
  };
  EXPECT_TRUE(world.run(store->abort(ObjectKey("k"), MultipartId("U"), world.in(kLong))));
  EXPECT_EQ(deletes, 2);
}

TEST(S3Store, AbortIsIdempotent) {
  World world;
  auto store = world.open(world.options("ceph"));
  for (const char* code : {"NoSuchUpload", "NoSuchKey"}) {
    world.net.server = [code](const SeenRequest&) { return error_reply(404, code); };
    EXPECT_TRUE(world.run(store->abort(ObjectKey("k"), MultipartId("U"), world.in(kLong)))) << code;
  }
  world.net.server = [](const SeenRequest& request) {
    if (request.method == "DELETE") return Reply(204);
    return Reply(200, "<ListPartsResult></ListPartsResult>");
  };
  EXPECT_TRUE(world.run(store->abort(ObjectKey("k"), MultipartId("U"), world.in(kLong))));
}

TEST(S3Store, AbortOfACompletedUploadLeavesItsSegmentsAlone) {  // Swift lists them
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest& request) {
    if (request.method == "DELETE") return error_reply(404, "NoSuchUpload");
    return Reply(200,
                 "<ListPartsResult><Part><PartNumber>1</PartNumber><ETag>e</ETag><Size>5</Size>"
                 "</Part></ListPartsResult>");
  };
  EXPECT_TRUE(world.run(store->abort(ObjectKey("k"), MultipartId("U"), world.in(kLong))));
  EXPECT_EQ(world.net.seen.size(), 1U);
}

TEST(S3Store, AbortThatNeverEndsSaysSo) {
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest& request) {
    if (request.method == "DELETE") return Reply(204);
    return Reply(200,
                 "<ListPartsResult><Part><PartNumber>3</PartNumber><ETag>e</ETag><Size>5</Size>"
                 "</Part></ListPartsResult>");
  };
  auto aborted = world.run(store->abort(ObjectKey("k"), MultipartId("U"), world.in(kLong)));
  ASSERT_FALSE(aborted);
  EXPECT_EQ(aborted.error().code(), Errc::kOutcomeUnknown);
}

// --- failures of the line

TEST(S3Store, LostConnections) {  // S-10
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest&) { return etag_reply(); };
  world.net.cut_request = [](const SeenRequest&) { return std::optional<std::size_t>(2); };
  auto receipt = world.run(store->put_part(part(1), payload("hello"), world.in(kLong)));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code(), Errc::kOutcomeUnknown);

  world.net.cut_request = nullptr;
  world.net.refuse_connect = [](const Endpoint&) {
    return Error(Errc::kUnavailable, "connection refused");
  };
  receipt = world.run(store->put_part(part(1), payload("hello"), world.in(kLong)));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code(), Errc::kUnavailable);

  world.net.refuse_connect = nullptr;
  receipt = world.run(store->put_part(part(1), payload("hello"), world.in(kLong)));
  EXPECT_TRUE(receipt);
}

TEST(S3Store, DeadlineEndsEveryCall) {
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest&) {
    Reply reply;
    reply.never = true;
    return reply;
  };
  const Instant start = world.clock.now();
  auto receipt = world.run(store->put_part(part(1), payload("hello"), world.in(seconds(20))));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code(), Errc::kOutcomeUnknown);
  auto info = world.run(store->stat(ObjectKey("k"), world.in(seconds(20))));
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code(), Errc::kUnavailable);
  EXPECT_LE(world.clock.now() - start, seconds(42));
}

TEST(S3Store, AfterATransientFailureTheNextRequestUsesANewConnection) {  // S-09
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest&) { return etag_reply(); };
  ASSERT_TRUE(world.run(store->put_part(part(1), payload("a"), world.in(kLong))));
  ASSERT_TRUE(world.run(store->put_part(part(1), payload("a"), world.in(kLong))));
  EXPECT_EQ(world.net.connections, 1);
  world.net.server = [](const SeenRequest&) { return error_reply(400, "RequestTimeout"); };
  auto receipt = world.run(store->put_part(part(1), payload("a"), world.in(kLong)));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code(), Errc::kUnavailable);
  world.net.server = [](const SeenRequest&) { return etag_reply(); };
  ASSERT_TRUE(world.run(store->put_part(part(1), payload("a"), world.in(kLong))));
  EXPECT_EQ(world.net.seen.back().connection, 2);
}

TEST(S3Store, PermanentRefusalIsOneAttemptWithoutSecrets) {  // S-11
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest&) { return error_reply(403, "AccessDenied"); };
  auto receipt = world.run(store->put_part(part(1), payload("a"), world.in(kLong)));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code(), Errc::kRejected);
  EXPECT_EQ(receipt.error().detail(), "UploadPart: 403 AccessDenied, request REQ1");
  EXPECT_EQ(world.net.seen.size(), 1U);
  EXPECT_EQ(world.log.text.find("very-secret-key"), std::string::npos);
}

TEST(S3Store, ThrottlingIsOneAttempt) {  // S-08, S-34: repeating is the wrapper's
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest&) { return error_reply(503, "SlowDown"); };
  auto receipt = world.run(store->put_part(part(1), payload("a"), world.in(kLong)));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code(), Errc::kThrottled);
  EXPECT_EQ(world.net.seen.size(), 1U);
  EXPECT_EQ(world.metrics.requests.size(), 1U);
}

// --- repairs

TEST(S3Store, LearnsTheRegion) {  // S-14
  for (const bool by_header : {true, false}) {
    for (const int status : {301, 307, 400}) {
      World world;
      auto store = world.open(world.options("aws"));
      world.net.server = [&](const SeenRequest& request) {
        if (request.header("authorization").find("/eu-west-1/s3/") != std::string::npos) {
          return etag_reply();
        }
        Reply reply = error_reply(status, "AuthorizationHeaderMalformed",
                                  by_header ? "" : "<Region>eu-west-1</Region>");
        if (by_header) reply.with("x-amz-bucket-region", "eu-west-1");
        reply.with("Location", "http://elsewhere.test/");
        return reply;
      };
      auto receipt = world.run(store->put_part(part(1), payload("hello"), world.in(kLong)));
      ASSERT_TRUE(receipt) << status << receipt.error().detail();
      EXPECT_EQ(world.net.seen.size(), 2U);
      EXPECT_EQ(world.net.seen[1].body, "hello");
      EXPECT_EQ(world.net.seen[1].endpoint.host, "bucket.s3.test");  // no redirect is followed
      // Remembered.
      ASSERT_TRUE(world.run(store->put_part(part(2), payload("hello"), world.in(kLong))));
      EXPECT_EQ(world.net.seen.size(), 3U);
    }
  }
}

TEST(S3Store, AwsHostFollowsTheLearnedRegion) {  // S-14
  World world;
  S3Options options = world.options("aws");
  options.endpoint_host.clear();
  options.endpoint_port = 0;
  auto store = world.open(options);
  world.net.server = [](const SeenRequest& request) {
    if (request.endpoint.host == "bucket.s3.eu-west-1.amazonaws.com") {
      return Reply().with("Content-Length", "1");
    }
    return Reply(400).with("x-amz-bucket-region", "eu-west-1");  // HEAD: no body
  };
  EXPECT_TRUE(world.run(store->stat(ObjectKey("k"), world.in(kLong))));
}

TEST(S3Store, ARegionIsLearnedOnceAndOnlyIfItIsOne) {  // S-14
  World world;
  auto store = world.open(world.options("aws"));
  int n = 0;
  world.net.server = [&](const SeenRequest&) {
    return Reply(301).with("x-amz-bucket-region", "region-" + std::to_string(++n));
  };
  auto receipt = world.run(store->put_part(part(1), payload("x"), world.in(kLong)));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code(), Errc::kRejected);
  EXPECT_EQ(world.net.seen.size(), 2U);
  world.net.server = [](const SeenRequest&) {
    return Reply(301).with("x-amz-bucket-region", "evil.example/");
  };
  EXPECT_FALSE(world.run(store->put_part(part(1), payload("x"), world.in(kLong))));
  EXPECT_EQ(world.net.seen.size(), 3U);
}

TEST(S3Store, CorrectsTheClock) {  // S-13
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest& request) {
    if (request.header("x-amz-date") == "20261101T010000Z") return etag_reply();
    return error_reply(403, "RequestTimeTooSkewed").with("Date", "Sun, 01 Nov 2026 01:00:00 GMT");
  };
  ASSERT_TRUE(world.run(store->put_part(part(1), payload("x"), world.in(kLong))));
  EXPECT_EQ(world.net.seen.size(), 2U);
  ASSERT_TRUE(world.run(store->put_part(part(1), payload("x"), world.in(kLong))));
  EXPECT_EQ(world.net.seen.size(), 3U);
}

TEST(S3Store, TheClockIsCorrectedOncePerCall) {  // S-13
  World world;
  auto store = world.open(world.options("generic"));
  int n = 0;
  world.net.server = [&](const SeenRequest&) {
    return error_reply(403, "RequestTimeTooSkewed")
        .with("Date",
              n++ % 2 == 0 ? "Sun, 01 Nov 2026 01:00:00 GMT" : "Sun, 01 Nov 2026 02:00:00 GMT");
  };
  auto receipt = world.run(store->put_part(part(1), payload("x"), world.in(kLong)));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code(), Errc::kUnavailable);
  EXPECT_EQ(world.net.seen.size(), 2U);
}

TEST(S3Store, AWrongSecretIsNotTheClocksFault) {  // S-13
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest&) {
    return error_reply(403, "SignatureDoesNotMatch").with("Date", "Sun, 01 Nov 2026 00:00:03 GMT");
  };
  EXPECT_EQ(world.run(store->put_part(part(1), payload("x"), world.in(kLong))).error().code(),
            Errc::kRejected);
  EXPECT_EQ(world.net.seen.size(), 1U);
}

TEST(S3Store, RefreshesRefusedCredentialsOnce) {  // S-12
  World world;
  FakeEnvironment environment;
  environment.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1/creds";
  S3Options options = world.options("generic");
  options.access_key.clear();
  options.secret_key = Secret<std::string>();
  auto store = world.open(options, environment.sources());
  int generation = 0;
  std::string good = "KEY2";
  world.net.server = [&](const SeenRequest& request) {
    if (request.path == "/creds") {
      ++generation;
      return Reply(200, "{\"AccessKeyId\":\"KEY" + std::to_string(generation) +
                            "\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":"
                            "\"2026-11-01T06:00:00Z\"}");
    }
    if (request.header("authorization").find(good) != std::string::npos) return etag_reply();
    return error_reply(400, "ExpiredToken");
  };
  ASSERT_TRUE(world.run(store->put_part(part(1), payload("x"), world.in(kLong))));
  EXPECT_EQ(generation, 2);
  ASSERT_TRUE(world.run(store->put_part(part(1), payload("x"), world.in(kLong))));
  EXPECT_EQ(generation, 2);
  // Never more than once per call.
  good = "NONE";
  auto receipt = world.run(store->put_part(part(1), payload("x"), world.in(kLong)));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code(), Errc::kUnavailable);
  EXPECT_EQ(generation, 3);
}

TEST(S3Store, StaticCredentialsAreNotRefreshed) {  // S-12
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest&) { return error_reply(400, "ExpiredToken"); };
  EXPECT_EQ(world.run(store->put_part(part(1), payload("x"), world.in(kLong))).error().code(),
            Errc::kRejected);
  EXPECT_EQ(world.net.seen.size(), 1U);
}

// --- parked pieces

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 131 + i / 251) & 0xff);
  return text;
}

// Serves ranges of `parked` on GET, and takes PUTs.
Server store_with(const std::string& parked) {
  return [&parked](const SeenRequest& request) {
    if (request.method == "PUT") return etag_reply();
    const std::string range = request.header("range").substr(6);
    const std::size_t from = std::stoul(range);
    const std::size_t to = std::stoul(range.substr(range.find('-') + 1));
    if (from >= parked.size()) return error_reply(416, "InvalidRange");
    return Reply(206, parked.substr(from, to - from + 1));
  };
}

Payload mixed(std::size_t from, std::size_t length) {
  Payload p;
  p.add(Bytes::copy_of("head-"));
  p.add(StoredPiece(ObjectKey("parked/1"), ByteOffset(from), ByteCount(length)));
  p.add(Bytes::copy_of("-between-"));
  p.add(StoredPiece(ObjectKey("parked/2"), ByteOffset(0), ByteCount(7)));
  return p;
}

TEST(S3Store, ParkedPiecesAreStreamedThroughAWindow) {
  World world;
  S3Options options = world.options("ceph");
  options.prefix = "in/";
  options.payload_sha256 = true;  // impossible here, so unsigned
  auto store = world.open(options);
  const std::string parked = pattern(1'500'000);
  world.net.server = store_with(parked);
  Payload body = mixed(1000, 1'400'000);
  const std::string expected =
      "head-" + parked.substr(1000, 1'400'000) + "-between-" + parked.substr(0, 7);
  body.set_checksum(wire::Checksum::of(wire::ChecksumKind::kCrc64Nvme, as_bytes(expected)));
  auto receipt = world.run(store->put_part(part(1), body, world.in(kLong)));
  ASSERT_TRUE(receipt) << receipt.error().detail();
  EXPECT_EQ(receipt->size, ByteCount(expected.size()));
  const auto put = std::find_if(world.net.seen.begin(), world.net.seen.end(),
                                [](const SeenRequest& r) { return r.method == "PUT"; });
  ASSERT_NE(put, world.net.seen.end());
  EXPECT_TRUE(put->body == expected);
  EXPECT_EQ(put->header("x-amz-content-sha256"), "UNSIGNED-PAYLOAD");
  EXPECT_EQ(put->header("x-amz-checksum-crc64nvme"), receipt->checksum->base64());
  EXPECT_LE(world.net.largest_write, (256U << 10) + 4096);
  EXPECT_EQ(world.net.seen.size(), 3U);
  for (const SeenRequest& request : world.net.seen) {
    const bool parked_or_put =
        request.method == "PUT" || request.path.starts_with("/bucket/in/parked/");
    EXPECT_TRUE(parked_or_put) << request.path;
  }
  // Both connections are good for the next requests.
  EXPECT_EQ(world.net.connections, 2);
  ASSERT_TRUE(world.run(store->put_part(part(1), body, world.in(kLong))));
  EXPECT_EQ(world.net.connections, 2);
}

TEST(S3Store, AMissingParkedPieceIsCorruptNotGone) {
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest& request) {
    if (request.method == "PUT") return etag_reply();
    return error_reply(404, "NoSuchKey");
  };
  auto receipt = world.run(store->put_part(part(1), mixed(0, 10), world.in(kLong)));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code(), Errc::kCorrupt) << receipt.error().detail();

  world.net.server = [](const SeenRequest& request) {
    if (request.method == "PUT") return etag_reply();
    return Reply(206, "short");
  };
  receipt = world.run(store->put_part(part(1), mixed(0, 10), world.in(kLong)));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code(), Errc::kCorrupt) << receipt.error().detail();

  world.net.server = [](const SeenRequest& request) {
    if (request.method == "PUT") return etag_reply();
    return error_reply(503, "SlowDown");
  };
  receipt = world.run(store->put_part(part(1), mixed(0, 10), world.in(kLong)));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code(), Errc::kThrottled) << receipt.error().detail();

  world.net.server = [](const SeenRequest& request) {
    if (request.method == "PUT") return etag_reply();
    Reply reply(206, "0123456789");
    reply.cut_after = 4;
    return reply;
  };
  receipt = world.run(store->put_part(part(1), mixed(0, 10), world.in(kLong)));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code(), Errc::kUnavailable) << receipt.error().detail();
}

TEST(S3Store, ProducedBodiesStartAgainAfterARepair) {  // S-14
  World world;
  auto store = world.open(world.options("aws"));
  const std::string parked = pattern(300'000);
  const Server usual = store_with(parked);
  world.net.early = [](const SeenRequest& request) -> std::optional<Reply> {
    if (request.method != "PUT") return std::nullopt;
    if (request.header("authorization").find("/eu-west-1/") != std::string::npos) {
      return std::nullopt;
    }
    return Reply(307).with("x-amz-bucket-region", "eu-west-1");
  };
  world.net.server = usual;
  auto receipt = world.run(store->put_part(part(1), mixed(0, 300'000), world.in(kLong)));
  ASSERT_TRUE(receipt) << receipt.error().detail();
  EXPECT_TRUE(world.net.seen.back().body == "head-" + parked + "-between-" + parked.substr(0, 7));
}

Task<void> put_and_count(ObjectStore* store, std::uint32_t number, Payload body, Deadline deadline,
                         int* good) {
  const PartTarget target = part(number);
  auto receipt = co_await store->put_part(target, body, deadline);
  if (receipt) ++*good;
}

TEST(S3Store, ManyAssembledPartsDoNotStarveEachOther) {
  World world;  // 8 connections; each assembled part needs two
  auto store = world.open(world.options("generic"));
  const std::string parked = pattern(400'000);
  world.net.server = store_with(parked);
  int good = 0;
  for (std::uint32_t i = 1; i <= 40; ++i) {
    boost::asio::co_spawn(world.loop,
                          put_and_count(store.get(), i, mixed(0, 400'000), world.in(kLong), &good),
                          boost::asio::detached);
  }
  const Instant start = world.clock.now();
  while (good < 40 && world.clock.now() - start < minutes(2)) world.step();
  EXPECT_EQ(good, 40);
  EXPECT_LT(world.clock.now() - start, seconds(60));
}

TEST(S3Store, WaitingForAPlaceToAssembleEndsByTheDeadline) {
  World world;
  auto store = world.open(world.options("generic"));
  world.net.server = [](const SeenRequest&) {
    Reply silent;
    silent.never = true;
    return silent;
  };
  int good = 0;
  for (std::uint32_t i = 1; i <= 4; ++i) {
    boost::asio::co_spawn(world.loop,
                          put_and_count(store.get(), i, mixed(0, 10), world.in(minutes(10)), &good),
                          boost::asio::detached);
  }
  const Instant start = world.clock.now();
  auto receipt = world.run(store->put_part(part(9), mixed(0, 10), world.in(seconds(5))));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code(), Errc::kUnavailable);
  EXPECT_LE(world.clock.now() - start, seconds(6));
  while (world.clock.now() - start < minutes(11) && world.advance_or_stop()) {
  }
}

// --- options

TEST(S3Store, OptionsThatContradictThemselves) {
  World world;
  const auto refused = [&](S3Options options) {
    S3Services services;
    services.credential_sources = CredentialSources::none();
    auto store = open_s3(std::move(options), std::move(services));
    return store ? std::string() : store.error().detail();
  };
  S3Options options = world.options("nonsense");
  EXPECT_NE(refused(options).find("preset"), std::string::npos);
  options = world.options("generic");
  options.bucket.clear();
  EXPECT_NE(refused(options).find("bucket"), std::string::npos);
  options = world.options("generic");
  options.prefix = "x";
  EXPECT_NE(refused(options).find("prefix"), std::string::npos);
  options = world.options("generic");
  options.secret_key = Secret<std::string>();
  EXPECT_NE(refused(options).find("secret_key"), std::string::npos);
  options = world.options("generic");
  options.connections_max = 1;
  EXPECT_NE(refused(options).find("connections_max"), std::string::npos);
}

TEST(S3Store, RegionComesFromTheEnvironmentUnlessGiven) {
  World world;
  FakeEnvironment environment;
  environment.variables["AWS_REGION"] = "eu-north-1";
  world.net.server = [](const SeenRequest&) { return etag_reply(); };
  S3Options options = world.options("generic");
  options.region.clear();
  ASSERT_TRUE(world.run(world.open(options, environment.sources())
                            ->put_object(spec("k"), payload("x"), world.in(kLong))));
  EXPECT_NE(world.net.seen.back().header("authorization").find("/eu-north-1/s3/"),
            std::string::npos);
  environment.variables.clear();
  environment.files["/c"] = "[default]\nregion = eu-south-1\n";
  environment.variables["AWS_CONFIG_FILE"] = "/c";
  ASSERT_TRUE(world.run(world.open(options, environment.sources())
                            ->put_object(spec("k"), payload("x"), world.in(kLong))));
  EXPECT_NE(world.net.seen.back().header("authorization").find("/eu-south-1/s3/"),
            std::string::npos);
  options.preset = "r2";
  ASSERT_TRUE(world.run(world.open(options, environment.sources())
                            ->put_object(spec("k"), payload("x"), world.in(kLong))));
  EXPECT_NE(world.net.seen.back().header("authorization").find("/auto/s3/"), std::string::npos);
}

}  // namespace
}  // namespace sluice::stores::s3::testing
