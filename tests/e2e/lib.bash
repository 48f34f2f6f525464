# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What the end-to-end tests share.  LUNTAP names the program under test.
#
# Each file has one private folder, $DIR; every process started here is ended by
# its pid in clean_up, and clean_up fails when one left something behind.
# As root, luntap runs as the user nobody (as_user), as its users do.

: "${LUNTAP:?set LUNTAP to the luntap program to test}"
bats_require_minimum_version 1.5.0

IQN=iqn.2026-01.org.example:disk

make_dir() {
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/luntap-e2e.XXXXXX")
	chmod 755 "$DIR"
	mkdir -m 700 "$DIR/run" "$DIR/home"
	mkdir "$DIR/pids"
	if [ "$(id -u)" -eq 0 ]; then
		chown nobody "$DIR" "$DIR/run" "$DIR/home"
	fi
	export DIR XDG_RUNTIME_DIR=$DIR/run HOME=$DIR/home
	# The system's programs: what root has elsewhere, others cannot run.
	export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	export LUNTAP_INITIATOR_NAME=iqn.2026-01.org.example:tester
	unset "${!LIBISCSI_@}"
}

# Runs a command as an unprivileged user.
as_user() {
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups \
			--inh-caps=-all "$@"
	else
		"$@"
	fi
}

# The same in place of this shell: so that $! of a job is the command's own.
exec_as_user() {
	if [ "$(id -u)" -eq 0 ]; then
		exec setpriv --reuid=65534 --regid=65534 --clear-groups \
			--inh-caps=-all "$@"
	fi
	exec "$@"
}

luntap() {
	as_user "$LUNTAP" "$@"
}

# Polls COMMAND until it succeeds; about a minute at most.
wait_for() {
	for _ in $(seq 600); do
		if "$@" >/dev/null 2>&1; then
			return 0
		fi
		sleep 0.1
	done
	echo "timed out waiting for: $*" >&2
	return 1
}

gone() {
	! kill -0 "$1" 2>/dev/null || grep -q '^State:	Z' "/proc/$1/status"
}

# Remembers a process of ours under a name.
remember() { # NAME PID
	echo "$2" >"$DIR/pids/$1"
}

end_process() { # NAME [SIGNAL]
	local pid
	[ -f "$DIR/pids/$1" ] || return 0
	pid=$(cat "$DIR/pids/$1")
	rm -f "$DIR/pids/$1"
	kill "-${2:-TERM}" "$pid" 2>/dev/null || return 0
	if ! wait_for gone "$pid"; then
		kill -KILL "$pid"
		return 1
	fi
}

clean_up() {
	local f status=0 m
	# Without make_dir, as after a syntax error in the file of the tests, an
	# empty name would stand for every mount of the machine.
	if [[ ${DIR:-} != /*/luntap-e2e.?* ]]; then
		echo "clean_up: there is no folder of ours" >&2
		return 1
	fi
	while read -r m; do
		echo "still mounted: $m" >&2
		status=1
		as_user fusermount3 -u -z "$m" || umount -l "$m" || true
	done < <(awk -v d="$DIR/" 'index($2, d) == 1 { print $2 }' /proc/mounts)
	for f in "$DIR"/pids/*; do
		[ -f "$f" ] || continue
		end_process "${f##*/}" || status=1
	done
	rm -rf "$DIR"
	return $status
}

# The embedded target: sets URLS (one for each LUN) and PORTAL.
start_target() { # NAME OPTION... LUN...
	local name=$1 want=0 a
	shift
	exec_as_user "$LUNTAP" target --listen 127.0.0.1:0 --name "$IQN" "$@" \
		>"$DIR/$name.urls" 2>"$DIR/$name.log" 3>&- &
	remember "$name" $!
	for a in "$@"; do
		case $a in
		ram:* | "$DIR"/*.img*) want=$((want + 1)) ;;
		esac
	done
	wait_for target_ready "$name" "$want" || {
		cat "$DIR/$name.log" >&2
		return 1
	}
	mapfile -t URLS <"$DIR/$name.urls"
	PORTAL=${URLS[0]#iscsi://}
	PORTAL=${PORTAL#*@}
	PORTAL=${PORTAL%%/*}
}
target_ready() {
	[ "$(grep -c ^iscsi:// "$DIR/$1.urls")" -ge "$2" ]
}

free_port() {
	python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# Debian's tgtd with a private control socket on a free port: sets TGT_PORTAL.
start_tgtd() {
	for _ in 1 2 3 4 5; do
		if start_tgtd_on "$(free_port)"; then
			return 0
		fi
	done
	cat "$DIR/tgtd.log" >&2
	return 1
}
start_tgtd_on() { # PORT
	export TGT_IPC_SOCKET=$DIR/tgt.sock TGT_PORTAL=127.0.0.1:$1
	tgtd -f -C 1 --iscsi "portal=$TGT_PORTAL" >"$DIR/tgtd.log" 2>&1 3>&- &
	remember tgtd $!
	if wait_for tgtd_ready_or_gone && tgtd_ready; then
		return 0
	fi
	stop_tgtd
	return 1
}
tgtd_ready() {
	tgt --op show --mode target
}
tgtd_ready_or_gone() {
	tgtd_ready || gone "$(cat "$DIR/pids/tgtd")"
}
tgt() { # tgtadm ARGUMENT...
	tgtadm -C 1 --lld iscsi "$@"
}
tgt_target() { # TID NAME
	tgt --op new --mode target --tid "$1" -T "$2"
	tgt --op bind --mode target --tid "$1" -I ALL
}
tgt_lun() { # TID LUN FILE [BLOCK-SIZE]
	tgt --op new --mode logicalunit --tid "$1" --lun "$2" -b "$3" \
		--blocksize "${4:-512}"
}
# SIGKILL, since tgtd does not end while sessions live.
stop_tgtd() {
	[ -n "${TGT_IPC_SOCKET:-}" ] || return 0
	end_process tgtd KILL
	rm -f "$TGT_IPC_SOCKET".*
}

mounted() {
	awk -v m="$1" '$2 == m { found = 1 } END { exit !found }' /proc/mounts
}

not_mounted() {
	! mounted "$1"
}

# What a script sees: runs COMMAND and compares its exit code; $output is set.
expect() { # CODE COMMAND...
	local want=$1
	shift
	run "$@"
	if [ "$status" -ne "$want" ]; then
		echo "exit $status instead of $want: $*" >&2
		echo "$output" >&2
		return 1
	fi
}
