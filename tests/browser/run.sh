#!/usr/bin/env bash
# The page in Chromium, against a demo of its own.
#
# usage: run.sh BINARY
#
# Installs Debian's Chromium if there is none; CHROMIUM names another.
set -euo pipefail
binary=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
export CHROMIUM=${CHROMIUM:-/usr/bin/chromium}

if [[ ! -x $CHROMIUM ]]; then
  as_root=()
  [[ $(id -u) -eq 0 ]] || as_root=(sudo)
  "${as_root[@]}" apt-get update --quiet
  "${as_root[@]}" apt-get install --quiet --yes --no-install-recommends chromium
fi
cd "$root/ui"
[[ -x node_modules/.bin/playwright ]] || npm ci --no-audit --no-fund
npm run --silent weight

directory=$(mktemp -d)
addresses=$directory/addresses.json
# Settings meant for another server are not for this one.
for name in $(compgen -e | grep -E '^(SPANDREL|OTEL)_' || true); do unset "$name"; done
# The history is long enough for every kind of fault to have had its turn.
"$binary" demo --seed 1 --history 120 --rate 4 --scenario all --data-dir "$directory/data" --addresses-file "$addresses" \
  --otlp-grpc 127.0.0.1:0 --otlp-http 127.0.0.1:0 --http 127.0.0.1:0 > "$directory/log" 2>&1 &
demo=$!
stop() {
  kill -TERM "$demo" 2> /dev/null && wait "$demo" || true
  rm -rf "$directory"
}
trap stop EXIT

deadline=$((SECONDS + 300))
until [[ -s $addresses ]] && grep -q 'History' "$directory/log"; do
  if ! kill -0 "$demo" 2> /dev/null || ((SECONDS > deadline)); then
    echo "the demo did not start:" >&2
    cat "$directory/log" >&2
    exit 1
  fi
  sleep 0.2
done

url=http://$(node -p 'JSON.parse(require("fs").readFileSync(process.argv[1])).http' "$addresses")

# Counts of whole minutes, which the pages read, and findings are stored some time after their spans.
kinds="SELECT count(DISTINCT kind) AS kinds FROM findings"
until (($("$binary" sql --url "$url" --format csv "$kinds" | tail -n 1) >= 19)); do
  if ((SECONDS > deadline)); then
    echo "not every kind of fault was found:" >&2
    cat "$directory/log" >&2
    exit 1
  fi
  sleep 1
done

SPANDREL_URL=$url npm run --silent test:browser

kill -TERM "$demo"
if ! wait "$demo"; then
  echo "the demo did not stop cleanly:" >&2
  cat "$directory/log" >&2
  exit 1
fi
