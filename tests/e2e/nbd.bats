#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# The command luntap nbd: where it serves, how it begins and ends, what it tells.

load lib

setup_file() {
	make_dir
	start_target embedded ram:64M ram:16M,block-size=4096 ram:8M,read-only
	export PORTAL E0=${URLS[0]} E1=${URLS[1]} EBASE=${URLS[0]%/*}
}

teardown_file() {
	clean_up
}

setup() {
	sock=$DIR/home/s$BATS_TEST_NUMBER
	pidfile=$DIR/home/pid
}

teardown() {
	if [ -f "$pidfile" ]; then
		kill -KILL "$(cat "$pidfile")" || true
		rm -f "$pidfile"
	fi
}

# Serves at $sock in the background; sets pid.
serve() { # OPTION... URL
	luntap nbd --socket "$sock" --pidfile "$pidfile" "$@" \
		>"$DIR/home/uris" 3>&-
	pid=$(cat "$pidfile")
}

uri() { # [EXPORT]
	echo "nbd+unix:///${1:-}?socket=$sock"
}

info() { # ARGUMENT...
	as_user nbdinfo "$@"
}

# Nothing of a server is left.
nothing_left() {
	wait_for gone "$pid"
	[ ! -e "$sock" ]
	[ ! -e "$pidfile" ]
	[ "$(luntap status --json | jq length)" = 0 ]
}

@test "one LUN is the default export, and lun-N" {
	serve "$E1"
	[ "$(info --size "$(uri)")" = 16777216 ]
	[ "$(info --size "$(uri lun-1)")" = 16777216 ]
	expect 1 info "$(uri lun-0)"
	[ "$(info --list --json "$(uri)" |
		jq -r '[.exports[]."export-name"] | join(" ")')" = lun-1 ]
	luntap unmount "$sock"
	nothing_left
}

@test "a target's disks are exports, and none is the default" {
	serve "$EBASE"
	info --list --json "$(uri)" >"$DIR/home/list"
	[ "$(jq -r '[.exports[]."export-name"] | sort | join(" ")' \
		<"$DIR/home/list")" = "lun-0 lun-1 lun-2" ]
	[ "$(info --size "$(uri lun-0)")" = 67108864 ]
	[ "$(info --size "$(uri lun-1)")" = 16777216 ]
	info --is read-only "$(uri lun-2)"
	expect 1 info "$(uri)"
	expect 1 info "$(uri lun-7)"
	luntap unmount "$sock"
	nothing_left
}

@test "the socket is private, and served at once" {
	serve "$E0"
	[ "$(as_user stat -c %a "$sock")" = 600 ]
	[ "$(cat "$DIR/home/uris")" = "nbd+unix://?socket=$sock" ]
	as_user sh -c "cd $DIR/home && exec $LUNTAP unmount ${sock##*/}"
	nothing_left
}

@test "several places, also relative and with strange names" {
	as_user sh -c "cd $DIR/home && exec $LUNTAP nbd --socket 'a b%?#' \
		--listen 127.0.0.1:0 --listen '[::1]:0' --socket ${sock##*/} \
		--pidfile pid $E0" >"$DIR/home/uris" 3>&-
	pid=$(cat "$pidfile")
	[ "$(wc -l <"$DIR/home/uris")" = 4 ]
	while read -r uri; do
		[ "$(info --size "$uri")" = 67108864 ]
	done <"$DIR/home/uris"
	luntap status --json | jq -e '.[0].addresses | length == 4'
	# By the second of its addresses.
	address=$(luntap status --json | jq -r '.[0].addresses[1]')
	[[ $address = 127.0.0.1:* ]]
	luntap unmount "$address"
	nothing_left
	[ ! -e "$DIR/home/a b%?#" ]
}

@test "a socket in use is an error, a stale one replaced, a file kept" {
	serve "$E0"
	expect 1 luntap nbd --socket "$sock" "$E1"
	[ "$(info --size "$(uri)")" = 67108864 ]
	kill -KILL "$pid"
	wait_for gone "$pid"
	[ -S "$sock" ]
	rm "$pidfile"
	serve "$E1"
	[ "$(info --size "$(uri)")" = 16777216 ]
	luntap unmount "$sock"
	nothing_left
	as_user sh -c "echo precious >$sock"
	expect 1 luntap nbd --socket "$sock" "$E0"
	[ "$(cat "$sock")" = precious ]
	rm "$sock"
}

@test "usage errors" {
	expect 2 luntap nbd
	expect 2 luntap nbd "$E0"
	[[ $output = *--socket* ]]
	expect 2 luntap nbd --socket "$sock" "iscsi://$PORTAL"
	[[ $output = *discover* ]]
	expect 2 luntap nbd --socket '' "$E0"
	[[ $output = *"the path of a socket"* ]]
	expect 2 luntap nbd --socket "$sock" --socket "$DIR/./${sock#"$DIR"/}" "$E0"
	[[ $output = *"given twice"* ]]
	expect 2 luntap nbd --socket "$sock" --run true "$E0"
	expect 2 luntap nbd --socket "$DIR/$(printf '%0110d' 0)" "$E0"
	[[ $output = *"107 bytes"* ]]
	expect 2 luntap nbd --listen localhost "$E0"
	expect 2 luntap nbd --listen 127.0.0.1:99999 "$E0"
	expect 2 luntap nbd --socket "$sock" --tls maybe "$E0"
	expect 2 luntap nbd --socket "$sock" --tls require "$E0"
	expect 2 luntap nbd --socket "$sock" --tls-psk /dev/null "$E0"
	expect 2 luntap nbd --socket "$sock" --tls on --tls-psk /dev/null \
		--tls-certificates /tmp "$E0"
	expect 2 luntap nbd --socket "$sock" --tls on --tls-psk /dev/null \
		--tls-verify-peer "$E0"
	expect 2 luntap nbd --nonsense "$E0"
	[ ! -e "$sock" ]
}

@test "what fails before it serves has the exit code of its kind" {
	as_user mkdir "$DIR/home/none"
	export TMPDIR=$DIR/home/none
	expect 3 luntap nbd --socket "$sock" "iscsi://127.0.0.1:1/$IQN/0"
	expect 5 luntap nbd --socket "$sock" "$EBASE/9"
	expect 5 luntap nbd --socket "$sock" "iscsi://$PORTAL/$IQN.none/0"
	expect 3 luntap nbd --run true "iscsi://127.0.0.1:1/$IQN/0"
	expect 5 luntap nbd --run true "$EBASE/9"
	expect 1 luntap nbd --socket "$sock" --pidfile "$DIR/none/at/all" "$E0"
	[ ! -e "$sock" ]
	[ -z "$(ls "$TMPDIR")" ]
}

# shellcheck disable=SC2016 # $uri is for COMMAND
@test "--run: the status of COMMAND, its environment, and nothing left" {
	as_user mkdir -p "$DIR/home/tmp"
	export TMPDIR=$DIR/home/tmp
	expect 0 luntap nbd --run 'nbdinfo --size "$uri"' "$E1"
	[ "$output" = 16777216 ]
	expect 0 luntap nbd --run 'echo "$uri"; test -S "$unixsocket"' "$E0"
	[[ $output = "nbd+unix://?socket=$TMPDIR/luntap-"* ]]
	expect 0 luntap nbd --run 'nbdinfo --size "$uri"' "$EBASE"
	[ "$output" = 67108864 ]
	expect 7 luntap nbd --run 'exit 7' "$E0"
	expect 137 luntap nbd --run 'kill -KILL $$' "$E0"
	# No signal is blocked there, and none of ours is ignored.
	expect 0 luntap nbd --run \
		'grep -E "^Sig(Blk|Ign)" /proc/self/status' "$E0"
	[[ $output = *"SigBlk:	0000000000000000"* ]]
	# Bit 12 is SIGPIPE, 14 SIGTERM.
	mask=$((16#$(sed -n 's/SigIgn:\t//p' <<<"$output")))
	[ $((mask & 0x5000)) -eq 0 ]
	[ -z "$(ls "$TMPDIR")" ]
	[ "$(luntap status --json | jq length)" = 0 ]
}

@test "--run: what COMMAND has written is on the LUN" {
	as_user dd if=/dev/urandom of="$DIR/home/data" bs=1M count=16 status=none
	expect 0 luntap nbd --run "nbdcopy $DIR/home/data \"\$uri\"" "$E1"
	expect 0 luntap nbd --read-only \
		--run "nbdcopy \"\$uri\" $DIR/home/back" "$E1"
	cmp "$DIR/home/data" "$DIR/home/back"
	expect 0 luntap nbd --run \
		"qemu-img compare -f raw -F raw \"\$uri\" $DIR/home/data" "$E1"
}

@test "--run: a signal ends COMMAND, and then us" {
	as_user rm -f "$DIR/home/trapped"
	exec_as_user "$LUNTAP" nbd --pidfile "$pidfile" --run \
		"trap 'echo >$DIR/home/trapped; kill %1; exit 9' TERM
		sleep 60 & echo >$DIR/home/ready; wait" "$E0" 3>&- &
	runner=$!
	wait_for test -e "$DIR/home/ready"
	kill "$(cat "$pidfile")"
	code=0
	wait $runner || code=$?
	[ $code -eq 9 ]
	[ -e "$DIR/home/trapped" ]
	[ "$(luntap status --json | jq length)" = 0 ]
}

@test "sockets of socket activation are served, and kept" {
	[ "$(info --size -- [ "$LUNTAP" nbd -f "$E0" ])" = 67108864 ]
	[ "$(info --json -- [ "$LUNTAP" nbd -f --listen 127.0.0.1:0 "$E1" ] |
		grep -c '"export-size": 16777216')" = 1 ]
	# Those of another process are not ours.
	LISTEN_PID=1 LISTEN_FDS=1 expect 2 luntap nbd "$E0"
	# COMMAND does not believe in them either.
	LISTEN_PID=1 LISTEN_FDS=1 LISTEN_FDNAMES=x expect 1 \
		luntap nbd --run 'env | grep ^LISTEN_' "$E0"
	as_user python3 - "$LUNTAP" "$E0" "$sock" <<'PY'
import os, socket, sys
luntap, url, path = sys.argv[1:]
s = socket.socket(socket.AF_UNIX)
s.bind(path)
s.listen()
def activate(fds, listening=True):
    pid = os.fork()
    if pid == 0:
        fd = s.fileno() if listening else os.open("/dev/null", os.O_RDONLY)
        os.dup2(fd, 3)
        os.environ["LISTEN_PID"] = str(os.getpid())
        os.environ["LISTEN_FDS"] = fds
        os.execv(luntap, [luntap, "nbd", url])
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
assert activate("1") == 0
assert activate("1", False) == 2
assert activate("x") == 2
assert activate("1000") == 2
PY
	[ "$(info --size "$(uri)")" = 67108864 ]
	luntap unmount "$sock"
	[ "$(luntap status --json | jq length)" = 0 ]
	[ -S "$sock" ]
}

@test "status shows the server, as text and as JSON" {
	serve "$EBASE"
	expect 0 luntap status
	[ "${lines[0]}" = "$sock" ]
	luntap status --json | jq -e --arg s "$sock" '.[] | select(
		.kind == "nbd" and .addresses == [$s] and .state == "up" and
		.exports == ["lun-0", "lun-1", "lun-2"] and .luns == 3 and
		.connections == 0)'
	as_user nbdcopy --connections=1 "$(uri lun-1)" null:
	luntap status --json | jq -e '.[].read_bytes == 16777216'
	luntap unmount "$sock"
	nothing_left
	expect 1 luntap unmount "$sock"
}

@test "--read-only" {
	serve --read-only "$E0"
	info --is read-only "$(uri)"
	expect 1 as_user nbdcopy "$DIR/embedded.urls" "$(uri)"
	luntap unmount "$sock"
	nothing_left
}

# Reads in flight, and those that come while the server goes down, are all
# answered; then the connection is closed.
@test "each way to end is clean, and answers what is in flight" {
	for how in TERM INT unmount; do
		serve --log-file "$DIR/home/log.$how" "$E0"
		as_user python3 - "$sock" "$how" "$pid" "$LUNTAP" <<'PY'
import os, signal, socket, struct, subprocess, sys
path, how, pid, luntap = sys.argv[1:]
s = socket.socket(socket.AF_UNIX)
s.connect(path)
f = s.makefile("rb")
def read(n):
    b = f.read(n)
    assert len(b) == n, len(b)
    return b
assert read(16) == b"NBDMAGICIHAVEOPT"
read(2)
s.sendall(struct.pack(">I", 3))
# NBD_OPT_EXPORT_NAME of the default export.
s.sendall(b"IHAVEOPT" + struct.pack(">II", 1, 0))
size, flags = struct.unpack(">QH", read(10))
assert size == 64 << 20
def ask(handle, length):
    s.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 0, handle, 0, length))
for i in range(64):
    ask(i, 1 << 20)
if how == "unmount":
    subprocess.Popen([luntap, "unmount", path])
else:
    os.kill(int(pid), getattr(signal, "SIG" + how))
done, refused = 0, 0
for i in range(64):
    magic, error, handle = struct.unpack(">IIQ", read(16))
    assert magic == 0x67446698
    if error == 0:
        read(1 << 20)
        done += 1
    else:
        assert error == 108, error
        refused += 1
print(done, "done", refused, "refused")
assert f.read(1) == b""
PY
		nothing_left
		run ! grep "not taken all answers" "$DIR/home/log.$how"
	done
}

@test "a client that does not read is left at the second signal" {
	serve --log-file "$DIR/home/log" "$E0"
	exec_as_user python3 - "$sock" "$DIR/home/stuck" 3>&- <<'PY' &
import socket, struct, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 1, 0))
for i in range(16):
    s.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 0, i, 0, 1 << 20))
open(sys.argv[2], "w").close()
time.sleep(300)
PY
	remember stuck $!
	wait_for test -e "$DIR/home/stuck"
	kill "$pid"
	wait_for status_says ending
	# Nobody else comes in any more.
	[ ! -e "$sock" ]
	kill "$pid"
	nothing_left
	grep -q "not taken all answers" "$DIR/home/log"
	end_process stuck
}
status_says() {
	luntap status --json | jq -e --arg s "$1" '.[] | select(.state == $s)'
}

@test "a target that does not answer at the end: the flush is told as failed" {
	start_target silent ram:8M
	silent=$(cat "$DIR/pids/silent")
	serve --log-file "$DIR/home/silent.log" "${URLS[0]}"
	as_user dd if=/dev/urandom of="$DIR/home/data" bs=64k count=1 status=none
	as_user nbdcopy "$DIR/home/data" "$(uri)"
	kill -STOP "$silent"
	kill "$pid"
	wait_for status_says flushing
	kill "$pid"
	nothing_left
	grep -q "may not be on the medium" "$DIR/home/silent.log"
	kill -CONT "$silent"
	end_process silent
}

@test "in the foreground it serves until it is told to end" {
	exec_as_user "$LUNTAP" nbd -f --listen 127.0.0.1:0 "$E0" \
		>"$DIR/home/uris" 3>&- &
	remember foreground $!
	wait_for test -s "$DIR/home/uris"
	uri=$(cat "$DIR/home/uris")
	[[ $uri = nbd://127.0.0.1:* ]]
	[ "$(info --size "$uri")" = 67108864 ]
	luntap unmount "${uri#nbd://}"
	wait_for gone "$(cat "$DIR/pids/foreground")"
	rm "$DIR/pids/foreground"
}

@test "a server that was killed leaves nothing that stands in the way" {
	serve "$E0"
	kill -KILL "$pid"
	wait_for gone "$pid"
	[ "$(luntap status --json | jq length)" = 0 ]
	expect 1 luntap unmount "$sock"
	rm "$pidfile"
	serve "$E0"
	[ "$(info --size "$(uri)")" = 67108864 ]
	luntap unmount "$sock"
	nothing_left
}

@test "on tgtd: what is no disk is left out; a restart of the target is survived" {
	truncate -s 16M "$DIR/tgt1"
	start_tgtd
	tgt_disk
	run --separate-stderr luntap nbd --socket "$sock" --pidfile "$pidfile" \
		"iscsi://$TGT_PORTAL/$IQN"
	[ "$status" -eq 0 ]
	[[ $stderr = *"LUN 0"*controller* ]]
	[ "$output" = "nbd+unix:///lun-1?socket=$sock" ]
	pid=$(cat "$pidfile")
	as_user dd if=/dev/urandom of="$DIR/home/data" bs=1M count=16 status=none
	# --flush: nothing is lost then that fails a later flush.
	as_user nbdcopy --flush "$DIR/home/data" "$(uri lun-1)"
	stop_tgtd
	exec_as_user nbdcopy "$(uri lun-1)" "$DIR/home/back" 3>&- &
	remember copy $!
	wait_for requests_wait
	start_tgtd_on "${TGT_PORTAL##*:}"
	tgt_disk
	wait_for gone "$(cat "$DIR/pids/copy")"
	rm "$DIR/pids/copy"
	cmp "$DIR/home/data" "$DIR/home/back"
	luntap unmount "$sock"
	nothing_left
	stop_tgtd
}
requests_wait() {
	luntap status --json | jq -e '.[].in_flight > 0'
}
tgt_disk() {
	tgt_target 1 "$IQN"
	tgt_lun 1 1 "$DIR/tgt1" 512
}

@test "secrets show nowhere" {
	as_user sh -c "umask 077; echo alice secret-words-of-alice \
		>$DIR/home/chap"
	exec_as_user "$LUNTAP" target --listen 127.0.0.1:0 --name "$IQN" \
		--chap-secret-file "$DIR/home/chap" ram:8M >"$DIR/home/url" 3>&- &
	remember safe $!
	wait_for test -s "$DIR/home/url"
	url=$(cat "$DIR/home/url")
	expect 4 luntap nbd --socket "$sock" "$url"
	serve -vv --log-file "$DIR/home/safe.log" \
		"iscsi://alice%secret-words-of-alice@${url#iscsi://}"
	[ "$(info --size "$(uri)")" = 8388608 ]
	for f in cmdline environ; do
		run ! as_user grep -q secret-words "/proc/$pid/$f"
	done
	run ! grep -q secret-words "$DIR/home/safe.log"
	luntap unmount "$sock"
	nothing_left
	end_process safe
}
