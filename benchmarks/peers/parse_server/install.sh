#!/bin/sh
# Installs the LiveQuery peer: Parse Server, pinned. It also needs PostgreSQL's programs on this machine, which no npm
# package brings; a server of them is started and removed by the benchmark itself.
found=$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -n 1)
if [ -z "$found" ] && ! command -v initdb >/dev/null; then
    echo 'Parse Server needs PostgreSQL. On Debian: apt install postgresql' >&2
    exit 1
fi
exec "$(dirname "$0")/../install.sh" parse_server
