#!/bin/sh
# clang-tidy on the sources that changed since the branch left main (on main: since the last commit),
# committed or not. With an argument: on all. BASE=COMMIT: changed since that commit.
set -eu
cd "$(dirname "$0")/.."
cmake --preset asan-clang >/dev/null
cmake --build build/asan-clang --target sluice_revision >/dev/null
if [ $# -gt 0 ]; then
  files=$(git ls-files 'src/*.cc' 'apps/*.cc' | grep -v '_test\.cc$')
else
  base=${BASE:-$(git merge-base HEAD main)}
  [ "$base" != "$(git rev-parse HEAD)" ] || base=HEAD~1
  # A changed header is checked through the sources that are beside it by name.
  files=$({ git diff --name-only --diff-filter=d "$base"; git ls-files --others --exclude-standard; } |
    grep -E '^(src|apps)/.*\.(cc|h)$' | sed 's/\.h$/.cc/' | grep -v '_test\.cc$' | sort -u) || true
fi
existing=
for file in $files; do
  [ ! -e "$file" ] || existing="$existing $file"
done
[ -n "$existing" ] || { echo "lint: nothing has changed"; exit 0; }
# shellcheck disable=SC2086
printf '%s\n' $existing | xargs -P "$(nproc)" -n 1 clang-tidy-19 -p build/asan-clang --quiet
