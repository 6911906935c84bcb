#!/usr/bin/env bash
# Tests packages with the race detector. The detector of Go 1.26 itself crashes now and
# then in tests that use testing/synctest (golang/go#78156: "ThreadSanitizer: CHECK
# failed", or a SIGSEGV outside Go's own code): that says nothing about the package, which
# is tested again, at most three times. Whatever else fails, fails.
set -uo pipefail
at_once=$(($(nproc) + 1)) # half of the packages wait for timers, and for devices that hang
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# crashed prints the packages in which the detector crashed, and fails when anything else
# went wrong. A fault of Go code is a panic, never a line that begins with SIGSEGV.
crashed() {
	awk '
		/^(ThreadSanitizer: CHECK failed|SIGSEGV: segmentation violation)/ { crash = 1 }
		/^ *--- FAIL|^panic:|^fatal error:|^WARNING: DATA RACE/ { real = 1 }
		/^ok|^\?/ { crash = real = 0 }
		/^FAIL\t/ { if (crash && !real) print $2; else other = 1; crash = real = 0 }
		END { exit other }
	' "$log"
}

packages=$*
for _ in 1 2 3 4; do
	# shellcheck disable=SC2086 # one word each
	go test -race -p "$at_once" -timeout 20m $packages 2>&1 | tee "$log" && exit 0
	packages=$(crashed) && [ -n "$packages" ] || exit 1
	echo "the race detector crashed: once more" $packages
done
exit 1
