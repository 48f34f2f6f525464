#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# libiscsi's test suite against the embedded target, each test in a process of
# its own, as it wants; a second path to the same LUN lets the multipath tests
# run.  What fails must be what iscsi-test-cu.expected explains.

load lib

setup_file() {
	make_dir
	start_target cu --thin ram:256M ram:256M,block-size=4096
	export U512=${URLS[0]} U4096=${URLS[1]}
	iscsi-test-cu --list | sed -n 's/^ALL\.\([^.]*\.[^.]*\)$/\1/p' \
		>"$DIR/tests"
}

teardown_file() {
	clean_up
}

# Whether one test passes (or finds nothing to test).
passes() { # URL TEST
	timeout 60 iscsi-test-cu --dataloss -t "ALL.$2" "$1" "$1" \
		>"$DIR/cu.log" 2>&1 </dev/null || return 1
	awk '$1 == "tests" { found = 1; if ($5 != 0) exit 1 }
		END { exit !found }' "$DIR/cu.log"
}

run_suite() { # BLOCK-SIZE URL
	local name passed=0
	: >"$DIR/failed"
	while read -r name; do
		if passes "$2" "$name"; then
			passed=$((passed + 1))
		else
			echo "$name" >>"$DIR/failed"
		fi
	done <"$DIR/tests"
	echo "block size $1: $passed of $(wc -l <"$DIR/tests") passed"
	awk -F '\t' -v size="$1" '$1 == size { print $2 }' \
		"$BATS_TEST_DIRNAME/iscsi-test-cu.expected" |
		sort >"$DIR/expected"
	sort "$DIR/failed" | diff "$DIR/expected" -
	[ "$passed" -ge 200 ]
}

@test "iscsi-test-cu on 512-byte blocks fails where it is expected to" {
	run_suite 512 "$U512"
}

@test "iscsi-test-cu on 4096-byte blocks fails where it is expected to" {
	run_suite 4096 "$U4096"
}
