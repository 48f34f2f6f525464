#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# ping: round trips of both targets, and the ends that it can come to.

load lib

setup_file() {
	make_dir
	start_target plain ram:1M ram:1M,inject=not-ready
	export EMBEDDED=${URLS[0]%/*}
	truncate -s 1M "$DIR/tgt0"
	start_tgtd
	tgt_target 1 "$IQN"
	tgt_lun 1 1 "$DIR/tgt0"
	export TGTD=iscsi://$TGT_PORTAL/$IQN
}

teardown_file() {
	stop_tgtd
	clean_up
}

# The value of a Python expression over $output as JSON, called j.
json() { # EXPRESSION
	python3 -c "import json, sys; j = json.load(sys.stdin); print($1)" \
		<<<"$output"
}

@test "so many round trips as asked for, and the summary" {
	for url in "$EMBEDDED/0" "$TGTD/1"; do
		expect 0 luntap ping -c 3 -i 0.01 "$url"
		[ "${#lines[@]}" -eq 8 ]
		[[ ${lines[0]} =~ ^NOP-Out\ 1:\ [0-9]+\.[0-9]{3}\ ms$ ]]
		[[ ${lines[5]} =~ ^TEST\ UNIT\ READY\ 3:\ [0-9]+\.[0-9]{3}\ ms$ ]]
		[[ ${lines[6]} = "NOP-Out: 3 sent, 3 answered, min/avg/max/mdev "*" ms" ]]
		[[ ${lines[7]} = "TEST UNIT READY: 3 sent, 3 answered, min"* ]]
		expect 0 luntap ping -q -c 2 -i 0 "${url%/*}"
		[ "${#lines[@]}" -eq 1 ]
	done
}

@test "ping --json" {
	for url in "$EMBEDDED/0" "$TGTD/1"; do
		expect 0 luntap ping --json -c 50 -i 0 "$url"
		[ "$(json 'all(t["sent"] == t["answered"] == 50 and
			0 < t["min_ns"] <= t["avg_ns"] <= t["max_ns"] and
			0 <= t["mdev_ns"] <= t["max_ns"]
			for t in (j["nop_out"], j["test_unit_ready"]))')" = True ]
		expect 0 luntap ping --json -c 1 "${url%/*}"
		[ "$(json 'list(j)')" = "['nop_out']" ]
	done
}

@test "SIGINT prints the summary; all came back" {
	exec_as_user "$LUNTAP" ping "$EMBEDDED/0" \
		>"$DIR/interrupted" 2>&1 3>&- &
	remember interrupted $!
	wait_for grep -q "READY 1:" "$DIR/interrupted"
	kill -INT $!
	wait $!
	rm "$DIR/pids/interrupted"
	[[ $(tail -n 2 "$DIR/interrupted") =~ ^NOP-Out:\ ([0-9]+)\ sent,\ ([0-9]+)\ answered ]]
	[ "${BASH_REMATCH[1]}" -eq "${BASH_REMATCH[2]}" ]
}

@test "an answer that is not GOOD: exit 6, and it says why" {
	expect 6 luntap ping -c 2 -i 0 "$EMBEDDED/1"
	[[ $output = *"TEST UNIT READY: 2 sent, 2 answered"* ]]
	[[ $output = *"NOT READY"*"(2/04/03)"* ]]
}

@test "a target that goes away: exit 3, after the summary" {
	start_target leaving ram:1M
	exec_as_user "$LUNTAP" ping -i 0.05 "${URLS[0]}" \
		>"$DIR/lost" 2>&1 3>&- &
	remember lost $!
	wait_for grep -q "READY 2:" "$DIR/lost"
	end_process leaving KILL
	status=0
	wait "$(cat "$DIR/pids/lost")" || status=$?
	[ "$status" -eq 3 ]
	rm "$DIR/pids/lost"
	grep -q "^NOP-Out: .* answered, min/avg/max/mdev" "$DIR/lost"
	tail -n 1 "$DIR/lost" | grep -q "^luntap: "
}

@test "a target that is stopped is silent: exit 3" {
	start_target silent ram:1M
	exec_as_user "$LUNTAP" ping -i 0.05 "${URLS[0]%/*}" \
		>"$DIR/silent.out" 2>&1 3>&- &
	remember ping $!
	wait_for grep -q "NOP-Out 2:" "$DIR/silent.out"
	kill -STOP "$(cat "$DIR/pids/silent")"
	status=0
	wait "$(cat "$DIR/pids/ping")" || status=$?
	kill -CONT "$(cat "$DIR/pids/silent")"
	[ "$status" -eq 3 ]
	rm "$DIR/pids/ping"
	grep -q "does not answer: nothing received" "$DIR/silent.out"
	end_process silent
}

@test "ping of what is not there, and options that make no sense" {
	expect 3 luntap ping -c 1 "iscsi://127.0.0.1:$(free_port)/$IQN"
	expect 5 luntap ping -c 1 "$EMBEDDED/9"
	for bad in 0 -1 x 1.5 ""; do
		expect 2 luntap ping --count "$bad" "$EMBEDDED/0"
		[[ $output = *"--count $bad: not a number"* ]]
	done
	for bad in -1 x nan 1e9 ""; do
		expect 2 luntap ping --interval "$bad" "$EMBEDDED/0"
		[[ $output = *"--interval $bad: not seconds"* ]]
	done
	expect 2 luntap ping
}
