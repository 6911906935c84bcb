#!/usr/bin/env bash
# Tests packages with the race detector. The detector of Go 1.26 itself crashes now and
# then in tests that use testing/synctest (golang/go#78156: "ThreadSanitizer: CHECK
# failed"): that says nothing about the package, which is tested once more. Whatever
# else fails, fails.
set -uo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT

go test -race -timeout 10m "$@" 2>&1 | tee "$log" && exit 0

# The crashed packages: no test of them failed, and the detector's own words stand before
# their FAIL.
crashed=$(awk '
	/^ThreadSanitizer: CHECK failed/ { crash = 1 }
	/^(--- FAIL|panic:|WARNING: DATA RACE)/ { real = 1 }
	/^ok|^\?/ { crash = real = 0 }
	/^FAIL\t/ { if (crash && !real) print $2; else other = 1; crash = real = 0 }
	END { if (other) exit 1 }
' "$log") || exit 1
[ -n "$crashed" ] || exit 1
echo "the race detector crashed in $(echo $crashed): tested once more"
# shellcheck disable=SC2086 # one word each
go test -race -timeout 10m $crashed
