// The one place that sees CLI11: its header takes seconds to compile. Its bindings of environment
// and file are not used, because they let the file beat the environment.
#include "command_line.h"

#include <iostream>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

#include "config/keys.h"

namespace sluice::app {
namespace {

constexpr int kUsage = 2;

constexpr const char* kExamples = R"(
Examples:
  Try it on this machine, objects in ./sluice-data:
    sluice serve --auth none
  Into a bucket, asking an application before each upload:
    sluice serve --listen :8080 --store 's3://uploads?region=eu-central-1' \
      --auth forward --auth-url https://app.example/uploads/authorize
  See what is wrong with a configuration before it is used:
    sluice check --config /etc/sluice/sluice.toml --online

Every setting: docs/configuration.md, or sluice check --show.
)";

// Settings that have a flag of their own.
struct Setting {
  const char* flag;
  const char* key;
  const char* value;  // placeholder; nullptr: a switch
  const char* group;
};
constexpr Setting kSettings[] = {
    {"--listen", "listen", "ADDRESS:PORT", "Listening"},
    {"--admin-listen", "admin_listen", "ADDRESS:PORT", "Listening"},
    {"--store", "store", "URL", "Store and state"},
    {"--state", "state", "URL", "Store and state"},
    {"--auth", "auth", "none|forward", "Authorization"},
    {"--auth-url", "auth_url", "URL", "Authorization"},
    {"--insecure-no-auth", "insecure_no_auth", nullptr, "Authorization"},
    {"--log-format", "log_format", "auto|text|json", "Logs"},
    {"--log-level", "log_level", "debug|info|warn|error", "Logs"},
};

// From the table of keys, so that help, documentation and behaviour cannot differ.
std::string help_of(const config::Key& key) {
  std::string text;
  for (const char c : key.help) {
    if (c != '`') text += c;
  }
  const std::string value = key.show(config::Draft{});
  if (!value.empty()) text += " [default: " + value + "]";
  return text + " [env: " + config::env_name(key.name) + "]";
}

// Options shared by the commands that read a configuration.
void add_settings(CLI::App& command, CommandLine& line) {
  command
      .add_option_function<std::string>(
          "--config", [&line](const std::string& file) { line.config_file = file; },
          "Configuration file, TOML. [env: SLUICE_CONFIG]")
      ->type_name("FILE")
      ->group("Configuration");
  command
      .add_option_function<std::vector<std::string>>(
          "--set",
          [&line](const std::vector<std::string>& all) {
            for (const std::string& text : all) {
              const std::size_t equals = text.find('=');
              if (equals == std::string::npos || equals == 0) {
                throw CLI::ValidationError("--set", "write KEY=VALUE, not \"" + text + "\"");
              }
              const std::string key = text.substr(0, equals);
              line.flags.push_back({key, text.substr(equals + 1), "--set " + key});
            }
          },
          "Any setting by its name; may be repeated.")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->group("Configuration");
  for (const Setting& setting : kSettings) {
    const std::string help = help_of(*config::find_key(setting.key));
    CLI::Option* option = nullptr;
    if (setting.value == nullptr) {
      option = command.add_flag_callback(
          setting.flag,
          [&line, &setting] {
            line.flags.push_back({setting.key, "true", setting.flag});
          },
          help);
    } else {
      option = command.add_option_function<std::string>(
          setting.flag,
          [&line, &setting](const std::string& value) {
            line.flags.push_back({setting.key, value, setting.flag});
          },
          help);
      option->type_name(setting.value);
    }
    option->group(setting.group);
  }
}

}  // namespace

ParsedCommandLine parse_command_line(int argc, const char* const* argv,
                                     const std::string& version) {
  CommandLine line;
  CLI::App app("Sluice takes uploads over bad lines and streams them into S3 or a directory.",
               "sluice");
  app.set_version_flag("--version", version);
  app.require_subcommand(1);
  app.footer(kExamples);
  app.get_formatter()->column_width(34);

  const auto add = [&](const char* name, const char* help, CommandLine::Command command) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->parse_complete_callback([&line, command] { line.command = command; });
    return sub;
  };
  CLI::App* serve =
      add("serve", "Take uploads until SIGTERM; then drain and end.", CommandLine::Command::kServe);
  add_settings(*serve, line);
  serve->footer(kExamples);

  CLI::App* check =
      add("check", "Print everything that is wrong with the configuration; start nothing.",
          CommandLine::Command::kCheck);
  add_settings(*check, line);
  check->add_flag("--online", line.online,
                  "Also try the store, the state database and the authorization URL.");
  check->add_flag("--show", line.show, "Print every setting, its value and where it came from.");

  CLI::App* sweep =
      add("sweep", "Remove expired uploads and report what the store holds that nobody knows.",
          CommandLine::Command::kSweep);
  add_settings(*sweep, line);
  sweep->add_flag("--dry-run", line.dry_run, "Change nothing, only report.");

  CLI::App* show_version =
      add("version", "Print what this program is built from.", CommandLine::Command::kVersion);
  show_version->add_flag("--json", line.json, "As a JSON object.");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11's own codes begin at 100.
    const int code = app.exit(error, std::cout, std::cerr);
    return {std::nullopt, code == 0 ? 0 : kUsage};
  }
  return {std::move(line), 0};
}

}  // namespace sluice::app
