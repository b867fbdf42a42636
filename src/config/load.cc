#include "config/load.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>

#include "config/keys.h"
#include "config/nearest.h"
#include "config/secret_file.h"
#include "config/store_url.h"
#include "config/toml_file.h"
#include "config/validate.h"
#include "wire/checksum.h"

namespace sluice::config {
namespace {

using Level = Problem::Level;

constexpr std::string_view kFileSuffix = "_file";
constexpr std::string_view kEnvFileSuffix = "_FILE";

// A service named "sluice" in Kubernetes puts these into every pod of its namespace.
bool is_service_link(std::string_view name) {
  return name == "SLUICE_PORT" || name.starts_with("SLUICE_PORT_") ||
         name.starts_with("SLUICE_SERVICE_");
}

class Loader {
 public:
  explicit Loader(const Sources& sources) : sources_(sources) {
    for (const Key& key : keys()) loaded_.effective[key.name].origin = "default";
  }

  Loaded run() {
    if (sources_.file) file(*sources_.file);
    environment();
    flags();
    build();
    return std::move(loaded_);
  }

 private:
  void error(std::string where, std::string what, std::string mend = {}) {
    loaded_.problems.push_back({Level::kError, std::move(where), std::move(what), std::move(mend)});
  }

  void set(const Key& key, const std::string& value, const std::string& where) {
    const auto done = key.set(draft_, value);
    if (!done) {
      // A secret's own text must not come back in a message.
      error(where,
            key.secret ? key.name + " is malformed" : key.name + ": " + done.error().detail());
      return;
    }
    loaded_.effective[key.name].origin = where;
  }

  void set_from_file(const Key& key, const std::string& path, const std::string& where) {
    const auto text = read_secret_file(path);
    if (!text) {
      error(where, text.error().detail());
      return;
    }
    set(key, *text, where);
  }

  void file(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream),
                           std::istreambuf_iterator<char>()};
    if (!stream.is_open() || stream.bad()) {
      error("--config", "cannot read " + path, "check that the file exists and may be read");
      return;
    }
    FileContent content = parse_file(text, path);
    std::move(content.problems.begin(), content.problems.end(),
              std::back_inserter(loaded_.problems));
    for (const FileSetting& setting : content.settings) {
      if (const Key* key = find_key(setting.key)) {
        if (key->secret && is_world_readable(path)) {
          error(setting.where, "everybody on this machine can read the secret " + key->name,
                "run: chmod o-rwx " + path + ", or put it into a file of its own and set " +
                    key->name + "_file");
          continue;
        }
        twice(setting.key + std::string(kFileSuffix), content, setting);
        set(*key, setting.value, setting.where);
      } else {
        const std::string name = setting.key.substr(0, setting.key.size() - kFileSuffix.size());
        set_from_file(*find_key(name), setting.value, setting.where);
      }
    }
  }

  void twice(const std::string& other, const FileContent& content, const FileSetting& setting) {
    for (const FileSetting& s : content.settings) {
      if (s.key == other) {
        error(setting.where, setting.key + " and " + other + " are both set", "keep one of them");
      }
    }
  }

  const std::string* variable(std::string_view name) const {
    for (const auto& [n, value] : sources_.environment) {
      // An empty variable counts as not set, as compose files produce it.
      if (n == name && !value.empty()) return &value;
    }
    return nullptr;
  }

  void environment() {
    std::vector<std::string> known{"SLUICE_CONFIG"};
    for (const Key& key : keys()) {
      const std::string name = env_name(key.name);
      known.push_back(name);
      const std::string* value = variable(name);
      if (key.secret) {
        const std::string file_name = name + std::string(kEnvFileSuffix);
        known.push_back(file_name);
        const std::string* path = variable(file_name);
        if (path != nullptr && value != nullptr) {
          error(file_name, name + " and " + file_name + " are both set", "keep one of them");
        } else if (path != nullptr) {
          set_from_file(key, *path, file_name);
        } else if (value == nullptr) {
          credential(key);
        }
      }
      if (value != nullptr) set(key, *value, name);
    }
    for (const auto& [name, value] : sources_.environment) {
      if (!name.starts_with("SLUICE_") || is_service_link(name) ||
          std::find(known.begin(), known.end(), name) != known.end()) {
        continue;
      }
      const std::string meant = nearest(name, known);
      loaded_.problems.push_back({Level::kWarning, name, "no such setting",
                                  meant.empty() ? "" : "did you mean " + meant + "?"});
    }
  }

  // systemd's LoadCredential=s3.secret_key:/path
  void credential(const Key& key) {
    const std::string* directory = variable("CREDENTIALS_DIRECTORY");
    if (directory == nullptr) return;
    const std::string path = *directory + "/" + key.name;
    const auto text = read_secret_file(path);
    if (text) {
      set(key, *text, path);
    } else if (text.error().code() != Errc::kNotFound) {
      error(path, text.error().detail());
    }
  }

  void flags() {
    std::vector<std::string> seen;
    for (const Flag& flag : sources_.flags) {
      const Key* key = find_key(flag.key);
      if (key == nullptr) {
        std::vector<std::string> names;
        for (const Key& k : keys()) names.push_back(k.name);
        const std::string meant = nearest(flag.key, names);
        error(flag.shown, "unknown key " + flag.key,
              meant.empty() ? "" : "did you mean " + meant + "?");
        continue;
      }
      if (key->secret) {
        error(flag.shown, "everybody on this machine can read the command line",
              "use " + env_name(key->name) + std::string(kEnvFileSuffix));
        continue;
      }
      if (std::find(seen.begin(), seen.end(), flag.key) != seen.end()) {
        error(flag.shown, flag.key + " is set twice on the command line", "keep one of them");
        continue;
      }
      seen.push_back(flag.key);
      set(*key, flag.value, flag.shown);
    }
  }

  std::string origin(std::string_view key) const {
    const auto found = loaded_.effective.find(std::string(key));
    if (found == loaded_.effective.end() || found->second.origin == "default") {
      return "configuration";
    }
    return found->second.origin;
  }

  void build() {
    choose_checksum();
    const auto store = parse_store_url(draft_.store_url, draft_.s3, sources_.working_directory);
    if (store) {
      draft_.options.store = *store;
    } else {
      error(origin("store"), "store: " + store.error().detail());
    }
    const auto state = parse_state_url(draft_.state_url, sources_.working_directory);
    if (state) {
      draft_.options.state_path = *state;
    } else {
      error(origin("state"), "state: " + state.error().detail());
    }
    std::vector<Problem> found = validate(draft_.options, sources_.serving,
                                          [this](std::string_view key) { return origin(key); });
    std::move(found.begin(), found.end(), std::back_inserter(loaded_.problems));
    for (const Key& key : keys()) loaded_.effective[key.name].value = key.show(draft_);
    loaded_.options = std::move(draft_.options);
  }

  // Google's clients compare the answer's crc32c with their own and fail without one.
  void choose_checksum() {
    if (draft_.options.http.google_bucket.empty() || draft_.options.engine.checksum) return;
    draft_.options.engine.checksum = wire::ChecksumKind::kCrc32c;
    draft_.s3.checksum = wire::ChecksumKind::kCrc32c;
  }

  const Sources& sources_;
  Draft draft_;
  Loaded loaded_;
};

}  // namespace

Loaded load(const Sources& sources) {
  return Loader(sources).run();
}

}  // namespace sluice::config
