#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Other people's initiators against the embedded target: libiscsi's tools and
# test suite, and QEMU.

load lib

setup_file() {
	make_dir
	start_target plain ram:128M ram:64M,block-size=4096
	export U512=${URLS[0]} U4096=${URLS[1]}
}

teardown_file() {
	clean_up
}

@test "iscsi-ls lists the LUNs" {
	expect 0 iscsi-ls -s "${U512%/*/*}"
	[[ $output = *"$IQN"* ]]
	[[ $output = *"Lun:1"*DIRECT_ACCESS* ]]
}

@test "iscsi-inq reads standard data and pages 00 80 83 b0 b1 b2" {
	expect 0 iscsi-inq "$U512"
	[[ $output = *LUNTAP* ]]
	for page in 0 128 131 176 177 178; do
		expect 0 iscsi-inq -e 1 -c "$page" "$U512"
	done
}

@test "iscsi-readcapacity16 agrees on the size" {
	expect 0 iscsi-readcapacity16 "$U4096"
	[[ $output = *4096* ]]
}

@test "iscsi-perf reads, sequentially and at random" {
	expect 0 timeout 120 iscsi-perf -t 2 -m 32 -b 8 "$U512"
	expect 0 timeout 120 iscsi-perf -t 2 -m 32 -b 8 -r "$U512"
}

@test "qemu-img writes, reads back and compares" {
	dd if=/dev/urandom of="$DIR/image" bs=1M count=64 status=none
	for url in "$U512" "$U4096"; do
		qemu-img convert -n -f raw -O raw "$DIR/image" "$url"
		run qemu-img compare -f raw -F raw "$DIR/image" "$url"
		[[ $output = *identical* || $output = *"size mismatch"* ]]
		qemu-img dd -f raw -O raw bs=1M count=64 "if=$url" "of=$DIR/back"
		cmp "$DIR/image" "$DIR/back"
	done
}
