#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# What goes over the wire, as tshark's iSCSI dissector reads it: a whole session
# (discovery, login with CHAP, reads, writes, flush, logout) without one
# malformed packet.  It runs in a network namespace of its own, where an
# unprivileged user may capture.

load lib

setup_file() {
	make_dir
}

teardown_file() {
	clean_up
}

session() { # runs inside the namespace; $1: luntap, $2: folder, $3: digest
	cat <<'SH'
set -e
ip link set lo up
umask 077
echo 'alice secretsecret1 tgt othersecret22' >"$2/secret"
"$1" target --listen 127.0.0.1:3260 --name iqn.2026-01.org.example:disk \
	--header-digest crc32c,none --data-digest crc32c,none \
	--chap-secret-file "$2/secret" ram:64M >"$2/urls" 2>"$2/target.log" &
target=$!
i=0
until grep -q ^iscsi "$2/urls" || [ $i -ge 600 ]; do sleep 0.1; i=$((i + 1)); done
tshark -q -i lo -w "$2/capture" tcp port 3260 2>"$2/tshark.log" &
tshark=$!
until [ -s "$2/capture" ] || [ $i -ge 1200 ]; do sleep 0.1; i=$((i + 1)); done
query="?header_digest=$3&data_digest=$3"
url="iscsi://127.0.0.1/iqn.2026-01.org.example:disk"
"$1" discover --chap-secret-file "$2/secret" 127.0.0.1
"$1" list --chap-secret-file "$2/secret" "$url$query"
url="$url/0$query"
"$1" inquiry --all --chap-secret-file "$2/secret" "$url"
mkdir -p "$2/m"
"$1" mount --chap-secret-file "$2/secret" "$url" "$2/m"
dd if=/dev/urandom of="$2/m/lun-0" bs=1M count=4 conv=notrunc,fsync status=none
dd if=/dev/urandom of="$2/m/lun-0" bs=777 count=50 conv=notrunc,fsync status=none
dd if="$2/m/lun-0" of=/dev/null bs=1M iflag=direct status=none
fallocate -z -o 4096 -l 100000 "$2/m/lun-0"
"$1" unmount "$2/m"
sleep 1
kill -INT $tshark
wait $tshark || true
kill $target
wait $target
SH
}

malformed() { # CAPTURE
	tshark -r "$1" -Y '_ws.malformed || _ws.expert.severity == error' \
		2>/dev/null
}

whole_session() { # DIGEST
	as_user rm -rf "$DIR/home/w"
	as_user mkdir "$DIR/home/w"
	session >"$DIR/session.sh"
	as_user timeout 120 unshare -Urnmpf --kill-child --mount-proc sh "$DIR/session.sh" "$LUNTAP" "$DIR/home/w" "$1"
	chmod 755 "$DIR/home" "$DIR/home/w" 2>/dev/null || true
	capture=$DIR/home/w/capture
	# The capture holds what the test is about.
	for op in 0x01 0x03 0x04 0x05 0x06 0x21 0x23 0x25 0x26; do
		[ "$(tshark -r "$capture" -Y "iscsi.opcode == $op" 2>/dev/null |
			wc -l)" -gt 0 ] || {
			echo "no PDU with opcode $op"
			return 1
		}
	done
	run malformed "$capture"
	[ -z "$output" ]
}

@test "a whole session has no malformed packet" {
	whole_session none
}

@test "a whole session with both digests has no malformed packet" {
	whole_session crc32c
}
