#!/bin/sh
# Installs what building, testing or checking needs, from Debian 12's own packages.
#
#   tools/install-deps.sh build         compile and run the program
#   tools/install-deps.sh build test    also run every test
#   tools/install-deps.sh lint          clang-tidy and clang-format
#
# Says nothing and needs no network when everything is there. Needs root or sudo otherwise. Starts
# no service: some of the packages bring daemons, the tests start their own.
set -eu

build="clang-19 cmake ninja-build ccache mold pkg-config make git curl ca-certificates python3
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libssl-dev libexpected-dev
  libpugixml-dev libisal-dev libsqlite3-dev libsqlitecpp-dev libtomlplusplus-dev libcli11-dev
  libspdlog-dev libfmt-dev prometheus-cpp-dev"
test="g++ libgtest-dev libgmock-dev librapidcheck-dev libclang-rt-19-dev libc6-dev gcc openssl procps strace awscli
  radosgw ceph-mon ceph-osd ceph-common nginx-light haproxy prometheus"
# Some machines have Node from elsewhere, with npm in the same package.
command -v node >/dev/null || test="$test nodejs"
command -v npm >/dev/null || test="$test npm"
lint="clang-tidy-19 clang-format"

[ $# -gt 0 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
wanted=
for group; do
  case $group in
    build) wanted="$wanted $build" ;;
    test) wanted="$wanted $test" ;;
    lint) wanted="$wanted $lint" ;;
    *) echo "install-deps: no group \"$group\" (build, test, lint)" >&2; exit 2 ;;
  esac
done

missing=
# One query for all; packages that dpkg does not know are missing from its answer.
# shellcheck disable=SC2086
installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' $wanted 2>/dev/null |
  sed -n 's/^[hi]i *//p') || true
for package in $wanted; do
  case "
$installed
" in
    *"
$package
"*) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || {
    echo "install-deps: run as root: apt-get install --no-install-recommends$missing" >&2
    exit 1
  }
  as_root=sudo
fi

echo "install-deps: installing$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086
$as_root sh -eu -s -- $missing >"$log" 2>&1 <<'ROOT' || { tail -n 20 "$log" >&2; exit 1; }
# Debian asks this file before it starts a package's service.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod +x $policy
fi
export DEBIAN_FRONTEND=noninteractive
apt-get install -qy --no-install-recommends "$@" || {
  # The lists may be old or absent.
  apt-get update -q
  apt-get install -qy --no-install-recommends "$@"
}
ROOT
