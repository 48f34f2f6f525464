#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# The main job: LUNs of a real target, mounted as raw image files by an ordinary
# user, on the embedded target and on tgtd, with 512 and 4096-byte blocks.

load lib

setup_file() {
	make_dir
	start_target embedded ram:64M ram:64M,block-size=4096 ram:8M,read-only \
		ram:64M,thin
	export E512=${URLS[0]} E4096=${URLS[1]} ERO=${URLS[2]} ETHIN=${URLS[3]}
	export EBASE=${E512%/*}
	truncate -s 64M "$DIR/tgt0" "$DIR/tgt1"
	start_tgtd
	tgt_disks
	export TBASE=iscsi://$TGT_PORTAL/$IQN
	export T512=$TBASE/1 T4096=$TBASE/2
}

tgt_disks() {
	tgt_target 1 "$IQN"
	tgt_lun 1 1 "$DIR/tgt0" 512
	tgt_lun 1 2 "$DIR/tgt1" 4096
}

teardown_file() {
	stop_tgtd
	clean_up
}

setup() {
	mnt=$(as_user mktemp -d "$DIR/mnt.XXXXXX")
}

teardown() {
	if mounted "$mnt"; then
		luntap unmount "$mnt" || as_user fusermount3 -u -z "$mnt"
	fi
}

# Mounts each writable LUN in turn at $mnt and runs COMMAND on its $file.
each_lun() { # COMMAND...
	for url in "$E512" "$E4096" "$T512" "$T4096"; do
		echo "on $url"
		luntap mount "$url" "$mnt"
		file=$mnt/lun-${url##*/}
		"$@"
		luntap unmount "$mnt"
		not_mounted "$mnt"
	done
}

@test "a target's LUNs appear as files with their exact sizes" {
	luntap mount "$EBASE" "$mnt"
	[ "$(as_user ls "$mnt" | tr '\n' ' ')" = "lun-0 lun-1 lun-2 lun-3 " ]
	[ "$(as_user stat -c '%s %a %b' "$mnt/lun-0")" = "67108864 600 131072" ]
	[ "$(as_user stat -c '%s %a' "$mnt/lun-2")" = "8388608 400" ]
	[ "$(as_user stat -c %u "$mnt/lun-0")" = "$(as_user id -u)" ]
	luntap unmount "$mnt"
	not_mounted "$mnt"
}

@test "a LUN that is not a disk is left out with a note" {
	run --separate-stderr luntap mount "$TBASE" "$mnt"
	[ "$status" -eq 0 ]
	[[ $stderr = *"LUN 0"*controller* ]]
	[ "$(as_user ls "$mnt" | tr '\n' ' ')" = "lun-1 lun-2 " ]
	luntap unmount "$mnt"
}

@test "a regular file as mount point becomes the LUN" {
	f=$DIR/point.img
	as_user touch "$f"
	luntap mount "$E512" "$f"
	[ "$(as_user stat -c %s "$f")" = 67108864 ]
	luntap unmount "$f"
	[ "$(as_user stat -c %s "$f")" = 0 ]
	expect 2 luntap mount "$EBASE" "$f"
}

round_trip() {
	as_user dd if=/dev/urandom of="$DIR/data" bs=1M count=16 status=none
	as_user dd if="$DIR/data" of="$file" bs=1M conv=notrunc,fsync status=none
	as_user cmp -n 16777216 "$DIR/data" "$file"
	# Odd offsets and lengths, over block and page edges.
	as_user dd if="$DIR/data" of="$file" bs=3001 count=700 seek=1234567 \
		oflag=seek_bytes conv=notrunc,fsync status=none
	as_user cmp -n $((3001 * 700)) "$DIR/data" "$file" 0 1234567
	as_user cmp -n 1234567 "$DIR/data" "$file"
	rest=$((1234567 + 3001 * 700))
	as_user cmp -n 1000000 "$DIR/data" "$file" $rest $rest
}
@test "what is written is read back, any offset and length" {
	each_lun round_trip
}

fio_verify() { # DIRECT BLOCK-SIZES [OPTION...]
	as_user fio --name=verify --filename="$file" --direct="$1" --rw=randrw \
		--bsrange="$2" --size=32M --io_size=24M --ioengine=psync \
		--verify=crc32c --verify_fatal=1 --do_verify=1 \
		--verify_backlog=64 --verify_state_save=0 --randrepeat=0 \
		--output="$DIR/fio.log" "${@:3}" || {
		cat "$DIR/fio.log"
		return 1
	}
}
@test "fio verifies random direct I/O" {
	each_lun fio_verify 1 4k-256k
}
@test "fio verifies random buffered I/O of odd sizes" {
	each_lun fio_verify 0 512-70000 --bs_unaligned
}

fio_many() {
	as_user fio --name=many --filename="$file" --direct=1 --rw=randwrite \
		--bs=4k --size=4M --offset_increment=4M --ioengine=psync \
		--numjobs=8 --thread --verify=crc32c --verify_fatal=1 \
		--do_verify=1 --output="$DIR/fio.log" || {
		cat "$DIR/fio.log"
		return 1
	}
}
@test "many direct writers at once, verified" {
	each_lun fio_many
}

@test "an ext4 file system lives in the image" {
	for url in "$E512" "$T4096"; do
		luntap mount "$url" "$mnt"
		file=$mnt/lun-${url##*/}
		as_user mke2fs -q -F -t ext4 "$file"
		as_user dd if=/dev/urandom of="$DIR/data" bs=1M count=3 status=none
		as_user debugfs -w -R "write $DIR/data data" "$file"
		luntap unmount "$mnt"
		luntap mount "$url" "$mnt"
		as_user e2fsck -f -n "$file"
		as_user debugfs -R "dump data $DIR/back" "$file"
		cmp "$DIR/data" "$DIR/back"
		luntap unmount "$mnt"
	done
}

@test "qemu-img sees the same content in the file and in the LUN" {
	luntap mount "$T512" "$mnt"
	as_user dd if=/dev/urandom of="$mnt/lun-1" bs=1M count=5 seek=7 \
		conv=notrunc,fsync status=none
	as_user qemu-img compare -f raw -F raw "$mnt/lun-1" "$T512"
	luntap unmount "$mnt"
}

@test "a read-only LUN refuses to be opened for writing" {
	luntap mount "$ERO" "$mnt"
	run as_user dd if=/dev/zero of="$mnt/lun-2" bs=4k count=1 conv=notrunc
	[ "$status" -ne 0 ]
	[[ $output = *"Read-only file system"* || $output = *"Permission denied"* ]]
	luntap unmount "$mnt"
	luntap mount --read-only "$E512" "$mnt"
	[ "$(as_user stat -c %a "$mnt/lun-0")" = 400 ]
	luntap unmount "$mnt"
}

@test "the end of the file: ENOSPC at it, a short write across it, no other size" {
	luntap mount "$E512" "$mnt"
	as_user python3 - "$mnt/lun-0" <<'PY'
import errno, os, sys
f = os.open(sys.argv[1], os.O_RDWR)
size = os.fstat(f).st_size
def fails(want, call, *args):
    try:
        call(*args)
    except OSError as e:
        assert e.errno == want, (e, want)
    else:
        raise AssertionError("no error")
fails(errno.ENOSPC, os.pwrite, f, b"x", size)
assert os.pwrite(f, b"y" * 1000, size - 100) == 100
assert os.pread(f, 4096, size - 100) == b"y" * 100
assert os.pread(f, 10, size) == b""
os.ftruncate(f, size)
fails(errno.EINVAL, os.ftruncate, f, size - 512)
fails(errno.EINVAL, os.ftruncate, f, size + 512)
os.close(os.open(sys.argv[1], os.O_RDWR | os.O_TRUNC))
assert os.fstat(f).st_size == size
assert os.pread(f, 100, size - 100) == b"y" * 100
PY
	luntap unmount "$mnt"
}

@test "punch hole and zero range leave zeros; holes are seen on a thin LUN" {
	for url in "$E512" "$E4096" "$ETHIN" "$T512"; do
		luntap mount "$url" "$mnt"
		file=$mnt/lun-${url##*/}
		as_user sh -c "yes | dd of=$file bs=1M count=8 iflag=fullblock \
			conv=notrunc,fsync status=none"
		as_user fallocate -p -o 1048576 -l 2097152 "$file"
		as_user fallocate -z -o 5000001 -l 12345 "$file"
		as_user python3 - "$file" <<'PY'
import os, sys
f = os.open(sys.argv[1], os.O_RDONLY)
want = bytearray(b"y\n" * (4 << 20))
want[1 << 20:3 << 20] = bytes(2 << 20)
want[5000001:5000001 + 12345] = bytes(12345)
assert os.pread(f, 8 << 20, 0) == bytes(want)
PY
		luntap unmount "$mnt"
	done
	luntap mount "$ETHIN" "$mnt"
	as_user python3 - "$mnt/lun-3" <<'PY'
import os, sys
f = os.open(sys.argv[1], os.O_RDONLY)
hole = os.lseek(f, 0, os.SEEK_HOLE)
assert hole == 1 << 20, hole
assert os.lseek(f, hole, os.SEEK_DATA) == 3 << 20
PY
	luntap unmount "$mnt"
}

mapping() {
	as_user python3 - "$file" <<'PY'
import mmap, os, sys
f = os.open(sys.argv[1], os.O_RDWR)
m = mmap.mmap(f, 1 << 20)
m[70000:70006] = b"mapped"
os._exit(0)
PY
	luntap unmount "$mnt"
	luntap mount "$url" "$mnt"
	[ "$(as_user dd if="$file" bs=1 skip=70000 count=6 status=none)" = mapped ]
}
@test "a shared mapping is written back by unmount" {
	each_lun mapping
}

@test "a target may have more LUNs than are shown at once" {
	local iqn=$IQN.many
	truncate -s 1M "$DIR/small"
	tgt_target 2 "$iqn"
	for i in $(seq 1030); do # and LUN 0, the controller
		tgt --op new --mode logicalunit --tid 2 --lun "$i" \
			-b "$DIR/small" --bstype null
	done
	[ "$(luntap list "iscsi://$TGT_PORTAL/$iqn" | grep -c disk)" = 1030 ]
	luntap mount "iscsi://$TGT_PORTAL/$iqn" "$mnt" 2>"$DIR/notes"
	grep '7 LUNs behind the first 1024: left out' "$DIR/notes"
	[ "$(as_user ls "$mnt" | wc -l)" = 1023 ]
	luntap unmount "$mnt"
	luntap mount "iscsi://$TGT_PORTAL/$iqn/1030" "$mnt"
	[ "$(as_user ls "$mnt")" = lun-1030 ]
	luntap unmount "$mnt"
	tgt --op delete --force --mode target --tid 2
}

@test "status shows the running mount, as text and as JSON" {
	luntap mount "$E512" "$mnt"
	expect 0 luntap status
	[[ $output = *"$mnt"* ]]
	luntap status --json | jq -e --arg m "$mnt" \
		'.[] | select(.mountpoint == $m)'
	luntap unmount "$mnt"
	[ "$(luntap status --json | jq length)" = 0 ]
}

# jq reads JSON that is none, too.
json_string() { # KEY; of the first object
	python3 -c 'import json, sys
print(json.loads(sys.stdin.buffer.read().decode())[0][sys.argv[1]])' "$1"
}

@test "the JSON is valid whatever the mount point is called" {
	local odd=$DIR/$'tap\xff\n"\xc3\xa9'
	as_user mkdir "$odd"
	luntap mount "$E512" "$odd"
	luntap status --json >"$DIR/status"
	# A terminal gets no characters that do things.
	luntap status >"$DIR/text"
	LC_ALL=C grep -q $'tap.?"\xc3\xa9$' "$DIR/text"
	luntap unmount "$odd"
	[ "$(json_string mountpoint <"$DIR/status")" = \
		"$DIR/"$'tap\\xff\n"\xc3\xa9' ]
	as_user rmdir "$odd"
}

@test "each way to end the mount is clean" {
	for how in "luntap unmount" "as_user fusermount3 -u" TERM INT; do
		luntap mount --pidfile "$DIR/home/pid" "$E512" "$mnt"
		pid=$(cat "$DIR/home/pid")
		as_user sh -c "echo $how >$DIR/home/how
			dd if=$DIR/home/how of=$mnt/lun-0 conv=notrunc status=none"
		case $how in
		TERM | INT) kill "-$how" "$pid" ;;
		*) $how "$mnt" ;;
		esac
		wait_for gone "$pid"
		not_mounted "$mnt"
		[ ! -e "$DIR/home/pid" ]
		luntap mount "$E512" "$mnt"
		[ "$(as_user head -n 1 "$mnt/lun-0")" = "$how" ]
		luntap unmount "$mnt"
	done
}

@test "the server keeps nothing open that its caller had open" {
	as_user sh -c "exec 9>$DIR/home/lock && flock 9 &&
		exec $LUNTAP mount $E512 $mnt"
	as_user flock -n "$DIR/home/lock" true
	luntap unmount "$mnt"
}

@test "a busy unmount fails and the mount goes on serving" {
	luntap mount "$E512" "$mnt"
	exec_as_user sh -c "exec 9<$mnt/lun-0
		echo >$DIR/home/open
		exec sleep 60" 3>&- &
	remember holder $!
	wait_for test -e "$DIR/home/open"
	expect 1 luntap unmount "$mnt"
	[[ $output = *busy* ]]
	as_user head -c 4096 "$mnt/lun-0" >/dev/null
	end_process holder
	wait_for luntap unmount "$mnt"
}

@test "a mount left stale by SIGKILL is repaired by unmount and by mount" {
	for repair in unmount mount; do
		luntap mount --pidfile "$DIR/home/pid" "$E512" "$mnt"
		pid=$(cat "$DIR/home/pid")
		kill -KILL "$pid"
		wait_for gone "$pid"
		run ! as_user ls "$mnt"
		if [ $repair = mount ]; then
			luntap mount "$E512" "$mnt"
			as_user head -c 4096 "$mnt/lun-0" >/dev/null
		fi
		luntap unmount "$mnt"
		not_mounted "$mnt"
		as_user ls "$mnt"
		rm -f "$DIR/home/pid"
	done
}

@test "a second signal ends a mount whose target does not answer" {
	start_target silent ram:8M
	silent=$(cat "$DIR/pids/silent")
	luntap mount --pidfile "$DIR/home/pid" --log-file "$DIR/home/log" \
		"${URLS[0]}" "$mnt"
	pid=$(cat "$DIR/home/pid")
	as_user dd if=/dev/zero of="$mnt/lun-0" bs=64k count=1 conv=notrunc \
		status=none
	kill -STOP "$silent"
	kill "$pid"
	wait_for status_says flushing
	kill "$pid"
	wait_for gone "$pid"
	not_mounted "$mnt"
	grep -q "may not be on the medium" "$DIR/home/log"
	kill -CONT "$silent"
	end_process silent
}
status_says() {
	luntap status --json | jq -e --arg s "$1" '.[] | select(.state == $s)'
}

@test "a process that waits for a target that does not answer can be killed" {
	start_target silent ram:8M
	silent=$(cat "$DIR/pids/silent")
	luntap mount "${URLS[0]}" "$mnt"
	kill -STOP "$silent"
	exec_as_user dd if="$mnt/lun-0" iflag=direct bs=64k count=1 \
		>/dev/null 2>&1 3>&- &
	remember waiter $!
	wait_for status_says login
	end_process waiter KILL
	kill -CONT "$silent"
	wait_for as_user dd if="$mnt/lun-0" of=/dev/null iflag=direct bs=64k \
		count=1
	luntap unmount "$mnt"
	end_process silent
}

@test "in the foreground it serves until it is told to end" {
	exec_as_user "$LUNTAP" mount -f "$E512" "$mnt" 3>&- &
	remember foreground $!
	wait_for mounted "$mnt"
	wait_for as_user head -c 512 "$mnt/lun-0"
	luntap unmount "$mnt"
	wait_for gone "$(cat "$DIR/pids/foreground")"
	rm "$DIR/pids/foreground"
}

@test "without fusermount3, in a user namespace of its own" {
	as_user mkdir "$DIR/home/ns"
	as_user unshare -Urm sh -ec "
		mount -t tmpfs none $DIR/home/ns
		mkdir $DIR/home/ns/m
		PATH=/nonexistent $LUNTAP mount $E512 $DIR/home/ns/m
		head -c 65536 $DIR/home/ns/m/lun-0 >/dev/null
		PATH=/nonexistent $LUNTAP unmount $DIR/home/ns/m
		! grep -q $DIR/home/ns/m /proc/mounts"
}

@test "after the target restarts, new I/O works again" {
	luntap mount "$T512" "$mnt"
	as_user sh -c "echo before |
		dd of=$mnt/lun-1 conv=notrunc,fsync status=none"
	stop_tgtd
	start_tgtd_on "${TGT_PORTAL##*:}"
	tgt_disks
	wait_for as_user dd if="$mnt/lun-1" of=/dev/null iflag=direct bs=4096 count=1
	as_user sh -c "echo after |
		dd of=$mnt/lun-1 seek=8 conv=notrunc,fsync status=none"
	[ "$(as_user head -n 1 "$mnt/lun-1")" = before ]
	luntap unmount "$mnt"
	[ "$(dd if="$DIR/tgt0" bs=512 skip=8 count=1 status=none | head -n 1)" = after ]
}

@test "writes that a restarted target may have lost fail the next fsync, once" {
	luntap mount --log-file "$DIR/home/cache.log" "$T512" "$mnt"
	as_user dd if=/dev/zero of="$mnt/lun-1" bs=4096 count=1 conv=notrunc \
		oflag=direct status=none
	stop_tgtd
	start_tgtd_on "${TGT_PORTAL##*:}"
	tgt_disks
	wait_for as_user dd if="$mnt/lun-1" of=/dev/null iflag=direct bs=4096 count=1
	expect 1 as_user sync "$mnt/lun-1"
	grep -q "acknowledged before may not have survived" "$DIR/home/cache.log"
	expect 0 as_user sync "$mnt/lun-1"
	luntap unmount "$mnt"
}

@test "a mount ends whose last user cannot die for a target that does not answer" {
	start_target silent ram:8M
	silent=$(cat "$DIR/pids/silent")
	luntap mount --pidfile "$DIR/home/pid" --log-file "$DIR/home/dead.log" \
		"${URLS[0]}" "$mnt"
	pid=$(cat "$DIR/home/pid")
	exec_as_user python3 -c "
import mmap, os, time
m = mmap.mmap(os.open('$mnt/lun-0', os.O_RDWR), 65536)
m[0:5] = b'dirty'
print('mapped', flush=True)
time.sleep(300)" >"$DIR/home/out" 3>&- &
	mapper=$!
	wait_for grep -q mapped "$DIR/home/out"
	kill -STOP "$silent"
	kill "$pid"
	wait_for grep -q "cannot unmount" "$DIR/home/dead.log"
	kill -KILL "$mapper"
	wait_for grep -q "session was lost" "$DIR/home/dead.log"
	kill "$pid"
	wait_for gone "$pid"
	wait_for gone "$mapper"
	not_mounted "$mnt"
	kill -CONT "$silent"
	end_process silent
}
