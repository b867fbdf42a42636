#!/bin/sh
# Serves on 127.0.0.1:8080 with everything in ./sluice-data, and says how to try it. Environment:
# ADDRESS, ADMIN (other addresses), DIRECTORY (other working directory), SLUICE_BIN (other program).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
program=${SLUICE_BIN:-$root/build/sluice}
address=${ADDRESS:-127.0.0.1:8080}
admin=${ADMIN:-127.0.0.1:9090}
cd "${DIRECTORY:-$root}"

cat <<EXAMPLES
Paste into another terminal:

  # A file to send, and an upload in one go.
  head -c 64M /dev/urandom >/tmp/film.bin
  curl -T /tmp/film.bin http://$address/upload/first.bin

  # The same file over a slow line that breaks after 3 seconds.
  size=\$(stat -c %s /tmp/film.bin)
  curl --limit-rate 8M -m 3 -T /tmp/film.bin \\
    -H "Content-Range: bytes 0-\$((size-1))/\$size" http://$address/upload/film.bin

  # How much is safe? 308 with Range: bytes=0-LAST.
  curl -i -X PUT -H "Content-Range: bytes */\$size" -H 'Content-Length: 0' \\
    http://$address/upload/film.bin

  # The rest, from that byte on.
  last=\$(curl -si -X PUT -H "Content-Range: bytes */\$size" -H 'Content-Length: 0' \\
    http://$address/upload/film.bin | sed -n 's/^[Rr]ange: bytes=0-\([0-9]*\).*/\1/p')
  next=\$((\${last:--1}+1))
  tail -c +\$((next+1)) /tmp/film.bin | curl -T - \\
    -H "Content-Range: bytes \$next-\$((size-1))/\$size" http://$address/upload/film.bin

  # It is the same file.
  cmp /tmp/film.bin $PWD/sluice-data/objects/film.bin && echo same

Metrics: http://$admin/metrics   Ctrl-C ends the gateway; unfinished uploads survive it.

EXAMPLES
unset SLUICE_BIN  # a variable of the tests, not a setting
exec "$program" serve --auth none --listen "$address" --admin-listen "$admin"
