// S-01, S-03, S-04: every vector of s3-multipart digest section 2.4, and the rules of 2.1.
#include "wire/sigv4.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "base/text.h"
#include "wire/s3_time.h"

namespace sluice::wire {
namespace {

const std::string kRegion = "us-east-1";
constexpr std::string_view kDate = "20130524T000000Z";

SigV4Credentials example() {
  return SigV4Credentials{
      "AKIAIOSFODNN7EXAMPLE", Secret<std::string>("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), {}};
}

SigningKey example_key() {
  return SigningKey(example(), kDate.substr(0, 8), kRegion, "s3");
}

WallTime example_time() {
  return WallTime(std::chrono::seconds(1'369'353'600));
}

std::string signature(std::string_view method, std::string_view path, const QueryParameters& query,
                      std::vector<Header> headers, std::string_view hash) {
  headers.push_back(Header{"x-amz-date", std::string(kDate)});
  headers.push_back(Header{"x-amz-content-sha256", std::string(hash)});
  const Headers list(std::move(headers));
  return sign(SigV4Request{method, path, query, list, hash}, example_key(), kDate).hex;
}

TEST(SigV4, SigningKey) {
  EXPECT_EQ(hex(example_key().reveal()),
            "dbb893acc010964918f1fd433add87c70e8b0db6be30c1fbeafefa5ec6ba8378");
}

TEST(SigV4, GetWithRange) {
  EXPECT_EQ(
      signature("GET", "/test.txt", {},
                {{"Host", "examplebucket.s3.amazonaws.com"}, {"Range", "bytes=0-9"}}, kEmptySha256),
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigV4, PutWithEncodedKey) {
  EXPECT_EQ(signature("PUT", "/" + percent_encode("test$file.text", true), {},
                      {{"Host", "examplebucket.s3.amazonaws.com"},
                       {"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                       {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                      sha256_hex("Welcome to Amazon S3.")),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(SigV4, GetWithQuery) {
  EXPECT_EQ(signature("GET", "/", {{"prefix", "J"}, {"max-keys", "2"}},
                      {{"Host", "examplebucket.s3.amazonaws.com"}}, kEmptySha256),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(SigV4, Presigned) {
  SigningKeyCache keys;
  const std::string query =
      presign("GET", "examplebucket.s3.amazonaws.com", "/test.txt", {}, example(), kRegion,
              example_time(), std::chrono::seconds(86'400), keys);
  EXPECT_EQ(query,
            "X-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
            "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
            "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(SigV4, StreamingChunks) {
  const std::string seed = signature("PUT", "/examplebucket/chunkObject.txt", {},
                                     {{"Host", "s3.amazonaws.com"},
                                      {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                                      {"Content-Encoding", "aws-chunked"},
                                      {"x-amz-decoded-content-length", "66560"},
                                      {"Content-Length", "66824"}},
                                     kStreamingPayload);
  EXPECT_EQ(seed, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
  ChunkSigner chunks(std::make_shared<const SigningKey>(example_key()), std::string(kDate), seed);
  EXPECT_EQ(chunks.next(as_bytes(std::string(65536, 'a'))),
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648");
  EXPECT_EQ(chunks.next(as_bytes(std::string(1024, 'a'))),
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497");
  EXPECT_EQ(chunks.next({}), "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9");
}

TEST(SigV4, StreamingChunksWithTrailer) {
  // The published example lists content-length among the signed headers, but its signature is the
  // one without it and with x-amz-trailer.
  const std::string seed = signature("PUT", "/examplebucket/chunkObject.txt", {},
                                     {{"Host", "s3.amazonaws.com"},
                                      {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                                      {"Content-Encoding", "aws-chunked"},
                                      {"x-amz-decoded-content-length", "66560"},
                                      {"x-amz-trailer", "x-amz-checksum-crc32c"}},
                                     kStreamingPayloadTrailer);
  EXPECT_EQ(seed, "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
  ChunkSigner chunks(std::make_shared<const SigningKey>(example_key()), std::string(kDate), seed);
  EXPECT_EQ(chunks.next(as_bytes(std::string(65536, 'a'))),
            "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2");
  EXPECT_EQ(chunks.next(as_bytes(std::string(1024, 'a'))),
            "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7");
  EXPECT_EQ(chunks.next({}), "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992");
  EXPECT_EQ(chunks.trailer("x-amz-checksum-crc32c:sOO8/Q==\n"),
            "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435");
}

TEST(SigV4, QueryIsSortedAndValuelessNamesKeepTheEqualsSign) {  // S-03
  EXPECT_EQ(canonical_query({{"uploads", ""}}), "uploads=");
  EXPECT_EQ(canonical_query({{"uploadId", "a/b+c="}, {"partNumber", "7"}}),
            "partNumber=7&uploadId=a%2Fb%2Bc%3D");
  EXPECT_EQ(canonical_query({{"b", "2"}, {"b", "10"}, {"B", "x"}, {"a b", "~"}}),
            "B=x&a%20b=~&b=10&b=2");
  EXPECT_EQ(canonical_query({}), "");
}

TEST(SigV4, CanonicalHeaders) {
  const Headers headers(std::vector<Header>{
      {"X-Amz-Meta-B", "  two   words\t here "}, {"Host", "h"}, {"a", "1"}, {"A", "2"}});
  const QueryParameters none;
  EXPECT_EQ(canonical_request(SigV4Request{"PUT", "/k", none, headers, kUnsignedPayload}),
            "PUT\n/k\n\na:1,2\nhost:h\nx-amz-meta-b:two words here\n\na;host;x-amz-meta-b\n"
            "UNSIGNED-PAYLOAD");
}

TEST(SigV4, SessionTokenIsSentAndSigned) {  // S-04
  SigV4Credentials credentials = example();
  credentials.session_token = Secret<std::string>("TOKEN");
  Headers headers(std::vector<Header>{
      {"Host", "h"}, {"User-Agent", "u"}, {"Content-Length", "3"}, {"Expect", "100-continue"}});
  SigningKeyCache keys;
  const Signature signature = sign_request("PUT", "/k", {}, headers, kUnsignedPayload, credentials,
                                           kRegion, "s3", example_time(), keys);
  EXPECT_EQ(*headers.find("x-amz-security-token"), "TOKEN");
  EXPECT_EQ(*headers.find("authorization"), signature.authorization);
  EXPECT_NE(signature.authorization.find(
                "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"),
            std::string::npos);
}

TEST(SigV4, SigningAgainReplacesWhatTheFirstTimeAdded) {
  Headers headers(std::vector<Header>{{"Host", "h"}});
  SigningKeyCache keys;
  sign_request("GET", "/", {}, headers, kEmptySha256, example(), kRegion, "s3", example_time(),
               keys);
  sign_request("GET", "/", {}, headers, kEmptySha256, example(), "eu-west-1", "s3",
               example_time() + std::chrono::hours(1), keys);
  EXPECT_EQ(headers.count("authorization"), 1U);
  EXPECT_EQ(headers.count("x-amz-date"), 1U);
  EXPECT_EQ(*headers.find("x-amz-date"), "20130524T010000Z");
  EXPECT_NE(headers.find("authorization")->find("/eu-west-1/s3/"), std::string::npos);
}

TEST(SigV4, KeyCacheNoticesEveryChange) {
  SigningKeyCache keys;
  const auto first = keys.get(example(), "20130524", kRegion, "s3");
  EXPECT_EQ(keys.get(example(), "20130524", kRegion, "s3"), first);
  EXPECT_NE(keys.get(example(), "20130525", kRegion, "s3"), first);
  EXPECT_NE(keys.get(example(), "20130524", "eu-west-1", "s3"), first);
  SigV4Credentials rotated = example();
  rotated.secret_key = Secret<std::string>("another");
  EXPECT_NE(keys.get(rotated, "20130524", kRegion, "s3")->reveal(), first->reveal());
  for (int i = 0; i < 100; ++i) keys.get(example(), std::to_string(i), kRegion, "s3");
  EXPECT_EQ(keys.get(example(), "20130524", kRegion, "s3")->reveal(), first->reveal());
}

TEST(S3Digest, KnownValues) {
  EXPECT_EQ(sha256_hex(""), kEmptySha256);
  EXPECT_EQ(sha256_hex(Bytes()), kEmptySha256);
  EXPECT_EQ(sha256_hex(Bytes::copy_of("abc")), sha256_hex("abc"));
  EXPECT_EQ(md5_base64(Bytes()), "1B2M2Y8AsgTpgAmY7PhCfg==");
  // RFC 4231, test case 2.
  EXPECT_EQ(hex(hmac_sha256(as_bytes("Jefe"), "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace sluice::wire
