#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# discover, list, inquiry and readcapacity against both targets: what they
# print, for people and for programs, and how they end.

load lib

setup_file() {
	make_dir
	start_target plain --thin ram:64M ram:32M,block-size=4096
	export PORTAL EMBEDDED=${URLS[0]%/*}
	truncate -s 64M "$DIR/tgt0"
	truncate -s 32M "$DIR/tgt1"
	start_tgtd
	tgt_target 1 "$IQN"
	tgt_lun 1 1 "$DIR/tgt0"
	tgt_lun 1 2 "$DIR/tgt1" 4096
	# Flat addressing: more than a byte.
	tgt_lun 1 300 "$DIR/tgt0"
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

@test "discover prints ADDR:PORT,TPGT NAME" {
	for portal in "$PORTAL" "$TGT_PORTAL"; do
		expect 0 luntap discover "$portal"
		[ "$output" = "$portal,1 $IQN" ]
		expect 0 luntap discover "iscsi://$portal"
		[ "$output" = "$portal,1 $IQN" ]
		expect 0 luntap discover --json "$portal"
		[ "$(json 'j == [{"portal": "'"$portal"'", "tpgt": 1, "target": "'"$IQN"'"}]')" = True ]
	done
}

@test "list prints one line for each LUN" {
	expect 0 luntap list "$EMBEDDED"
	[ "${#lines[@]}" -eq 3 ]
	[[ ${lines[1]} =~ ^0\ +disk\ +LUNTAP\ .*\ 67108864\ +512$ ]]
	[[ ${lines[2]} =~ ^1\ +disk\ +LUNTAP\ .*\ 33554432\ +4096$ ]]
	expect 0 luntap list "$TGTD"
	[[ ${lines[1]} =~ ^0\ +controller\ +IET\ .*\ -\ +-$ ]]
	[[ ${lines[3]} =~ ^2\ +disk\ +IET\ .*\ 33554432\ +4096$ ]]
	[[ ${lines[4]} =~ ^300\ +disk\  ]]
}

@test "list --json has integers, and keys only for what is known" {
	expect 0 luntap list --json "$TGTD"
	[ "$(json 'len(j)')" -eq 4 ]
	[ "$(json 'sorted(j[0]) == ["lun", "product", "type", "vendor"]')" = True ]
	[ "$(json 'j[2] == {"lun": 2, "type": "disk", "vendor": "IET",
		"product": "VIRTUAL-DISK", "bytes": 33554432,
		"block_size": 4096}')" = True ]
}

@test "list of a portal lists every target there" {
	tgt_target 9 "$IQN-second"
	tgt_lun 9 1 "$DIR/tgt0"
	expect 0 luntap list "iscsi://$TGT_PORTAL"
	[[ $output = *"$IQN"$'\n'* && $output = *"$IQN-second"$'\n'* ]]
	expect 0 luntap list --json "iscsi://$TGT_PORTAL"
	[ "$(json 'sum(x["target"] == "'"$IQN-second"'" for x in j)')" -eq 2 ]
	tgt --op delete --mode target --tid 9 --force
}

@test "readcapacity: words, JSON, the bare number" {
	expect 0 luntap readcapacity "$EMBEDDED/1"
	[[ $output = *"33554432"* && $output = *"block size:"*4096* ]]
	expect 0 luntap readcapacity --bytes "$EMBEDDED/1"
	[ "$output" = 33554432 ]
	expect 0 luntap readcapacity --json "$EMBEDDED/0"
	[ "$(json 'j["lun"] == 0 and j["bytes"] == 67108864 and
		j["block_size"] == 512 and j["blocks"] == 131072 and
		j["lowest_aligned_lba"] == 0 and j["thin"] is True and
		j["unmapped_reads_zero"] is True and
		j["protection_type"] == 0 and len(j) == 9 and
		j["physical_block_size"] >= 512')" = True ]
	expect 0 luntap readcapacity --json "$TGTD/300"
	[ "$(json 'j["lun"] == 300 and j["bytes"] == 67108864 and
		j["thin"] is False')" = True ]
}

@test "inquiry: standard data and pages, as words and as JSON" {
	for url in "$EMBEDDED/0" "$TGTD/1"; do
		expect 0 luntap inquiry "$url"
		[[ $output = *"type:"*disk* && $output = *"vendor:"* ]]
		expect 0 luntap inquiry --all --json "$url"
		[ "$(json 'j["type"]')" = disk ]
		[ "$(json 'set(j["vpd"]) >= {"00", "80", "83", "b0", "b1", "b2"}')" = True ]
		[ "$(json 'j["vpd"]["00"]["pages"] == list(j["vpd"])')" = True ]
		expect 0 luntap inquiry --vpd B0 --json "$url"
		[ "$(json 'list(j["vpd"]) == ["b0"]')" = True ]
		[ "$(json 'type(j["vpd"]["b0"]["maximum_transfer"])')" = "<class 'int'>" ]
	done
}

@test "inquiry reads in every page what sg_vpd and sg_inq read" {
	local page
	for url in "$EMBEDDED/0" "$TGTD/1" "$TGTD/2"; do
		expect 0 luntap inquiry --vpd 00 --json "$url"
		for page in $(json '" ".join(j["vpd"]["00"]["pages"])'); do
			luntap inquiry --raw --vpd "$page" "$url" >"$DIR/page"
			expect 0 python3 "$BATS_TEST_DIRNAME/sg-compare.py" \
				"$LUNTAP" vpd "$page" "$DIR/page"
		done
		luntap inquiry --raw "$url" >"$DIR/page"
		expect 0 python3 "$BATS_TEST_DIRNAME/sg-compare.py" \
			"$LUNTAP" inquiry "$DIR/page"
	done
	expect 0 python3 "$BATS_TEST_DIRNAME/sg-compare.py" "$LUNTAP" lists
	expect 0 python3 "$BATS_TEST_DIRNAME/sg-compare.py" "$LUNTAP" random 1
}

@test "inquiry shows bytes that it does not know as they are" {
	printf '\000\300\000\022\001abcdefghijklmnopq' >"$DIR/page"
	expect 0 luntap inquiry --from "$DIR/page" --vpd c0
	[[ $output = *$'data:\n  0000  00 c0 00 12 01 61 '* ]]
	[[ $output = *$'\n  0010  6c 6d 6e 6f 70 71' ]]
	expect 0 luntap inquiry --from "$DIR/page" --vpd c0 --json
	[ "$(json 'bytes.fromhex(j["data"])[4:]')" = "b'\\x01abcdefghijklmnopq'" ]
	# A list that is cut short: what was good, then the rest.
	printf '\000\203\000\020\001\003\000\010\060abcdefg\001\003\000\010' \
		>"$DIR/page"
	expect 0 luntap inquiry --from - --vpd 83 --json <"$DIR/page"
	[ "$(json 'len(j["designators"]) == 1 and j["cut_short"]')" = 01030008 ]
	expect 1 luntap inquiry --from "$DIR/page" --vpd b0
	[[ $output = *"not VPD page b0"* ]]
	expect 1 luntap inquiry --from "$DIR/none" --vpd b0
	[[ $output = *"none: No such file"* ]]
	expect 1 luntap inquiry --from /dev/null
	expect 2 luntap inquiry --from "$DIR/page" --raw
	expect 2 luntap inquiry --from "$DIR/page" "$EMBEDDED/0"
	expect 2 luntap inquiry
}

@test "inquiry --raw gives the bytes of the page" {
	luntap inquiry --raw --vpd 83 "$EMBEDDED/0" >"$DIR/page"
	[ "$(od -An -tx1 -N2 "$DIR/page" | tr -d ' ')" = 0083 ]
	[ "$(stat -c %s "$DIR/page")" -eq \
		$((4 + $(od -An -tu1 -j3 -N1 "$DIR/page"))) ]
}

@test "a page that is not there: exit 6, and the sense in words" {
	for url in "$EMBEDDED/0" "$TGTD/1"; do
		expect 6 luntap inquiry --vpd b7 "$url"
		[[ $output = *"INVALID FIELD IN CDB"*"--vpd 00"* ]]
	done
}

@test "RFC 4173 root paths name the same LUN" {
	local host=${PORTAL%:*} port=${PORTAL##*:}
	expect 0 luntap readcapacity --bytes "iscsi:$host:6:$port:1:$IQN"
	[ "$output" = 33554432 ]
	expect 0 luntap readcapacity --bytes "iscsi:$host::$port::$IQN"
	[ "$output" = 67108864 ]
}

@test "every --help fits a screen, and every command has one" {
	expect 0 luntap --help
	local all="discover list inquiry readcapacity sense ping perf doctor mount
		nbd copy diff unmount status target"
	for command in $all; do
		[[ $output = *"$command"* ]]
	done
	for command in $all; do
		expect 0 luntap "$command" --help
		[ "${#lines[@]}" -le 40 ]
		[[ $output = *example*:* ]]
		for line in "${lines[@]}"; do
			[ "${#line}" -le 80 ]
		done
	done
}

@test "options that contradict each other, or are not there: exit 2" {
	expect 2 luntap readcapacity --json --bytes "$EMBEDDED/0"
	expect 2 luntap inquiry --all --vpd 83 "$EMBEDDED/0"
	expect 2 luntap inquiry --vpd 100 "$EMBEDDED/0"
	expect 2 luntap inquiry "$EMBEDDED"
	[[ $output = *"names no LUN"* ]]
	expect 2 luntap discover "$EMBEDDED"
	expect 2 luntap list --no-such-option "$EMBEDDED"
	[[ $output = *"--no-such-option: there is no such"* ]]
	expect 2 luntap list --json -zv "$EMBEDDED"
	[[ $output = *"-z: there is no such"* ]]
	expect 2 luntap list -vz "$EMBEDDED"
	[[ $output = *"-z: there is no such"* ]]
	expect 2 luntap list --json=x "$EMBEDDED"
	[[ $output = *"--json: it takes no"* ]]
	expect 2 luntap list "$EMBEDDED" --timeout
	[[ $output = *"--timeout: its argument is missing"* ]]
	expect 2 luntap list
	expect 2 luntap
}

@test "output that cannot be written is an error" {
	run bash -c '"$0" discover "$1" >/dev/full' "$LUNTAP" "$PORTAL"
	[ "$status" -eq 1 ]
	[[ $output = *"No space left"* ]]
}

# What is opened next would have its number, and get the messages.
@test "a standard descriptor that is missing stays missing" {
	exec_as_user "$LUNTAP" target --listen 127.0.0.1:0 ram:1M \
		<&- >"$DIR/closed.urls" 2>&- 3>&- &
	remember closed $!
	wait_for grep -q iscsi:// "$DIR/closed.urls"
	for fd in 0 2; do
		[ "$(readlink "/proc/$!/fd/$fd")" = /dev/null ]
	done
	end_process closed
	run bash -c '"$0" list "$1" >&-' "$LUNTAP" "$EMBEDDED"
	[ "$status" -eq 1 ]
	[[ $output = *"writing the output"* ]]
}

@test "target says what it leaves out of a file" {
	as_user truncate -s 1000 "$DIR/home/odd"
	exec_as_user "$LUNTAP" target --listen 127.0.0.1:0 "$DIR/home/odd" \
		>"$DIR/odd.urls" 2>"$DIR/odd.log" 3>&- &
	remember odd $!
	wait_for grep -q iscsi:// "$DIR/odd.urls"
	grep -q "home/odd: its last 488 bytes" "$DIR/odd.log"
	end_process odd
}

@test "bash completes commands, options and mount points, and runs none" {
	# shellcheck disable=SC2016
	run bash -c '
		luntap() {
			case $1 in
			status) printf "%s\n" "/mnt/\$(touch ran)" "  x" /srv/d ;;
			*) "$LUNTAP" "$@" ;;
			esac
		}
		compopt() { :; }
		cd "$2" && . "$1"
		try() { COMP_WORDS=(luntap "$@") COMP_CWORD=$#; _luntap; echo "${COMPREPLY[@]}"; }
		try re
		try list --js
		try unmount /
		try copy --sparse a
		try copy --digest sha5
		try copy --resume .
		ls' - "$BATS_TEST_DIRNAME/../../completion/luntap.bash" \
		"$(mktemp -d "$DIR/completion.XXXXXX")"
	# shellcheck disable=SC2016
	[ "$output" = 'readcapacity
--json
/mnt/$(touch ran) /srv/d
auto always
sha512' ]
}

@test "target fails where it was told to, and only there" {
	local reader
	start_target faulty ram:1M,inject=read-error=100+8 \
		ram:1M,inject=not-ready ram:1M
	reader=(as_user qemu-io -r -f raw)
	expect 0 luntap readcapacity --bytes "${URLS[0]}"
	expect 6 luntap readcapacity --bytes "${URLS[1]}"
	[[ $output = *"NOT READY"*"MANUAL INTERVENTION REQUIRED (2/04/03)"* ]]
	expect 0 "${reader[@]}" -c "read 0 50k" "${URLS[0]}"
	expect 0 "${reader[@]}" -c "read 54k 100k" "${URLS[0]}"
	expect 1 "${reader[@]}" -c "read 53k 4k" "${URLS[0]}"
	expect 0 "${reader[@]}" -c "read 0 1M" "${URLS[2]}"
	end_process faulty
	expect 2 luntap target --inject read-error=x ram:1M
	[[ $output = *'"read-error=x": read-error=LBA[+COUNT] is wanted'* ]]
	expect 2 luntap target ram:1M,inject=flood
	[[ $output = *'"flood": not one of read-error='* ]]
}
