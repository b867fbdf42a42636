// Rows: ecosystem digest 2.1 (help, exit codes).
#include "command_line.h"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config/keys.h"

namespace sluice::app {
namespace {

using Command = CommandLine::Command;

struct Outcome {
  ParsedCommandLine parsed;
  std::string out;
  std::string err;
};

Outcome parse(std::vector<const char*> words) {
  words.insert(words.begin(), "sluice");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.parsed = parse_command_line(static_cast<int>(words.size()), words.data(), "1.2.3");
  outcome.out = testing::internal::GetCapturedStdout();
  outcome.err = testing::internal::GetCapturedStderr();
  return outcome;
}

TEST(CommandLine, FlagsBecomeSettings) {
  const Outcome outcome = parse({"serve",
                                 "--listen",
                                 ":80",
                                 "--admin-listen=127.0.0.1:1",
                                 "--store",
                                 "s3://b",
                                 "--state",
                                 "sqlite:s",
                                 "--config",
                                 "a.toml",
                                 "--set",
                                 "part_size=16MiB",
                                 "--auth",
                                 "forward",
                                 "--auth-url",
                                 "https://a/?b=c",
                                 "--insecure-no-auth",
                                 "--log-format",
                                 "json",
                                 "--log-level",
                                 "debug",
                                 "--set",
                                 "cors.origins=https://a,https://b"});
  ASSERT_TRUE(outcome.parsed.command_line) << outcome.err;
  const CommandLine& line = *outcome.parsed.command_line;
  EXPECT_EQ(line.command, Command::kServe);
  EXPECT_EQ(line.config_file, "a.toml");
  std::map<std::string, std::string> settings;
  for (const auto& flag : line.flags) {
    EXPECT_TRUE(settings.emplace(flag.key, flag.value).second);
    EXPECT_NE(config::find_key(flag.key), nullptr) << flag.key;
    EXPECT_EQ(flag.shown.rfind("--", 0), 0U);
  }
  EXPECT_EQ(settings,
            (std::map<std::string, std::string>{{"listen", ":80"},
                                                {"admin_listen", "127.0.0.1:1"},
                                                {"store", "s3://b"},
                                                {"state", "sqlite:s"},
                                                {"part_size", "16MiB"},
                                                {"auth", "forward"},
                                                {"auth_url", "https://a/?b=c"},
                                                {"insecure_no_auth", "true"},
                                                {"log_format", "json"},
                                                {"log_level", "debug"},
                                                {"cors.origins", "https://a,https://b"}}));
}

TEST(CommandLine, OtherCommands) {
  EXPECT_TRUE(parse({"check", "--online", "--show"}).parsed.command_line->online);
  EXPECT_TRUE(parse({"check", "--online", "--show"}).parsed.command_line->show);
  EXPECT_EQ(parse({"sweep", "--dry-run"}).parsed.command_line->command, Command::kSweep);
  EXPECT_TRUE(parse({"sweep", "--dry-run"}).parsed.command_line->dry_run);
  EXPECT_EQ(parse({"version", "--json"}).parsed.command_line->command, Command::kVersion);
  EXPECT_TRUE(parse({"version", "--json"}).parsed.command_line->json);
}

TEST(CommandLine, WrongUsageEndsWithTwo) {
  const std::vector<std::vector<const char*>> wrong = {
      {},
      {"serv"},
      {"serve", "--no-such-flag"},
      {"serve", "extra"},
      {"serve", "--listen"},
      {"serve", "--set", "part_size"},
      {"serve", "--set", "=1"},
      {"serve", "--dry-run"},
      {"sweep", "--online"},
  };
  for (const auto& words : wrong) {
    const Outcome outcome = parse(words);
    EXPECT_FALSE(outcome.parsed.command_line) << (words.empty() ? "" : words.back());
    EXPECT_EQ(outcome.parsed.exit_code, 2) << (words.empty() ? "" : words.back());
    EXPECT_FALSE(outcome.err.empty());
    EXPECT_EQ(outcome.out, "");
  }
}

TEST(CommandLine, HelpShowsGroupsDefaultsVariablesAndExamples) {
  const Outcome outcome = parse({"serve", "--help"});
  EXPECT_FALSE(outcome.parsed.command_line);
  EXPECT_EQ(outcome.parsed.exit_code, 0);
  EXPECT_EQ(outcome.err, "");
  for (const char* word :
       {"Listening:", "Authorization:", "[default: 127.0.0.1:8080]", "[env: SLUICE_LISTEN]",
        "[env: SLUICE_CONFIG]", "Examples:", "sluice serve --auth none"}) {
    EXPECT_NE(outcome.out.find(word), std::string::npos) << word;
  }
}

TEST(CommandLine, VersionFlag) {
  const Outcome outcome = parse({"--version"});
  EXPECT_EQ(outcome.parsed.exit_code, 0);
  EXPECT_EQ(outcome.out, "1.2.3\n");
}

}  // namespace
}  // namespace sluice::app
