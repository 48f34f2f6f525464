#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# perf: that it does what it is told and counts it; never how fast.

load lib

setup_file() {
	make_dir
	start_target plain ram:8M,block-size=4096 ram:1M,inject=read-error=8 \
		ram:1M,read-only
	export EMBEDDED=${URLS[0]%/*}
	truncate -s 4M "$DIR/tgt0"
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

@test "reads, and what is told of them" {
	for url in "$EMBEDDED/0" "$TGTD/1"; do
		expect 0 luntap perf --count 500 --depth 7 "$url"
		[[ ${lines[0]} = "random requests of 4096 bytes, 7 in flight, "*" s" ]]
		[[ ${lines[1]} =~ ^read:\ 500\ requests,\ [0-9]+\ per\ second,\ [0-9.]+\ MiB/s$ ]]
		[[ ${lines[2]} = *"min "*", mean "*", 50% "*", 90% "*", 99% "*", 99.9% "*", max "* ]]
		[[ ${lines[3]} =~ ^our\ CPU:\ [0-9.]+\ us\ per\ request$ ]]
		expect 0 luntap perf --json --count 300 --size 64K --pattern seq "$url"
		[ "$(json '"write" not in j and j["pattern"] == "seq" and
			j["size"] == 65536 and j["read"]["requests"] == 300')" = True ]
		[ "$(json '(lambda l: l["min"] <= l["p50"] <= l["p90"] <= l["p99"]
			<= l["p99_9"] <= l["max"] <= j["elapsed_ns"])(
			j["read"]["latency_ns"])')" = True ]
	done
}

@test "writes only where the data may be destroyed" {
	for url in "$EMBEDDED/0" "$TGTD/1"; do
		expect 2 luntap perf --write --count 1 "$url"
		[[ $output = *"--destroy-data says that it may"* ]]
		expect 2 luntap perf --read-percent 99 --count 1 "$url"
		expect 0 luntap perf --json --write --destroy-data --count 64 \
			--size 4K --pattern seq "$url"
		[ "$(json 'j["write"]["requests"] == 64 and "read" not in j')" = True ]
		# 256 KiB of noise, and nothing behind it.
		as_user qemu-img convert -f raw -O raw "$url" "$DIR/home/written"
		[ "$(head -c 262144 "$DIR/home/written" | gzip -c | wc -c)" -gt 250000 ]
		[ "$(tail -c +262145 "$DIR/home/written" | tr -d '\0' | wc -c)" -eq 0 ]
	done
	expect 0 luntap perf --json --read-percent 50 --destroy-data \
		--count 400 "$EMBEDDED/0"
	[ "$(json 'j["read"]["requests"] + j["write"]["requests"] == 400 and
		j["read"]["requests"] > 100 and j["write"]["requests"] > 100')" = True ]
	expect 6 luntap perf --write --destroy-data --count 1 "$EMBEDDED/2"
	[[ $output = *"write-protected"* ]]
}

@test "an I/O error ends it: exit 6, with the place" {
	expect 6 luntap perf --pattern seq --count 100 "$EMBEDDED/1"
	[[ $output = *"reading 4096 bytes at 4096: Input/output error"* ]]
}

@test "time and SIGINT end it, with what was measured" {
	expect 0 luntap perf --seconds 1 --depth 1 "$EMBEDDED/0"
	[[ $output = *"read: "* ]]
	exec_as_user "$LUNTAP" perf --seconds 600 "$EMBEDDED/0" \
		>"$DIR/interrupted" 2>&1 3>&- &
	remember interrupted $!
	sleep 1
	kill -INT $!
	wait $!
	rm "$DIR/pids/interrupted"
	grep -q "^read: " "$DIR/interrupted"
}

@test "what it cannot do it says" {
	expect 2 luntap perf --size 512 --count 1 "$EMBEDDED/0"
	[[ $output = *"--size 512: not a multiple of the LUN's 4096"* ]]
	expect 2 luntap perf --size 16M --count 1 "$EMBEDDED/0"
	expect 2 luntap perf --size 32M --depth 64 "$EMBEDDED/0"
	[[ $output = *"more than 1 GiB"* ]]
	expect 2 luntap perf "$DIR/tgt0"
	[[ $output = *"not an iscsi:// URL"* ]]
	expect 2 luntap perf "$EMBEDDED"
	for bad in "--depth 0" "--depth 1025" "--size 0" "--size 33M" \
		"--pattern up" "--seed -1" "--read-percent 101" \
		"--seconds 0" "--count x"; do
		# shellcheck disable=SC2086
		expect 2 luntap perf $bad "$EMBEDDED/0"
		[[ $output = *"$bad: "* ]]
	done
	expect 3 luntap perf --count 1 "iscsi://127.0.0.1:$(free_port)/$IQN/0"
	expect 5 luntap perf --count 1 "$EMBEDDED/9"
}
