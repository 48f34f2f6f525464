#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# The FUSE front end alone, over devices in RAM (tests/front/fuse-serve): what
# users of the files see at the edges, when several look at one file, when the
# device does not answer, and at the end.

load lib

: "${FRONT:=$(dirname "$LUNTAP")/tests/front}"

setup() {
	make_dir
	mnt=$(as_user mktemp -d "$DIR/mnt.XXXXXX")
	cp "$BATS_TEST_DIRNAME/../front/corners.py" "$DIR"
	mkfifo -m 600 "$DIR/say"
	[ "$(id -u)" -ne 0 ] || chown nobody "$DIR/say"
}

teardown() {
	[ ! -f "$DIR/pids/serve" ] || echo pass >&8
	exec 8>&-
	clean_up
}

# Starts fuse-serve on $mnt; tell talks to it.
serve() { # ARGUMENT...
	exec_as_user "$FRONT/fuse-serve" "$@" "${at:-$mnt}" <"$DIR/say" \
		>"$DIR/said" 2>"$DIR/log" 3>&- &
	remember serve $!
	exec 8>"$DIR/say"
	wait_for grep -q . "$DIR/said" || {
		cat "$DIR/log"
		return 1
	}
	[ "$(cat "$DIR/said")" = ready ]
}
tell() { # WORD...
	local n
	n=$(wc -l <"$DIR/said")
	echo "$*" >&8
	wait_for more_said "$n"
	tail -n +$((n + 1)) "$DIR/said"
}
more_said() {
	[ "$(wc -l <"$DIR/said")" -gt "$1" ]
}
unmount() {
	end_process serve TERM
	not_mounted "${at:-$mnt}"
}

@test "the edges of a file that is a disk, 512-byte blocks" {
	serve 4M
	as_user /usr/bin/python3 "$DIR/corners.py" "$mnt/lun-0"
	unmount
}
@test "the edges of a file that is a disk, 4096-byte blocks" {
	serve -b 4096 4M
	as_user /usr/bin/python3 "$DIR/corners.py" "$mnt/lun-0"
	unmount
}
@test "the edges of a file that is a disk, mounted on a file" {
	as_user touch "$DIR/home/point"
	at=$DIR/home/point
	serve -1 4M
	as_user /usr/bin/python3 "$DIR/corners.py" "$at"
	unmount
}

@test "the folder: exact sizes, nothing else, nothing can be made or removed" {
	serve 1M 3M 512
	[ "$(as_user ls -a "$mnt" | tr '\n' ' ')" = ". .. lun-0 lun-1 lun-2 " ]
	[ "$(as_user stat -c '%s %b' "$mnt/lun-1")" = "3145728 6144" ]
	[ "$(as_user stat -c '%s %b' "$mnt/lun-2")" = "512 1" ]
	[ "$(as_user stat -f -c '%b %S' "$mnt")" = "$((4 * 2048 + 1)) 512" ]
	run ! as_user touch "$mnt/new"
	run ! as_user rm -f "$mnt/lun-0"
	run ! as_user mv "$mnt/lun-0" "$mnt/lun-9"
	run ! as_user mkdir "$mnt/new"
	as_user ls -R "$mnt"
	unmount
}

@test "a file system in an image" {
	serve 32M
	as_user mke2fs -q -F -t ext4 "$mnt/lun-0"
	as_user dd if=/dev/urandom of="$DIR/home/data" bs=1M count=3 status=none
	as_user debugfs -w -R "write $DIR/home/data data" "$mnt/lun-0"
	as_user debugfs -R "dump data $DIR/home/back" "$mnt/lun-0"
	cmp "$DIR/home/data" "$DIR/home/back"
	as_user e2fsck -fn "$mnt/lun-0"
	unmount
}

fio_verify() { # OPTION...
	as_user fio --name=verify --filename="$mnt/lun-0" --ioengine=psync \
		--verify=crc32c --verify_fatal=1 --do_verify=1 --size=32M \
		--verify_state_save=0 --output="$DIR/home/fio" "$@" || {
		cat "$DIR/home/fio"
		return 1
	}
}
@test "fio verifies direct, buffered and mapped I/O" {
	serve 64M
	fio_verify --direct=1 --rw=randwrite --bsrange=4k-1m
	fio_verify --direct=0 --rw=randwrite --bsrange=512-70000 --bs_unaligned
	fio_verify --direct=0 --rw=randwrite --bs=4k --ioengine=mmap
	fio_verify --direct=1 --rw=randrw --bs=4k --numjobs=8 --size=4M \
		--offset_increment=4M
	fio_verify --direct=1 --rw=randwrite --bs=4k --ioengine=libaio \
		--iodepth=64
	unmount
}

@test "direct, buffered and mapped users see each other's completed writes" {
	serve 1M
	as_user "$FRONT/coherence" "$mnt/lun-0" 5
	unmount
}
@test "each mix of direct and buffered users, one by one" {
	as_user /usr/bin/python3 - "$FRONT/fuse-serve" "$mnt" \
		<"$BATS_TEST_DIRNAME/../front/mixes.py"
	not_mounted "$mnt"
}

@test "a read-only device" {
	serve -r 1M
	[ "$(as_user stat -c %A "$mnt/lun-0")" = "-r--------" ]
	run as_user dd if=/dev/zero of="$mnt/lun-0" count=1 conv=notrunc
	[ "$status" -ne 0 ]
	[[ $output = *"Read-only file system"* ]]
	run as_user truncate -s 1M "$mnt/lun-0"
	[ "$status" -ne 0 ]
	as_user head -c 512 "$mnt/lun-0" | cmp -n 512 - /dev/zero
	unmount
}

@test "a device that changes its size" {
	serve 1M
	[ "$(as_user stat -c %s "$mnt/lun-0")" = 1048576 ]
	as_user cat "$mnt/lun-0" >/dev/null
	tell resize 524288
	wait_for size_is "$mnt/lun-0" 524288
	[ "$(as_user cat "$mnt/lun-0" | wc -c)" = 524288 ]
	tell resize 1048576
	wait_for size_is "$mnt/lun-0" 1048576
	[ "$(as_user cat "$mnt/lun-0" | wc -c)" = 1048576 ]
	unmount
}
size_is() {
	[ "$(as_user stat -c %s "$1")" = "$2" ]
}

start_reader() { # NAME COMMAND...
	local name=$1
	shift
	exec_as_user "$@" >/dev/null 2>&1 3>&- 8>&- &
	remember "$name" $!
}
in_flight() {
	[[ $(tell stats) = "in_flight $1 "* ]]
}

@test "who waits for a device that does not answer can be killed" {
	serve 1M 16M 1M 1M
	tell hold
	start_reader direct dd if="$mnt/lun-0" iflag=direct bs=1M count=1
	start_reader buffered dd if="$mnt/lun-1" bs=4k count=1 skip=2000
	start_reader writer dd if=/dev/zero of="$mnt/lun-2" oflag=direct \
		bs=64k count=1 conv=notrunc
	start_reader sync dd if=/dev/zero of="$mnt/lun-3" bs=64k count=1 \
		conv=notrunc,fsync
	wait_for in_flight_more_than 3
	end_process direct KILL
	end_process writer TERM
	end_process sync KILL
	end_process buffered KILL
	tell pass
	wait_for in_flight 0
	as_user cat "$mnt/lun-0" >/dev/null
	unmount
}

@test "a signal does not interrupt a request at a healthy device" {
	serve 1M
	tell stall
	start_reader reader dd if="$mnt/lun-0" iflag=direct bs=64k count=1
	wait_for in_flight 1
	pid=$(cat "$DIR/pids/reader")
	kill -INT "$pid"
	sleep 1
	kill -0 "$pid"
	tell hold # now it is not healthy: the signal counts
	wait_for gone "$pid"
	rm "$DIR/pids/reader"
	tell pass
	wait_for in_flight 0
	unmount
}

@test "more requests than there is room for wait, and all are served" {
	serve 64M
	tell stall
	for i in $(seq 40); do
		start_reader "r$i" fio --name=r --filename="$mnt/lun-0" \
			--direct=1 --rw=randwrite --bs=1M --size=64M --thread \
			--numjobs=20 --io_size=1M --ioengine=psync
	done
	wait_for in_flight_more_than 500
	tell pass
	for i in $(seq 40); do
		wait_for gone "$(cat "$DIR/pids/r$i")"
		rm "$DIR/pids/r$i"
	done
	wait_for in_flight 0
	unmount
}
in_flight_more_than() {
	local n
	read -r _ n _ < <(tell stats)
	[ "$n" -gt "$1" ]
}

# A target on the same host reads on from the pages of a write that has failed.
@test "the pages of a failed write are not used again" {
	serve 8M
	head -c 1M /dev/zero | tr '\0' A >"$DIR/home/old"
	head -c 1M /dev/zero | tr '\0' B >"$DIR/home/new"
	tell lose
	expect 1 as_user dd if="$DIR/home/old" of="$mnt/lun-0" bs=1M \
		oflag=direct conv=notrunc status=none
	tell pass
	for i in 0 1 2 3 4 5; do
		as_user dd if="$DIR/home/new" of="$mnt/lun-0" bs=1M seek=$i \
			oflag=direct conv=notrunc status=none
	done
	[ "$(tell lost A)" = 1048576 ]
	unmount
}

@test "a busy file keeps it mounted and served; lazy takes it away" {
	serve 1M
	exec_as_user sh -c "exec 9<$mnt/lun-0; echo >$DIR/home/open; exec sleep 60" \
		3>&- 8>&- &
	remember holder $!
	wait_for test -e "$DIR/home/open"
	tell unmount
	wait_for grep -q '^unmount failed: 16 ' "$DIR/said"
	as_user cat "$mnt/lun-0" >/dev/null
	tell lazy
	wait_for gone "$(cat "$DIR/pids/serve")"
	rm "$DIR/pids/serve"
	not_mounted "$mnt"
	end_process holder
}

@test "fusermount3 and umount end it" {
	serve 1M
	as_user fusermount3 -u "$mnt"
	wait_for gone "$(cat "$DIR/pids/serve")"
	if [ "$(id -u)" -eq 0 ]; then
		serve 1M
		umount "$mnt"
		wait_for gone "$(cat "$DIR/pids/serve")"
	fi
	rm "$DIR/pids/serve"
}

@test "an aborted connection leaves no dead mount" {
	[ "$(id -u)" -eq 0 ] || skip "only root may abort a connection"
	serve 1M
	minor=$(awk -v m="$mnt" '$5 == m { split($3, a, ":"); print a[2] }' \
		/proc/self/mountinfo)
	mountpoint -q /sys/fs/fuse/connections ||
		mount -t fusectl none /sys/fs/fuse/connections
	echo 1 >"/sys/fs/fuse/connections/$minor/abort"
	wait_for gone "$(cat "$DIR/pids/serve")"
	rm "$DIR/pids/serve"
	not_mounted "$mnt"
}

@test "wrong options are refused by name" {
	run as_user "$FRONT/fuse-serve" -o nonsense 1M "$mnt"
	[ "$status" -eq 2 ]
	[[ $output = *nonsense* ]]
}

@test "dirty pages of a mapping are written by the unmount" {
	as_user dd if=/dev/zero of="$DIR/home/disk" bs=1M count=1 status=none
	serve "$DIR/home/disk"
	as_user /usr/bin/python3 - "$mnt/lun-0" <<'PY'
import mmap, os, sys
m = mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 1 << 20)
m[70000:70006] = b"mapped"
os._exit(0)
PY
	unmount
	[ "$(dd if="$DIR/home/disk" bs=1 skip=70000 count=6 status=none)" = mapped ]
}
