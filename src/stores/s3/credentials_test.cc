// The credential chain against scripted endpoints. s3-multipart digest section 9, S-29 … S-31.
#include "stores/s3/credentials.h"

#include <algorithm>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

#include "stores/s3/scripted_s3.h"

namespace sluice::stores::s3::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr WallTime kNow{seconds(1'793'491'200)};  // 2026-11-01T00:00:00Z

struct Fixture {
  Fixture() = default;
  CredentialService& service() {
    if (!made) {
      CredentialServices services;
      services.http = &world.http;
      services.clock = &world.clock;
      services.random = &world.random;
      services.log = &world.log;
      made = std::make_unique<CredentialService>(nullptr, "eu-west-1", environment.sources(),
                                                 services);
    }
    return *made;
  }
  Result<CredentialsPtr> get() { return world.run(service().get(world.in(seconds(30)))); }

  World world;
  FakeEnvironment environment;
  std::unique_ptr<CredentialService> made;
};

std::string json(std::string_view key, std::string_view expiration) {
  return "{\"Code\":\"Success\",\"AccessKeyId\":\"" + std::string(key) +
         "\",\"SecretAccessKey\":\"SECRET\",\"Token\":\"TOKEN\",\"Expiration\":\"" +
         std::string(expiration) + "\"}";
}

std::string sts_xml(std::string_view action, std::string_view key) {
  const std::string name(action);
  return "<" + name + "Response><" + name + "Result><Credentials><AccessKeyId>" + std::string(key) +
         "</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
         "<Expiration>2026-11-01T01:00:00Z</Expiration></Credentials></" +
         name + "Result></" + name + "Response>";
}

TEST(Credentials, Environment) {
  Fixture f;
  f.environment.variables = {
      {"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "S"}, {"AWS_SESSION_TOKEN", "T"}};
  auto found = f.get();
  ASSERT_TRUE(found) << found.error().detail();
  EXPECT_EQ((*found)->keys.access_key, "A");
  EXPECT_EQ((*found)->keys.secret_key.reveal(), "S");
  EXPECT_EQ((*found)->keys.session_token.reveal(), "T");
  EXPECT_EQ((*found)->source, "environment");
  EXPECT_TRUE(f.world.net.seen.empty());
  EXPECT_FALSE(f.service().refuse(*found));  // nothing better to be had
}

TEST(Credentials, ProfileBeatsTheEnvironmentWhenNamed) {
  Fixture f;
  f.environment.variables = {{"AWS_ACCESS_KEY_ID", "A"},
                             {"AWS_SECRET_ACCESS_KEY", "S"},
                             {"AWS_PROFILE", "work"},
                             {"HOME", "/home/x"}};
  f.environment.files["/home/x/.aws/credentials"] =
      "[default]\naws_access_key_id=D\naws_secret_access_key=DS\n"
      "[work]\naws_access_key_id=W\naws_secret_access_key=WS\n";
  auto found = f.get();
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->keys.access_key, "W");
}

TEST(Credentials, SharedFilesAtOtherPlaces) {
  Fixture f;
  f.environment.variables = {{"AWS_SHARED_CREDENTIALS_FILE", "/c1"}, {"AWS_CONFIG_FILE", "/c2"}};
  f.environment.files["/c1"] = "[default]\naws_access_key_id=D\n";
  f.environment.files["/c2"] = "[default]\naws_access_key_id=X\naws_secret_access_key=DS\n";
  auto found = f.get();
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->keys.access_key, "D");  // the credentials file wins
  EXPECT_EQ((*found)->keys.secret_key.reveal(), "DS");
}

TEST(Credentials, WhatIsNotSupportedIsNamed) {
  Fixture f;
  f.environment.variables = {{"AWS_CONFIG_FILE", "/c"}, {"AWS_PROFILE", "p"}};
  f.environment.files["/c"] = "[profile p]\ncredential_process = /bin/x\n";
  auto found = f.get();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), Errc::kRejected);
  EXPECT_NE(found.error().detail().find("credential_process"), std::string::npos);
  f.environment.files["/c"] = "[profile p]\nsso_session = s\n";
  EXPECT_NE(f.get().error().detail().find("SSO"), std::string::npos);
  f.environment.files.clear();
  EXPECT_NE(f.get().error().detail().find("profile 'p'"), std::string::npos);
}

TEST(Credentials, NothingAnywhere) {
  Fixture f;
  f.environment.variables = {{"AWS_EC2_METADATA_DISABLED", "true"}};
  auto found = f.get();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), Errc::kRejected);
  EXPECT_TRUE(f.world.net.seen.empty());
}

TEST(Credentials, WebIdentityReadsItsFileAtEachRefresh) {  // S-31
  Fixture f;
  f.environment.variables = {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/token"},
                             {"AWS_ROLE_ARN", "arn:aws:iam::1:role/r"},
                             {"AWS_ROLE_SESSION_NAME", "me"}};
  f.environment.files["/token"] = "JWT-1\n";
  f.world.net.server = [](const SeenRequest& request) {
    return Reply(200, sts_xml("AssumeRoleWithWebIdentity",
                              request.body.find("JWT-2") == std::string::npos ? "K1" : "K2"));
  };
  auto found = f.get();
  ASSERT_TRUE(found) << found.error().detail();
  EXPECT_EQ((*found)->keys.access_key, "K1");
  EXPECT_EQ((*found)->expires, kNow + minutes(60));
  const SeenRequest& request = f.world.net.seen.at(0);
  EXPECT_EQ(request.endpoint, Endpoint("sts.eu-west-1.amazonaws.com", 443, true));
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.headers.count("authorization"), 0U);  // unsigned
  EXPECT_EQ(request.body,
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3A"
            "role%2Fr&RoleSessionName=me&WebIdentityToken=JWT-1");
  f.environment.files["/token"] = "JWT-2";
  EXPECT_EQ((*f.get())->keys.access_key, "K1");
  EXPECT_TRUE(f.service().refuse(*found));
  EXPECT_EQ((*f.get())->keys.access_key, "K2");
  EXPECT_EQ(f.world.log.text.find("JWT"), std::string::npos);
}

TEST(Credentials, WebIdentityErrors) {
  Fixture f;
  f.environment.variables = {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/token"}, {"AWS_ROLE_ARN", "arn"}};
  EXPECT_EQ(f.get().error().code(), Errc::kUnavailable);  // no file yet
  f.environment.files["/token"] = "JWT-SECRET";
  f.world.net.server = [](const SeenRequest&) {
    return Reply(403,
                 "<ErrorResponse><Error><Code>AccessDenied</Code><Message>JWT-SECRET"
                 "</Message></Error></ErrorResponse>");
  };
  auto found = f.get();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), Errc::kRejected);
  EXPECT_NE(found.error().detail().find("403 AccessDenied"), std::string::npos);
  EXPECT_EQ(found.error().detail().find("JWT"), std::string::npos);
  f.world.net.server = [](const SeenRequest&) { return Reply(503, ""); };
  EXPECT_EQ(f.get().error().code(), Errc::kUnavailable);
}

TEST(Credentials, AssumedRoleOfAProfile) {
  Fixture f;
  f.environment.variables = {{"AWS_PROFILE", "role"},
                             {"AWS_CONFIG_FILE", "/c"},
                             {"AWS_ENDPOINT_URL_STS", "http://sts.test:8080"}};
  f.environment.files["/c"] =
      "[profile role]\nrole_arn=arn:r\nsource_profile=base\nexternal_id=ext\n"
      "[profile base]\naws_access_key_id=BASE\naws_secret_access_key=S\n";
  f.world.net.server = [](const SeenRequest&) {
    return Reply(200, sts_xml("AssumeRole", "ASSUMED"));
  };
  auto found = f.get();
  ASSERT_TRUE(found) << found.error().detail();
  EXPECT_EQ((*found)->keys.access_key, "ASSUMED");
  const SeenRequest& request = f.world.net.seen.at(0);
  EXPECT_EQ(request.endpoint, Endpoint("sts.test", 8080, false));
  EXPECT_NE(request.header("authorization").find("Credential=BASE/20261101/eu-west-1/sts/"),
            std::string::npos);
  EXPECT_NE(request.body.find("Action=AssumeRole&"), std::string::npos);
  EXPECT_NE(request.body.find("RoleArn=arn%3Ar&RoleSessionName=sluice-"), std::string::npos);
  EXPECT_NE(request.body.find("&ExternalId=ext"), std::string::npos);
}

TEST(Credentials, AChainOfProfilesEnds) {
  Fixture f;
  f.environment.variables = {{"AWS_PROFILE", "a"}, {"AWS_CONFIG_FILE", "/c"}};
  f.environment.files["/c"] =
      "[profile a]\nrole_arn=x\nsource_profile=b\n[profile b]\nrole_arn=x\nsource_profile=a\n";
  auto found = f.get();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), Errc::kRejected);
}

TEST(Credentials, ContainerRelativeUri) {
  Fixture f;
  f.environment.variables = {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/creds?id=1"},
                             {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1/"},
                             {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "plain"},
                             {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/t"}};
  f.environment.files["/t"] = "from-file\n";
  f.world.net.server = [](const SeenRequest&) {
    return Reply(200, json("C", "2026-11-01T06:00:00Z"));
  };
  auto found = f.get();
  ASSERT_TRUE(found) << found.error().detail();
  EXPECT_EQ((*found)->keys.access_key, "C");
  EXPECT_EQ(f.world.net.seen.at(0).endpoint, Endpoint("169.254.170.2", 80, false));
  EXPECT_EQ(f.world.net.seen.at(0).target, "/v2/creds?id=1");
  EXPECT_EQ(f.world.net.seen.at(0).header("authorization"), "from-file");
}

TEST(Credentials, ContainerRules) {  // S-30
  for (const char* uri : {"http://10.0.0.1/", "http://evil.example/", "ftp://127.0.0.1/"}) {
    Fixture f;
    f.environment.variables = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", uri}};
    auto found = f.get();
    ASSERT_FALSE(found) << uri;
    EXPECT_EQ(found.error().code(), Errc::kRejected);
    EXPECT_EQ(f.world.net.connections, 0);
  }
  Fixture f;
  f.environment.variables = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:99/x"},
                             {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "a\r\nInjected: 1"}};
  auto found = f.get();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), Errc::kRejected);
  EXPECT_EQ(f.world.net.connections, 0);
}

TEST(Credentials, ContainerRetriesWithinItsTime) {  // S-29
  Fixture f;
  f.environment.variables = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/x"}};
  int n = 0;
  f.world.net.server = [&](const SeenRequest&) {
    ++n;
    if (n == 1) return Reply(500);
    if (n == 2) {
      Reply silent;
      silent.never = true;
      return silent;
    }
    return Reply(200, json("C", "2026-11-01T06:00:00Z"));
  };
  const Instant start = f.world.clock.now();
  EXPECT_TRUE(f.get());
  EXPECT_EQ(n, 3);
  EXPECT_LE(f.world.clock.now() - start, std::chrono::milliseconds(1100));
  f.service().refuse(*f.get());
  n = 10;
  f.world.net.server = [&](const SeenRequest&) {
    ++n;
    return Reply(404);
  };
  EXPECT_FALSE(f.get());
  EXPECT_EQ(n, 11);  // a 404 is final
}

Reply imds(const SeenRequest& request, std::string_view expiration) {
  if (request.path == "/latest/api/token") {
    if (request.method != "PUT" ||
        request.header("x-aws-ec2-metadata-token-ttl-seconds") != "21600") {
      return Reply(400);
    }
    return Reply(200, "IMDS-TOKEN");
  }
  if (request.header("x-aws-ec2-metadata-token") != "IMDS-TOKEN") return Reply(401);
  if (request.path == "/latest/meta-data/iam/security-credentials/") return Reply(200, "my-role\n");
  if (request.path == "/latest/meta-data/iam/security-credentials/my-role") {
    return Reply(200, json("I", expiration));
  }
  return Reply(404);
}

TEST(Credentials, InstanceMetadataV2) {  // S-29
  Fixture f;
  f.world.net.server = [](const SeenRequest& r) { return imds(r, "2026-11-01T06:00:00Z"); };
  auto found = f.get();
  ASSERT_TRUE(found) << found.error().detail();
  EXPECT_EQ((*found)->keys.access_key, "I");
  EXPECT_EQ((*found)->source, "instance metadata");
  EXPECT_EQ(f.world.net.seen.at(0).endpoint, Endpoint("169.254.169.254", 80, false));
  EXPECT_EQ(f.world.net.seen.size(), 3U);

  Fixture six;
  six.environment.variables = {{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6"}};
  six.world.net.server = f.world.net.server;
  ASSERT_TRUE(six.get());
  EXPECT_EQ(six.world.net.seen.at(0).endpoint.host, "fd00:ec2::254");

  Fixture named;
  named.environment.variables = {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9/"}};
  named.world.net.server = f.world.net.server;
  ASSERT_TRUE(named.get());
  EXPECT_EQ(named.world.net.seen.at(0).endpoint, Endpoint("127.0.0.1", 9, false));
}

TEST(Credentials, InstanceTokenThatIsRefusedIsReplaced) {  // S-29
  Fixture f;
  int refusals = 1;
  f.world.net.server = [&](const SeenRequest& r) {
    if (r.method == "GET" && refusals-- > 0) return Reply(401);
    return imds(r, "2026-11-01T06:00:00Z");
  };
  EXPECT_TRUE(f.get());
  f.service().refuse(*f.get());
  refusals = 100;
  auto found = f.get();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), Errc::kUnavailable);
}

TEST(Credentials, InstanceMetadataOneHopTooFar) {  // S-29
  Fixture f;
  f.world.net.server = [](const SeenRequest&) {
    Reply silent;
    silent.never = true;
    return silent;
  };
  const Instant start = f.world.clock.now();
  auto found = f.get();
  ASSERT_FALSE(found);
  EXPECT_LE(f.world.clock.now() - start, std::chrono::milliseconds(1100));
  EXPECT_NE(found.error().detail().find("hop limit"), std::string::npos);
  // Version 1 is never tried: no GET without a token.
  ASSERT_EQ(f.world.net.seen.size(), 1U);
  EXPECT_EQ(f.world.net.seen[0].method, "PUT");

  Fixture g;
  g.world.net.server = [](const SeenRequest& r) {
    return r.method == "PUT" ? Reply(403) : Reply(200, "role");
  };
  EXPECT_FALSE(g.get());
  EXPECT_EQ(g.world.net.seen.size(), 1U);
}

TEST(Credentials, InstanceWithoutRole) {
  Fixture f;
  f.world.net.server = [](const SeenRequest& r) {
    return r.method == "PUT" ? Reply(200, "t") : Reply(404);
  };
  EXPECT_EQ(f.get().error().code(), Errc::kRejected);
}

TEST(Credentials, RenewedFiveMinutesBeforeTheEnd) {
  Fixture f;
  int asked = 0;
  f.environment.variables = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/x"}};
  f.world.net.server = [&](const SeenRequest&) {
    ++asked;
    return Reply(200, json("K" + std::to_string(asked),
                           asked == 1 ? "2026-11-01T01:00:00Z" : "2026-11-01T09:00:00Z"));
  };
  EXPECT_EQ((*f.get())->keys.access_key, "K1");
  f.world.clock.skip(minutes(54));
  EXPECT_EQ((*f.get())->keys.access_key, "K1");
  f.world.clock.skip(minutes(1) + seconds(1));
  EXPECT_EQ((*f.get())->keys.access_key, "K2");
  EXPECT_EQ((*f.get())->keys.access_key, "K2");
  EXPECT_EQ(asked, 2);
}

TEST(Credentials, OldOnesStayInUseWhileTheRefreshFails) {
  Fixture f;
  f.environment.variables = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/x"}};
  int asked = 0;
  bool works = true;
  f.world.net.server = [&](const SeenRequest&) {
    ++asked;
    return works ? Reply(200, json("K" + std::to_string(asked), "2026-11-01T01:00:00Z"))
                 : Reply(404);
  };
  EXPECT_EQ((*f.get())->keys.access_key, "K1");
  works = false;
  f.world.clock.skip(minutes(56));
  EXPECT_EQ((*f.get())->keys.access_key, "K1");
  const int after_failure = asked;
  EXPECT_EQ((*f.get())->keys.access_key, "K1");
  EXPECT_EQ(asked, after_failure);  // not asked again at once
  f.world.clock.skip(minutes(30));  // past their end
  EXPECT_EQ((*f.get())->keys.access_key, "K1");
  EXPECT_GT(asked, after_failure);
  // The endpoint comes back, but gives expired ones: taken, and asked for again soon.
  works = true;
  f.world.clock.skip(minutes(11));
  EXPECT_NE((*f.get())->keys.access_key, "K1");
  const int after_expired = asked;
  EXPECT_TRUE(f.get());
  EXPECT_EQ(asked, after_expired);
  f.world.clock.skip(minutes(11));
  EXPECT_TRUE(f.get());
  EXPECT_EQ(asked, after_expired + 1);
  EXPECT_NE(f.world.log.text.find("could not be renewed"), std::string::npos);
  EXPECT_EQ(f.world.log.text.find("SECRET"), std::string::npos);
}

Task<void> get_into(CredentialService* service, Deadline deadline, std::vector<std::string>* keys) {
  auto found = co_await service->get(deadline);
  keys->push_back(found ? (*found)->keys.access_key : "error");
}

TEST(Credentials, OneRefreshAtATime) {
  Fixture f;
  f.environment.variables = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/x"}};
  int asked = 0;
  f.world.net.server = [&](const SeenRequest&) {
    ++asked;
    return Reply(200, json("K" + std::to_string(asked), "2026-11-01T01:00:00Z"))
        .after(std::chrono::milliseconds(500));
  };
  std::vector<std::string> keys;
  const auto ask_twenty = [&] {
    for (int i = 0; i < 20; ++i) {
      boost::asio::co_spawn(f.world.loop, get_into(&f.service(), f.world.in(seconds(30)), &keys),
                            boost::asio::detached);
    }
  };
  ask_twenty();
  while (keys.size() < 20) f.world.step();
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(std::count(keys.begin(), keys.end(), "K1"), 20);
  // While they are renewed, only the one who renews waits.
  keys.clear();
  f.world.clock.skip(minutes(56));
  ask_twenty();
  while (keys.size() < 20) f.world.step();
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(std::count(keys.begin(), keys.end(), "K1"), 19);
  EXPECT_EQ(std::count(keys.begin(), keys.end(), "K2"), 1);
  // A failure is everybody's: no caller tries on its own after the one that failed.
  keys.clear();
  f.service().refuse(*f.get());
  asked = 0;
  f.world.net.server = [&](const SeenRequest&) {
    ++asked;
    return Reply(404).after(std::chrono::milliseconds(500));
  };
  ask_twenty();
  while (keys.size() < 20) f.world.step();
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(std::count(keys.begin(), keys.end(), "error"), 20);
}

}  // namespace
}  // namespace sluice::stores::s3::testing
