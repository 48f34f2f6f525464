#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# diff: between every kind of end, on both targets and with both block sizes;
# and its exit code, on which scripts rely.

load lib

SIZE=$((8 << 20))

setup_file() {
	make_dir
	truncate -s 8M "$DIR/tgt1" "$DIR/tgt2"
	start_target plain --thin ram:8M ram:8M,block-size=4096
	export PLAIN=${URLS[0]%/*}
	start_tgtd
	tgt_target 1 "$IQN"
	tgt_lun 1 1 "$DIR/tgt1"
	tgt_lun 1 2 "$DIR/tgt2" 4096
	export TGTD=iscsi://$TGT_PORTAL/$IQN
	head -c $SIZE /dev/urandom >"$DIR/image"
	# A hole, and one byte that is another one.
	dd if=/dev/zero of="$DIR/image" bs=64K seek=20 count=30 conv=notrunc \
		status=none
	fallocate -d "$DIR/image"
	cp "$DIR/image" "$DIR/other"
	flip "$DIR/other" 3000000
	flip "$DIR/other" 7654321
	chmod 644 "$DIR/image" "$DIR/other"
}

teardown_file() {
	stop_tgtd
	clean_up
}

# Changes one byte.
flip() { # FILE OFFSET
	python3 - "$@" <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2]))
    byte = f.read(1)[0]
    f.seek(int(sys.argv[2]))
    f.write(bytes([byte ^ 1]))
PY
}

@test "what is the same, and what is not, on both targets and block sizes" {
	local lun unit
	for lun in "$PLAIN/0" "$PLAIN/1" "$TGTD/1" "$TGTD/2"; do
		case $lun in
		"$PLAIN/0" | "$TGTD/1") unit=512 ;;
		*) unit=4096 ;;
		esac
		expect 0 luntap copy "$DIR/image" "$lun"
		expect 0 luntap diff "$lun" "$DIR/image"
		[ -z "$output" ]
		expect 1 luntap diff "$DIR/other" "$lun"
		[ "${lines[0]}" = "$((3000000 / unit * unit)) $unit" ]
		[ "${lines[1]}" = "$((7654321 / unit * unit)) $unit" ]
		[ ${#lines[@]} -eq 2 ]
	done
	expect 0 luntap diff "$PLAIN/0" "$TGTD/2"
	expect 0 luntap diff "$PLAIN/0" "$PLAIN/1"
	expect 0 luntap diff "$PLAIN/0" "$PLAIN/0"
}

@test "small requests, one at a time, and a range" {
	expect 0 luntap copy "$DIR/image" "$PLAIN/0"
	expect 1 luntap diff --block-size 4K --queue-depth 1 "$PLAIN/0" \
		"$DIR/other"
	[ ${#lines[@]} -eq 2 ]
	expect 0 luntap diff --range 0:2M "$PLAIN/0" "$DIR/other"
	expect 1 luntap diff --range 2999999:2 "$PLAIN/0" "$DIR/other"
	[ "$output" = "2999999 2" ]
	expect 0 luntap diff --range 3000001:4M "$PLAIN/0" "$DIR/other"
}

@test "pipes" {
	expect 0 luntap copy "$DIR/image" "$PLAIN/0"
	luntap diff - "$PLAIN/0" < <(cat "$DIR/image")
	run luntap diff "$PLAIN/0" - < <(cat "$DIR/other")
	[ "$status" -eq 1 ]
	[ ${#lines[@]} -eq 2 ]
	luntap copy "$PLAIN/0" - | luntap diff - "$DIR/image"
	run luntap diff - "$PLAIN/0" < <(head -c 1000001 "$DIR/image")
	[ "$status" -eq 1 ]
	[ "$output" = "1000001 7388607 only in $PLAIN/0" ]
	run luntap diff - "$PLAIN/0" < <(cat "$DIR/image" - <<<more)
	[ "$status" -eq 1 ]
	[ "$output" = "8388608 - only in standard input" ]
	run luntap diff - "$PLAIN/0" </dev/null
	[ "$status" -eq 1 ]
	[ "$output" = "0 8388608 only in $PLAIN/0" ]
	luntap diff --range 0:1000001 - "$PLAIN/0" \
		< <(head -c 1000001 "$DIR/image")
	expect 2 luntap diff - -
	run luntap diff --range 1:5 - "$PLAIN/0" <"$DIR/image"
	[ "$status" -eq 2 ]
}

@test "sizes that differ are a difference" {
	head -c 8388607 "$DIR/image" >"$DIR/short"
	chmod 644 "$DIR/short"
	expect 1 luntap diff "$DIR/short" "$DIR/image"
	[ "$output" = "8388607 1 only in $DIR/image" ]
	expect 1 luntap diff "$PLAIN/0" "$DIR/short"
	[ "$output" = "8388607 1 only in $PLAIN/0" ]
	expect 0 luntap diff --range 0:8388607 "$DIR/short" "$DIR/image"
	expect 2 luntap diff --range 0:8388608 "$DIR/short" "$DIR/image"
	[[ $output = *"has 8388607 bytes"* ]]
}

@test "--json is one object, whatever happens" {
	luntap diff --json "$DIR/image" "$DIR/other" >"$DIR/json" || [ $? -eq 1 ]
	python3 - "$DIR/json" <<'PY'
import json, sys
o = json.load(open(sys.argv[1]))
assert o["same"] is False and o["longer"] is None
assert o["compared"] == 8 << 20 and o["different"] == 1024
assert o["extents"] == [{"offset": n // 512 * 512, "length": 512}
                        for n in (3000000, 7654321)]
assert o["a_size"] == o["b_size"] == 8 << 20
PY
	luntap diff --json "$DIR/image" "$DIR/image" |
		python3 -c 'import json, sys
assert json.load(sys.stdin)["same"] is True'
	start_target faulty ram:8M,inject=read-error=4000
	luntap diff --json "${URLS[0]}" "$DIR/image" >"$DIR/json" || [ $? -eq 6 ]
	python3 - "$DIR/json" <<'PY'
import json, sys
o = json.load(open(sys.argv[1]))
assert "same" not in o and "reading" in o["error"]
PY
}

@test "1 is never a failure" {
	expect 2 luntap diff "$DIR/image"
	expect 2 luntap diff "$DIR/image" "$DIR/none"
	expect 2 luntap diff "$DIR/image" "$DIR"
	expect 2 luntap diff --log-file /nonexistent/log "$DIR/image" "$DIR/image"
	expect 3 luntap diff "$DIR/image" \
		"iscsi://127.0.0.1:$(free_port)/$IQN/0"
	expect 5 luntap diff "$DIR/image" "$PLAIN/7"
	expect 2 luntap diff "$PLAIN" "$DIR/image"
	run luntap_full diff "$DIR/image" "$DIR/other"
	[ "$status" -eq 2 ]
	run luntap_full diff --json "$DIR/image" "$DIR/image"
	[ "$status" -eq 2 ]
}
luntap_full() {
	luntap "$@" >/dev/full
}

# It is blocked, for it is taken from a descriptor.
takes_sigterm() { # PID
	grep -q '^SigBlk:.*[4-7c-f]...$' "/proc/$1/status"
}
@test "a signal ends it, with its code" {
	mkfifo "$DIR/fifo"
	chmod 644 "$DIR/fifo"
	sleep 600 >"$DIR/fifo" 3>&- &
	remember writer $!
	exec_as_user "$LUNTAP" diff - "$PLAIN/0" <"$DIR/fifo" 3>&- &
	local pid=$! rc=0
	remember reader $pid
	wait_for takes_sigterm $pid
	kill -TERM $pid
	wait $pid || rc=$?
	[ $rc -eq 143 ]
	rm "$DIR/pids/reader"
	end_process writer
}
