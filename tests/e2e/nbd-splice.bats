#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Large READs over NBD, whose payload goes from the target's socket through a
# pipe of the kernel's into the client's (io/kpipes.h): that they do, that they
# bring what memory would, and that nothing comes to harm when either end stops,
# breaks off, or there are no pipes to be had.  All of it as an ordinary user.

load lib

setup_file() {
	make_dir
	start_target embedded ram:64M ram:64M,block-size=4096
	export E512=${URLS[0]} E4096=${URLS[1]}
	truncate -s 64M "$DIR/tgt0" "$DIR/tgt1"
	start_tgtd
	tgt_target 1 "$IQN"
	tgt_lun 1 1 "$DIR/tgt0" 512
	tgt_lun 1 2 "$DIR/tgt1" 4096
	export T512=iscsi://$TGT_PORTAL/$IQN/1
	export T4096=iscsi://$TGT_PORTAL/$IQN/2
	as_user mkdir -m 700 "$DIR/keys"
	cp "$BATS_TEST_DIRNAME/make-certificates" \
		"$BATS_TEST_DIRNAME/nbd-splice.py" "$DIR"
	as_user bash "$DIR/make-certificates" "$DIR/keys"
	export KEYS=$DIR/keys
	as_user dd if=/dev/urandom of="$DIR/data" bs=1M count=64 status=none
}

teardown_file() {
	stop_tgtd
	clean_up
}

setup() {
	work=$(as_user mktemp -d "$DIR/work.XXXXXX")
	sock=$work/nbd.sock
	uri="nbd+unix:///?socket=$sock"
}

teardown() {
	end_process held KILL
	end_process mortal KILL
	[ ! -S "$sock" ] || luntap unmount "$sock"
	rm -rf "$work"
}

serve() { # URL OPTION...
	luntap nbd "$@" --socket "$sock" --pidfile "$work/pid" \
		--log-file "$work/log" >"$work/uris"
}
stop() {
	luntap unmount "$sock"
	[ ! -e "$sock" ]
}
each_lun() { # COMMAND
	local url
	for url in "$E512" "$E4096" "$T512" "$T4096"; do
		echo "on $url"
		serve "$url"
		as_user nbdcopy "$DIR/data" "$uri"
		"$1"
		stop
	done
}
status() { # FIELD
	luntap status --json |
		jq ".[] | select(.addresses | index(\"$sock\")) | .$1"
}
back() { # CLIENT'S URI
	as_user nbdcopy "$1" "$work/back"
	cmp "$DIR/data" "$work/back"
	as_user rm "$work/back"
}
nbd_splice() { # MODE SEED
	as_user timeout 300 /usr/bin/python3 "$DIR/nbd-splice.py" "$uri" \
		"$DIR/data" "$@"
}

spliced() {
	before=$(status read_bytes)
	back "$uri"
	status read_bytes
	status spliced_bytes
	[ $(($(status read_bytes) - before)) -eq 67108864 ]
	# Not those for which there was no pipe at that moment.
	[ "$(status spliced_bytes)" -ge 33554432 ]
	as_user qemu-img compare -f raw -F raw "$DIR/data" "$uri"
}
@test "what nbdcopy reads goes from socket to socket" {
	each_lun spliced
}

@test "small reads do not" {
	serve "$E512"
	as_user nbdcopy "$DIR/data" "$uri"
	(cd "$work" && as_user fio --name=small --ioengine=nbd --uri="$uri" \
		--rw=read --bs=32k --iodepth=32 --size=16M --output="$work/fio")
	[ "$(status read_bytes)" -ge 16777216 ]
	[ "$(status spliced_bytes)" -eq 0 ]
	stop
}

any() {
	for seed in 1 2; do
		nbd_splice read "$seed"
	done
	[ "$(status spliced_bytes)" -gt 0 ]
	[ "$(status spliced_bytes)" -lt "$(status read_bytes)" ]
}
@test "reads of every size at once bring what they must" {
	each_lun any
}

verify() {
	(cd "$work" && as_user fio --name=verify --ioengine=nbd --uri="$uri" \
		--rw=randrw --bsrange=64k-1M --blockalign=4k --size=64M \
		--io_size=192M --iodepth=16 --verify=crc32c --verify_fatal=1 \
		--do_verify=1 --verify_backlog=64 --verify_state_save=0 \
		--randrepeat=0 --output="$work/fio") || {
		cat "$work/fio"
		return 1
	}
	[ "$(status spliced_bytes)" -gt 0 ]
}
@test "fio verifies large requests while it writes others" {
	each_lun verify
}

@test "over TCP as well, but not with TLS" {
	port=$(free_port)
	serve "$E4096" --listen "127.0.0.1:$port" --tls=on \
		--tls-certificates "$KEYS/server"
	as_user nbdcopy "$DIR/data" "$uri"
	back "nbds+unix://localhost/?socket=$sock&tls-certificates=$KEYS/nobody"
	[ "$(status spliced_bytes)" -eq 0 ]
	back "nbd://127.0.0.1:$port"
	[ "$(status spliced_bytes)" -ge 33554432 ]
	stop
}

@test "without descriptors for pipes it goes by memory" {
	# One pipe for each sixteen of them, at the most.
	(ulimit -n 31 && serve "$E512")
	as_user nbdcopy "$DIR/data" "$uri"
	back "$uri"
	[ "$(status spliced_bytes)" -lt 33554432 ]
	stop
}

stalled() {
	as_user mkfifo "$work/go"
	as_user timeout 300 /usr/bin/python3 "$DIR/nbd-splice.py" "$uri" \
		"$DIR/data" stall 1 <>"$work/go" >"$work/stall" 3>&- &
	remember held $!
	wait_for grep -q asked "$work/stall"
	# Others are served all the same.
	back "$uri"
	nbd_splice read 7
	echo go >"$work/go"
	wait_for grep -q "all right" "$work/stall"
	end_process held
	as_user rm "$work/go"
}
@test "a client that stops reading holds up no other, and gets its own" {
	each_lun stalled
}

idle() {
	[ "$(status in_flight)" -eq 0 ]
}
killed() {
	# Never at the same place.
	for delay in 0.00 0.01 0.02 0.03 0.05 0.08 0.12; do
		exec_as_user nbdcopy "$uri" null: 3>&- &
		sleep "$delay"
		kill -KILL $! 2>/dev/null || true
		wait $! || true
	done
	back "$uri"
	nbd_splice read 5
	wait_for idle
	# Every pipe is empty again, and no more of them open than there may be.
	[ "$(find "/proc/$(cat "$work/pid")/fd" -lname 'pipe:*' | wc -l)" -le 132 ]
}
@test "clients killed in the middle leave nothing to the others" {
	each_lun killed
}

start_mortal() { # PORT
	exec_as_user "$LUNTAP" target --listen "127.0.0.1:$1" --name "$IQN" \
		"$DIR/mortal.img" >"$work/urls" 2>"$work/target.log" 3>&- &
	remember mortal $!
	wait_for grep -q ^iscsi:// "$work/urls"
}
@test "a target killed in the middle: an error, then the right bytes" {
	as_user cp "$DIR/data" "$DIR/mortal.img"
	port=$(free_port)
	start_mortal "$port"
	serve "$(head -n 1 "$work/urls")"
	for delay in 0.01 0.02 0.04 0.08; do
		# It may have ended well before.
		# shellcheck disable=SC2016
		exec_as_user sh -c 'nbdcopy "$1" "$2" || true' - "$uri" \
			"$work/half" 2>/dev/null 3>&- &
		copying=$!
		sleep "$delay"
		end_process mortal KILL
		start_mortal "$port"
		wait "$copying"
		# Until the session is there again.
		wait_for as_user nbdinfo --map "$uri"
		wait_for as_user qemu-io -r -f raw -c 'read 0 1M' "$uri"
		back "$uri"
	done
	[ "$(status spliced_bytes)" -gt 0 ]
	stop
	end_process mortal
}
