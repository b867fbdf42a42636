// Rows: ecosystem digest 2.1 (precedence, secrets, unknown keys, configuration check).
#include "config/load.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <variant>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice::config {
namespace {

class Load : public ::testing::Test {
 protected:
  Load() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-config-XXXXXX").string();
    directory_ = mkdtemp(name.data());
    sources_.working_directory = "/srv";
    sources_.flags.push_back({"auth", "none", "--auth"});
  }
  ~Load() override { std::filesystem::remove_all(directory_); }

  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }

  Loaded with_file(const std::string& text, mode_t mode = 0600) {
    sources_.file = write("sluice.toml", text, mode);
    return load(sources_);
  }

  // The problems, with the directory taken away.
  std::vector<std::string> lines(const Loaded& loaded) const {
    std::vector<std::string> all;
    for (const Problem& problem : loaded.problems) {
      std::string line = to_string(problem);
      for (std::size_t at = 0; (at = line.find(directory_ + "/", at)) != std::string::npos;) {
        line.erase(at, directory_.size() + 1);
      }
      all.push_back(line);
    }
    return all;
  }

  std::string directory_;
  Sources sources_;
};

TEST_F(Load, NothingConfiguredIsTheEmbeddedDefault) {
  const Loaded loaded = load(sources_);
  EXPECT_TRUE(loaded.problems.empty()) << to_string(loaded.problems.front());
  EXPECT_EQ(std::get<stores::LocalOptions>(loaded.options.store).directory,
            "/srv/sluice-data/objects");
  EXPECT_EQ(loaded.options.state_path, "/srv/sluice-data/state.db");
  EXPECT_EQ(loaded.options.listen.host, "127.0.0.1");
  EXPECT_EQ(loaded.options.listen.port, 8080);
}

TEST_F(Load, AuthorizationMustBeChosen) {
  sources_.flags.clear();
  const Loaded loaded = load(sources_);
  ASSERT_EQ(loaded.problems.size(), 1U);
  EXPECT_TRUE(has_errors(loaded.problems));
  EXPECT_NE(loaded.problems[0].what.find("authorization is not chosen"), std::string::npos);
  EXPECT_NE(loaded.problems[0].mend.find("auth = \"forward\""), std::string::npos);
}

TEST_F(Load, OnlyAServerMustChooseAuthorization) {
  sources_.flags = {{"listen", ":8080", "--listen"}};
  sources_.serving = false;
  EXPECT_TRUE(load(sources_).problems.empty());
}

TEST_F(Load, FlagBeatsEnvironmentBeatsFile) {
  const std::string file = "part_size = \"16MiB\"\nlinger = \"1s\"\nlog_level = \"warn\"\n";
  sources_.environment = {{"SLUICE_LINGER", "2s"}, {"SLUICE_LOG_LEVEL", "error"}};
  sources_.flags.push_back({"log_level", "debug", "--log-level"});
  Loaded loaded = with_file(file);
  EXPECT_TRUE(loaded.problems.empty());
  EXPECT_EQ(loaded.options.engine.part_size, ByteCount(16U << 20));
  EXPECT_EQ(loaded.options.engine.linger, std::chrono::seconds(2));
  EXPECT_EQ(loaded.options.log_level, LogLevel::kDebug);
  EXPECT_EQ(loaded.effective["part_size"].origin, *sources_.file + ":1:1");
  EXPECT_EQ(loaded.effective["linger"].origin, "SLUICE_LINGER");
  EXPECT_EQ(loaded.effective["linger"].value, "2s");
  EXPECT_EQ(loaded.effective["log_level"].origin, "--log-level");
  EXPECT_EQ(loaded.effective["max_size"].origin, "default");
}

TEST_F(Load, EmptyVariableCountsAsNotSet) {
  sources_.environment = {{"SLUICE_LINGER", ""}};
  EXPECT_TRUE(load(sources_).problems.empty());
}

TEST_F(Load, EveryTypeOfTheFile) {
  const Loaded loaded = with_file(R"(
listen = "[::1]:81"
memory_budget = 104857600
parts_in_flight = 2
auth_headers = ["Authorization", "X-Tenant"]

[http]
idle_timeout = "5m"

[sweep]
exclusive = true

[retry]
budget_tokens = 3
budget_per_success = 0.5

[cors]
origins = ["https://app.example", "http://localhost:3000"]

[[route]]
prefix = "/upload/"
[[route]]
prefix = "/vimeo/"
dialect = "vimeo"
)");
  ASSERT_TRUE(loaded.problems.empty()) << to_string(loaded.problems.front());
  EXPECT_EQ(loaded.options.listen.host, "::1");
  EXPECT_EQ(loaded.options.engine.memory_budget, ByteCount(100U << 20));
  EXPECT_EQ(loaded.options.engine.parts_in_flight, 2U);
  EXPECT_EQ(loaded.options.auth.forward_headers,
            (std::vector<std::string>{"Authorization", "X-Tenant"}));
  EXPECT_EQ(loaded.options.http.idle_timeout, std::chrono::minutes(5));
  EXPECT_TRUE(loaded.options.cleaner.exclusive);
  EXPECT_EQ(loaded.options.store_retry.budget_tokens, 3);
  EXPECT_EQ(loaded.options.store_retry.budget_per_success, 0.5);
  EXPECT_EQ(loaded.options.http.cors_origins.size(), 2U);
  ASSERT_EQ(loaded.options.http.routes.size(), 2U);
  EXPECT_EQ(loaded.options.http.routes[0].speaks, http::HttpOptions::Speaks::kPut308);
  EXPECT_EQ(loaded.options.http.routes[1].prefix, "/vimeo/");
  EXPECT_EQ(loaded.options.http.routes[1].speaks, http::HttpOptions::Speaks::kVimeo);
}

TEST_F(Load, AllProblemsAtTheirPlaces) {
  const Loaded loaded = with_file(R"(part_sise = "8MiB"
linger = 10
memory_budget = "lots"

[http]
header_timout = "1s"
idle_timeout = "1ms"

[htpt]
x = 1

[store]
bucket = "b"

[[route]]
prefix = "/a/"
dialekt = "vimeo"
)");
  EXPECT_EQ(
      lines(loaded),
      (std::vector<std::string>{
          "sluice.toml:1:1: error: unknown key part_sise; did you mean part_size?",
          "sluice.toml:2:10: error: linger cannot be a number; write a duration such as \"10s\"",
          "sluice.toml:6:1: error: unknown key http.header_timout; did you mean "
          "http.header_timeout?",
          "sluice.toml:9:2: error: unknown key htpt; did you mean http?",
          "sluice.toml:12:1: error: store cannot be a table; write a string in quotes",
          "sluice.toml:17:1: error: unknown key route.dialekt; did you mean dialect?",
          "sluice.toml:3:1: error: memory_budget: \"lots\" is not a size; write for example 8MiB",
          "sluice.toml:7:1: error: http.idle_timeout: 1ms is out of range (1s to 1d)"}));
}

TEST_F(Load, SyntaxErrorHasAPlace) {
  const Loaded loaded = with_file("listen = \"127.0.0.1:80\"\nstore = \n");
  ASSERT_FALSE(loaded.problems.empty());
  EXPECT_EQ(lines(loaded)[0].rfind("sluice.toml:2:", 0), 0U) << lines(loaded)[0];
}

TEST_F(Load, ProblemsOfAllSourcesTogether) {
  sources_.environment = {{"SLUICE_THREADS", "many"}};
  sources_.flags.push_back({"lisen", ":1", "--set lisen"});
  sources_.flags.push_back({"auth", "none", "--set auth"});
  const Loaded loaded = with_file("x = 1\n");
  EXPECT_EQ(lines(loaded),
            (std::vector<std::string>{
                "sluice.toml:1:1: error: unknown key x",
                "SLUICE_THREADS: error: threads: \"many\" is not a whole number",
                "--set lisen: error: unknown key lisen; did you mean listen?",
                "--set auth: error: auth is set twice on the command line; keep one of them"}));
}

TEST_F(Load, UnknownVariableIsAWarningAndServiceLinksAreNot) {
  sources_.environment = {{"SLUICE_PART_SIZ", "8MiB"},
                          {"SLUICE_PORT", "tcp://10.0.0.1:80"},
                          {"SLUICE_PORT_80_TCP", "tcp://10.0.0.1:80"},
                          {"SLUICE_SERVICE_HOST", "10.0.0.1"},
                          {"PATH", "/bin"}};
  const Loaded loaded = load(sources_);
  EXPECT_EQ(lines(loaded), (std::vector<std::string>{"SLUICE_PART_SIZ: warning: no such setting; "
                                                     "did you mean SLUICE_PART_SIZE?"}));
  EXPECT_FALSE(has_errors(loaded.problems));
}

TEST_F(Load, MissingFileIsAnError) {
  sources_.file = directory_ + "/none.toml";
  EXPECT_EQ(lines(load(sources_)),
            (std::vector<std::string>{"--config: error: cannot read none.toml; check that the file "
                                      "exists and may be read"}));
}

// --- secrets

TEST_F(Load, SecretsFromFilesVariablesAndCredentials) {
  sources_.flags.push_back({"store", "s3://bucket", "--store"});
  sources_.environment = {{"SLUICE_S3_ACCESS_KEY", "AKIA"},
                          {"SLUICE_S3_SECRET_KEY_FILE", write("secret", "canary\n")},
                          {"CREDENTIALS_DIRECTORY", directory_}};
  write("s3.session_token", "token", 0400);
  Loaded loaded = load(sources_);
  ASSERT_TRUE(loaded.problems.empty()) << to_string(loaded.problems.front());
  const auto& s3 = std::get<stores::S3Options>(loaded.options.store);
  EXPECT_EQ(s3.access_key, "AKIA");
  EXPECT_EQ(s3.secret_key.reveal(), "canary");
  EXPECT_EQ(s3.session_token.reveal(), "token");
  EXPECT_EQ(loaded.effective["s3.secret_key"].value, "***");
}

TEST_F(Load, SecretFileNamedInTheFile) {
  const Loaded loaded =
      with_file("store = \"s3://bucket\"\n[s3]\naccess_key = \"AKIA\"\nsecret_key_file = \"" +
                write("secret", "canary") + "\"\n");
  ASSERT_TRUE(loaded.problems.empty()) << to_string(loaded.problems.front());
  EXPECT_EQ(std::get<stores::S3Options>(loaded.options.store).secret_key.reveal(), "canary");
}

TEST_F(Load, WorldReadableSecretsAreRefusedWithTheMend) {
  sources_.environment = {{"SLUICE_S3_SECRET_KEY_FILE", write("secret", "canary", 0644)}};
  const Loaded loaded = with_file("[s3]\naccess_key = \"AKIA\"\n", 0644);
  const auto all = lines(loaded);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].rfind("sluice.toml:2:1: error: everybody on this machine can read", 0), 0U);
  EXPECT_NE(all[0].find("chmod o-rwx sluice.toml"), std::string::npos);
  EXPECT_NE(all[1].find("chmod o-rwx secret"), std::string::npos);
}

TEST_F(Load, SecretsOnTheCommandLineAreRefused) {
  sources_.flags.push_back({"s3.secret_key", "canary", "--set s3.secret_key"});
  const auto all = lines(load(sources_));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_NE(all[0].find("SLUICE_S3_SECRET_KEY_FILE"), std::string::npos);
  EXPECT_EQ(all[0].find("canary"), std::string::npos);
}

TEST_F(Load, TwoSourcesOfOneSecretAreRefused) {
  const std::string file = write("secret", "canary");
  sources_.environment = {{"SLUICE_S3_SECRET_KEY", "canary"}, {"SLUICE_S3_SECRET_KEY_FILE", file}};
  EXPECT_TRUE(has_errors(load(sources_).problems));
  sources_.environment.clear();
  EXPECT_TRUE(has_errors(
      with_file("[s3]\nsecret_key = \"a\"\nsecret_key_file = \"" + file + "\"\n").problems));
}

TEST_F(Load, MissingOrEmptySecretFileIsRefused) {
  sources_.environment = {{"SLUICE_S3_SECRET_KEY_FILE", directory_ + "/none"}};
  EXPECT_TRUE(has_errors(load(sources_).problems));
  sources_.environment = {{"SLUICE_S3_SECRET_KEY_FILE", write("empty", "\n")}};
  EXPECT_TRUE(has_errors(load(sources_).problems));
  sources_.environment = {{"SLUICE_S3_SECRET_KEY_FILE", directory_}};
  EXPECT_TRUE(has_errors(load(sources_).problems));
}

// --- keys together

TEST_F(Load, NoAuthorizationOnlyOnLoopback) {
  sources_.flags.push_back({"listen", ":8080", "--listen"});
  Loaded loaded = load(sources_);
  ASSERT_EQ(loaded.problems.size(), 1U);
  EXPECT_EQ(loaded.problems[0].level, Problem::Level::kError);
  EXPECT_EQ(loaded.problems[0].where, "--auth");
  EXPECT_NE(loaded.problems[0].mend.find("--insecure-no-auth"), std::string::npos);

  sources_.flags.push_back({"insecure_no_auth", "true", "--insecure-no-auth"});
  loaded = load(sources_);
  ASSERT_EQ(loaded.problems.size(), 1U);
  EXPECT_EQ(loaded.problems[0].level, Problem::Level::kWarning);
}

TEST_F(Load, ForwardNeedsAUrl) {
  sources_.flags = {{"auth", "forward", "--auth"}};
  EXPECT_TRUE(has_errors(load(sources_).problems));
  sources_.flags.push_back({"auth_url", "https://app.example/authorize", "--auth-url"});
  const Loaded loaded = load(sources_);
  EXPECT_TRUE(loaded.problems.empty());
  EXPECT_EQ(loaded.options.auth.mode, hooks::AuthOptions::Mode::kForward);
  EXPECT_EQ(loaded.options.auth.url, "https://app.example/authorize");
}

TEST_F(Load, CrossChecks) {
  struct Row {
    const char* file;
    const char* word;
    bool is_error;
  };
  for (const Row& row : {
           Row{"admin_listen = \"127.0.0.1:8080\"", "same address", true},
           Row{"admin_listen = \":9090\"", "no authorization", false},
           Row{"memory_budget = \"32MiB\"", "too small for one fast upload", true},
           Row{"store = \"s3://bucket\"\npart_size = \"4MiB\"", "below what S3 accepts", true},
           Row{"store = \"s3://bucket\"\n[s3]\naccess_key = \"A\"", "belong together", true},
           Row{"store = \"s3://bucket\"\n[s3]\nsession_token = \"A\"", "needs", true},
           Row{"store = \"s3://bucket?endpoint=http://s3.example\"", "unencrypted", false},
           Row{"store = \"s3://bucket?endpoint=https://a.r2.cloudflarestorage.com\"", "preset=r2",
               true},
           Row{"[tls]\ncertificate = \"/nowhere\"", "belong together", true},
           Row{"[tls]\ncertificate = \"/nowhere\"\nkey = \"/nowhere\"", "cannot read /nowhere",
               true},
           Row{"[cors]\norigins = [\"*\", \"https://a.example\"]", "already allows", true},
           Row{"[retry]\nbase = \"10s\"\ncap = \"1s\"", "retry.cap", true},
           Row{"[sweep]\ngrace = \"1m\"\nexclusive = true", "younger than an hour", false},
           Row{"store = \"ftp://x\"", "not a kind of store", true},
           Row{"state = \"postgres://x\"", "not a kind of state", true},
       }) {
    const Loaded loaded = with_file(row.file);
    ASSERT_FALSE(loaded.problems.empty()) << row.file;
    EXPECT_EQ(has_errors(loaded.problems), row.is_error) << row.file;
    EXPECT_NE(lines(loaded)[0].find(row.word), std::string::npos) << lines(loaded)[0];
  }
}

TEST_F(Load, PrivateKeyOfTlsMustBePrivate) {
  const std::string certificate = write("cert.pem", "x", 0644);
  const std::string key = write("key.pem", "x", 0644);
  const Loaded loaded =
      with_file("[tls]\ncertificate = \"" + certificate + "\"\nkey = \"" + key + "\"\n");
  ASSERT_EQ(loaded.problems.size(), 1U);
  EXPECT_NE(lines(loaded)[0].find("chmod"), std::string::npos);
}

// Whatever is wrong, a secret's text is in no message.
TEST_F(Load, NoMessageHoldsASecret) {
  sources_.flags.push_back({"s3.session_token", "canary-flag", "--set s3.session_token"});
  sources_.environment = {{"SLUICE_S3_SECRET_KEY", "canary-env"},
                          {"SLUICE_S3_SECRET_KEY_FILE", write("s", "canary-file", 0644)}};
  Loaded loaded = with_file("[s3]\naccess_key = \"canary-toml\"\n", 0644);
  EXPECT_FALSE(loaded.problems.empty());
  for (const std::string& line : lines(loaded)) {
    EXPECT_EQ(line.find("canary"), std::string::npos) << line;
  }
  for (const auto& [key, effective] : loaded.effective) {
    EXPECT_EQ(effective.value.find("canary"), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace sluice::config
