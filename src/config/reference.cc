#include "config/reference.h"

#include "config/keys.h"

namespace sluice::config {
namespace {

constexpr const char* kHead = R"(# Configuration

<!-- Written by `make docs` from the table in src/config/keys.cc; a test compares. -->

Every setting has one name, used everywhere:

| Where | How | Example |
|---|---|---|
| command line | `--set KEY=VALUE`; the most used have a flag of their own (`sluice serve --help`) | `--set part_size=16MiB` |
| environment | `SLUICE_` and the name in capitals, dots as `_` | `SLUICE_HTTP_IDLE_TIMEOUT=90s` |
| file | TOML, given with `--config FILE` or `SLUICE_CONFIG` | `[http]` `idle_timeout = "90s"` |

The command line beats the environment, the environment beats the file, the file beats the default. An empty variable
counts as not set. `sluice check` reads all of it, prints every problem as `file:line:column: error: what; what to do`
and starts nothing; `sluice check --show` also prints each value and where it came from. Unknown keys in the file or
after `--set` are errors, unknown `SLUICE_*` variables are warnings.

Everything is read once, at the start: a change needs a restart. Only a renewed TLS certificate is noticed by itself (and
by SIGHUP).

Sizes are `512KiB`, `8MiB`, `5GiB`, `1TiB` (powers of 1024), `10MB` (powers of 1000) or a number of bytes. Durations need
a unit: `500ms`, `10s`, `5m`, `2h`, `7d`. Lists are arrays of strings in the file and have commas between elsewhere.

**Secrets** are refused on the command line, where everybody can read them. Each can stand in a file of its own:
`SLUICE_S3_SECRET_KEY_FILE=/run/secrets/key` in the environment, `s3.secret_key_file = "…"` in the file, or a systemd
credential (`LoadCredential=s3.secret_key:/etc/sluice/secret_key`). A file that everybody on the machine can read is
refused (`chmod o-rwx FILE`; in Kubernetes `defaultMode: 0440`).

**Nothing configured** means: clients on 127.0.0.1:8080, objects in `./sluice-data/objects`, state in
`./sluice-data/state.db`. Only `auth` has no default: it must be chosen.
)";

std::string code(const std::string& text) {
  // A bar would end the table's cell.
  std::string safe;
  for (const char c : text) {
    if (c == '|') safe += '\\';
    safe += c;
  }
  return "`" + safe + "`";
}

std::string row(const Key& key, const Draft& defaults) {
  const std::string value = key.show(defaults);
  std::string line = "| " + code(key.name) + " | " + std::string(to_string(key.type)) + " | ";
  line += (value.empty() ? "–" : code(value)) + " | " + code(env_name(key.name)) + " | " + key.help;
  if (key.secret) line += " Secret.";
  if (!key.legal.empty()) line += " (" + key.legal + ")";
  return line + " |\n";
}

}  // namespace

std::string reference_page() {
  const Draft defaults;
  std::string page = kHead;
  std::string section;
  for (const Key& key : keys()) {
    if (key.section != section) {
      section = key.section;
      page += "\n## " + section + "\n\n| Key | Type | Default | Environment | What it does |\n" +
              "|---|---|---|---|---|\n";
    }
    page += row(key, defaults);
  }
  return page;
}

}  // namespace sluice::config
