#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# sense: what it says of bytes, and to which it says no.

load lib

setup_file() {
	make_dir
}

teardown_file() {
	clean_up
}

# The value of a Python expression over $output as JSON, called j.
json() { # EXPRESSION
	python3 -c "import json, sys; j = json.load(sys.stdin); print($1)" \
		<<<"$output"
}

@test "fixed format, however the bytes are written" {
	local want
	expect 0 luntap sense f0 00 03 00 00 12 34 0a 00 00 00 00 11 04 00 80 00 05
	want=$output
	[ "${lines[0]#summary: *MEDIUM}" = \
		" ERROR, UNRECOVERED READ ERROR - AUTO REALLOCATE FAILED (3/11/04), LBA 4660" ]
	[[ $output = *$'actual retry count:             5\n'* ]]
	expect 0 luntap sense f00003000012340a00000000110400800005
	[ "$output" = "$want" ]
	expect 0 luntap sense 0xF0,0x00,0x03 00:00:12:34:0a 0000000011040080 0005
	[ "$output" = "$want" ]
	run bash -c 'printf "f0 00 03 00 00 12 34 0a\n00 00 00 00 11 04 00 80 00 05\n" |
		"$LUNTAP" sense -'
	[ "$output" = "$want" ]
}

@test "descriptor format: every descriptor, known or not" {
	expect 0 luntap sense --json 7203110080000036 \
		0d1ea0008000074201000000000000050000000000000009 0000000000000000 \
		03020007 0a0602041b004000 05020020 8002aabb
	[ "$(json '[d["type"] for d in j["descriptors"]]')" = \
		"['0d', '03', '0a', '05', '80']" ]
	[ "$(json 'j["descriptors"][0]["information"]')" = 72057594037927941 ]
	[ "$(json 'j["descriptors"][0]["sense_key_specific"]')" = \
		"{'actual_retry_count': 7}" ]
	[ "$(json 'j["descriptors"][2]["progress_percent"]')" = 25 ]
	[ "$(json 'j["descriptors"][4]["data"]')" = aabb ]
	[ "$(json 'j["sense_data_overflow"] and j["cut_short"]')" = True ]
	expect 0 luntap sense --json 720524000000000c 020600 00cb000200 0a04
	[ "$(json 'j["descriptors"][0]["sense_key_specific"] ==
		{"field_in": "CDB", "byte": 2, "bit": 3}')" = True ]
	[ "$(json 'j["descriptor_cut_short"]')" = 0a04 ]
}

@test "vendors' codes and formats are said to be theirs" {
	expect 0 luntap sense 70 00 06 00 00 00 00 0a 00 00 00 00 29 85
	[[ $output = *"vendor specific additional sense code (6/29/85)"* ]]
	expect 0 luntap sense 7f 01 02
	[[ $output = *"vendor specific"*"0000  7f 01 02"* ]]
}

@test "sense agrees with sg_decode_sense" {
	for seed in 1 2; do
		expect 0 python3 "$BATS_TEST_DIRNAME/sg-compare.py" "$LUNTAP" \
			sense "$seed"
	done
}

@test "what is not sense data is refused by its byte" {
	expect 2 luntap sense
	expect 2 luntap sense 70 00 xz
	[[ $output = *'byte 2, "xz '* ]]
	expect 2 luntap sense 70 0
	[[ $output = *'byte 1, "0 "'* ]]
	expect 2 luntap sense ""
	[[ $output = *"no bytes"* ]]
	expect 1 luntap sense 12 00 05
	[[ $output = *"byte 0, 12: not a response code"* ]]
	expect 1 luntap sense 70 00
	[[ $output = *"2 bytes: the sense data end before"* ]]
	expect 2 luntap sense "$(printf '70%.0s' {1..1025})"
	[[ $output = *"more than 1024 bytes"* ]]
	# shellcheck disable=SC2016
	expect 2 bash -c 'head -c 100000 /dev/zero | "$LUNTAP" sense -'
	# shellcheck disable=SC2016
	expect 2 bash -c 'yes 70 | head -c 100000 | "$LUNTAP" sense -'
}
