#!/usr/bin/env bash
# Runs go test with these arguments and prints a line for each test as it ends, with
# what it logged unless it passed. The exit status is go test's.
set -uo pipefail

# lines reads what go test -v prints: "=== WORD TEST" tells whose lines follow, and
# "--- WORD: TEST (TIME)" how a test ended. What belongs to no test is printed as it is.
lines() {
	local -A logged=()
	local line test='' ended=''
	while IFS= read -r line; do
		case $line in
		"=== "*)
			read -r _ _ test <<<"$line"
			test=${test%%/*} # a subtest's lines are its test's
			;;
		"--- PASS: "* | "--- FAIL: "* | "--- SKIP: "*)
			read -r _ ended test _ <<<"$line"
			[ "$ended" = PASS: ] || printf %s "${logged[$test]-}"
			printf '%s\n' "$line"
			unset "logged[$test]"
			test=
			;;
		*)
			if [ -n "$test" ]; then
				logged[$test]+=$line$'\n'
			elif [[ $line != *" --- PASS: "* && $line != PASS ]]; then
				printf '%s\n' "$line"
			fi
			;;
		esac
	done
	[ ${#logged[@]} -eq 0 ] || printf %s "${logged[@]}" # of tests that did not come to their end
}

go test -v "$@" 2>&1 | lines
