#!/bin/bash
# Captures every page of the console, light and dark, wide and as on a tablet,
# into build/screenshots: from a console with made-up stores, or, with
# BASE USER PASSWORD, from one that runs (the demo's, for instance).
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# -eq 3 ]; then
	exec node console/web/scripts/screenshots.mjs "$1" "$2" "$3" build/screenshots
fi
port=${SCREENSHOTS_PORT:-8460}
mkdir -p build/bin
go build -o build/bin/devseed ./console/internal/devseed
log=$(mktemp)
build/bin/devseed -http "127.0.0.1:$port" >"$log" 2>&1 &
console=$!
trap 'kill "$console" 2>/dev/null || true; wait "$console" 2>/dev/null || true; rm -f "$log"' EXIT
for _ in $(seq 600); do
	password=$(sed -n 's/^console: .* password //p' "$log")
	[ -z "$password" ] || break
	kill -0 "$console" 2>/dev/null || { cat "$log" >&2; exit 1; }
	read -rt 0.1 <> <(:) || true
done
[ -n "$password" ] || { echo "screenshots.sh: the console did not come up within a minute" >&2; exit 1; }
node console/web/scripts/screenshots.mjs "http://127.0.0.1:$port" admin "$password" build/screenshots
