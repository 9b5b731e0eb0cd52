#!/bin/sh
# Installs the raw broadcast peer: the npm package ws, pinned.
exec "$(dirname "$0")/../install.sh" ws
