#!/usr/bin/env bash
# Stock OpenTelemetry SDKs against the real server, and its tables in other readers.
#
# usage: run.sh BINARY TOOLS_DIRECTORY
#
# Installs what it needs below TOOLS_DIRECTORY, anew only when what is pinned here has changed.
set -euo pipefail
binary=$(realpath "$1")
mkdir -p "$2"
tools=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)

# What the directory's contents were made from, to know when they are out of date.
fingerprint() { cat "$@" | sha256sum | cut -d' ' -f1; }

venv=$tools/clients-python
wanted="$(python3 --version) $(fingerprint "$here/requirements.txt")"
if [[ ! -f $venv/installed || $(<"$venv/installed") != "$wanted" ]]; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  echo "$wanted" > "$venv/installed"
fi

node=$tools/clients-node
mkdir -p "$node"
wanted="$(node --version) $(fingerprint "$here"/node/package*.json)"
if [[ ! -f $node/installed || $(<"$node/installed") != "$wanted" ]]; then
  rm -f "$node/installed"
  cp "$here"/node/package*.json "$here/node/.npmrc" "$node/"
  (cd "$node" && npm ci --silent --no-audit --no-fund --ignore-scripts)
  echo "$wanted" > "$node/installed"
fi
# Beside its modules, where Node looks for them.
cp "$here/node/emit.mjs" "$node/"

PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" "$here/python/check.py" "$binary" "$node"
