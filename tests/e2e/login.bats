#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Who is let in and who is not, with the exit codes and the words that users
# get: CHAP one-way and mutual, digests, absent targets, dead portals; and that
# no secret shows anywhere.

load lib

setup_file() {
	make_dir
	as_user sh -c "umask 077
		echo 'alice secretsecret1' >$DIR/oneway
		echo 'alice secretsecret1 tgt othersecret22' >$DIR/mutual
		echo 'alice wrongsecret99' >$DIR/wrong
		echo 'alice secretsecret1 tgt wrongwrong333' >$DIR/wrong-mutual"
	start_target open ram:8M
	export OPEN=${URLS[0]}
	start_target chap --chap-secret-file "$DIR/mutual" ram:8M
	export CHAP=${URLS[0]#iscsi://}
	start_target acl --initiator iqn.2026-01.org.example:friend ram:8M
	export ACL=${URLS[0]}
	start_target crc --header-digest crc32c --data-digest crc32c ram:64M
	export CRC=${URLS[0]}
	truncate -s 64M "$DIR/tgt0"
	start_tgtd
	tgt_target 1 "$IQN"
	tgt_lun 1 1 "$DIR/tgt0"
	tgt --op new --mode account --user alice --password secretsecret1
	tgt --op bind --mode account --tid 1 --user alice
	tgt --op new --mode account --user tgt --password othersecret22
	tgt --op bind --mode account --tid 1 --user tgt --outgoing
	tgt_target 2 "$IQN-crc"
	tgt --op new --mode logicalunit --tid 2 --lun 1 -b "$DIR/tgt0"
	tgt --op update --mode target --tid 2 --name HeaderDigest --value CRC32C
	tgt --op update --mode target --tid 2 --name DataDigest --value CRC32C
}

teardown_file() {
	stop_tgtd
	clean_up
}

targets() { # the CHAP LUNs of both targets, as URLs without user
	printf '%s\n' "$CHAP" "$TGT_PORTAL/$IQN/1"
}

@test "CHAP one-way, from a file, the environment and the URL" {
	while read -r t; do
		t=${t#*@}
		luntap readcapacity --chap-secret-file "$DIR/oneway" "iscsi://$t"
		LIBISCSI_CHAP_USERNAME=alice LIBISCSI_CHAP_PASSWORD=secretsecret1 \
			luntap readcapacity "iscsi://$t"
		luntap readcapacity "iscsi://alice%secretsecret1@$t"
	done < <(targets)
}

@test "CHAP mutual, from a file, the environment and the URL" {
	while read -r t; do
		t=${t#*@}
		luntap readcapacity --chap-secret-file "$DIR/mutual" "iscsi://$t"
		LIBISCSI_CHAP_USERNAME=alice LIBISCSI_CHAP_PASSWORD=secretsecret1 \
			LIBISCSI_CHAP_TARGET_USERNAME=tgt \
			LIBISCSI_CHAP_TARGET_PASSWORD=othersecret22 \
			luntap readcapacity "iscsi://$t"
		luntap readcapacity \
			"iscsi://alice%secretsecret1@$t?target_user=tgt&target_password=othersecret22"
	done < <(targets)
}

@test "each CHAP algorithm, with the embedded target" {
	for alg in md5 sha1 sha-256 sha3-256; do
		luntap readcapacity --chap-secret-file "$DIR/mutual" \
			"iscsi://${CHAP#*@}?auth=$alg"
	done
}

@test "no secret, a wrong one, and a target with a wrong one: exit 4" {
	while read -r t; do
		t=${t#*@}
		expect 4 luntap readcapacity "iscsi://$t"
		[[ $output = *"${t%%/*}"*0x0201* ]]
		[[ $output = *"no user name"* ]]
		expect 4 luntap readcapacity --chap-secret-file "$DIR/wrong" "iscsi://$t"
		[[ $output = *authentication* && $output != *wrongsecret99* ]]
		expect 4 luntap readcapacity --chap-secret-file "$DIR/wrong-mutual" \
			"iscsi://$t"
		[[ $output != *wrongwrong333* && $output != *secretsecret1* ]]
	done < <(targets)
}

@test "a target that skips the CHAP that was asked for is refused" {
	expect 4 luntap readcapacity --chap-secret-file "$DIR/oneway" "$OPEN"
}

@test "an initiator that is not on the list: exit 4" {
	expect 4 luntap readcapacity "$ACL"
	[[ $output = *0x0202* ]]
	luntap readcapacity --initiator-name iqn.2026-01.org.example:friend "$ACL"
}

@test "a target and a LUN that are not there: exit 5" {
	expect 5 luntap readcapacity "${OPEN%/*/*}/iqn.2026-01.org.example:absent/0"
	[[ $output = *0x0203* ]]
	expect 5 luntap readcapacity "${OPEN%/*}/9"
	expect 5 luntap inquiry "iscsi://$TGT_PORTAL/iqn.2026-01.org.example:absent/1"
	mnt=$(as_user mktemp -d "$DIR/mnt.XXXXXX")
	expect 5 luntap mount "${OPEN%/*}/9" "$mnt"
}

@test "a portal that is not there: exit 3, named" {
	port=$(free_port)
	expect 3 luntap discover "127.0.0.1:$port"
	[[ $output = *"127.0.0.1:$port"*refused* ]]
	mnt=$(as_user mktemp -d "$DIR/mnt.XXXXXX")
	expect 3 luntap mount "iscsi://127.0.0.1:$port/$IQN" "$mnt"
	[[ $output = *"127.0.0.1:$port"*refused* ]]
	expect 3 luntap discover no-such-host.invalid
	[[ $output = *no-such-host.invalid* ]]
}

@test "a portal that never answers: exit 3 after the time-out" {
	socat -u TCP-LISTEN:0,bind=127.0.0.1,fork OPEN:/dev/null 2>"$DIR/socat" 3>&- &
	remember socat $!
	port=$(python3 - <<PY
import socket, sys, subprocess, time, re
for _ in range(600):
    out = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True).stdout
    m = re.search(r"127\.0\.0\.1:(\d+).*pid=$(cat "$DIR/pids/socat"),", out)
    if m:
        print(m.group(1)); break
    time.sleep(0.1)
PY
	)
	expect 3 luntap readcapacity --timeout 2 "iscsi://127.0.0.1:$port/$IQN/0"
	end_process socat
}

@test "usage errors: exit 2, and the known keys are listed" {
	expect 2 luntap readcapacity "$OPEN?colour=blue"
	[[ $output = *colour* && $output = *header_digest* ]]
	expect 2 luntap readcapacity iser://127.0.0.1/x/0
	[[ $output = *iser* ]]
	expect 2 luntap readcapacity "iscsi://127.0.0.1/not-an-iqn/0"
	expect 2 luntap frobnicate
	expect 2 luntap mount "$OPEN"
}

@test "a secrets file that others can read is refused" {
	as_user sh -c "cp $DIR/oneway $DIR/loose && chmod 644 $DIR/loose"
	expect 2 luntap readcapacity --chap-secret-file "$DIR/loose" "$OPEN"
	[[ $output = *"$DIR/loose"* ]]
}

@test "digests are negotiated with both targets, and data passes" {
	mnt=$(as_user mktemp -d "$DIR/mnt.XXXXXX")
	for url in "$CRC?header_digest=crc32c&data_digest=crc32c" \
		"$CRC?header_digest=none,crc32c&data_digest=crc32c,none" \
		"iscsi://$TGT_PORTAL/$IQN-crc/1?header_digest=crc32c&data_digest=crc32c"; do
		luntap mount "$url" "$mnt"
		file=$(as_user sh -c "echo $mnt/lun-*")
		as_user dd if=/dev/urandom of="$DIR/home/data" bs=1M count=8 status=none
		as_user dd if="$DIR/home/data" of="$file" bs=1M conv=notrunc,fsync status=none
		as_user cmp -n 8388608 "$DIR/home/data" "$file"
		luntap unmount "$mnt"
	done
	# A target that insists refuses one that does not offer.
	expect 4 luntap readcapacity "$CRC?header_digest=none" || expect 1 luntap \
		readcapacity "$CRC?header_digest=none"
}

@test "no secret shows in ps, the environment block or the log of a mount" {
	mnt=$(as_user mktemp -d "$DIR/mnt.XXXXXX")
	LIBISCSI_CHAP_TARGET_USERNAME=tgt LIBISCSI_CHAP_TARGET_PASSWORD=othersecret22 \
		luntap mount --pidfile "$DIR/home/pid" --log-file "$DIR/home/log" \
		"iscsi://alice%secretsecret1@${CHAP#*@}" "$mnt"
	pid=$(cat "$DIR/home/pid")
	for f in cmdline environ; do
		run ! grep -aE 'secretsecret1|othersecret22' "/proc/$pid/$f"
	done
	luntap unmount "$mnt"
	run ! grep -E 'secretsecret1|othersecret22' "$DIR/home/log"
}

# Readable by root and by whoever may trace the process, but in no core dump.
@test "secrets are only in memory that is left out of core dumps" {
	[ "$(id -u)" -eq 0 ] || skip "only root may look into the memory"
	# AddressSanitizer keeps copies of the command line of its own.
	! grep -q __asan_init "$LUNTAP" || return 0
	mnt=$(as_user mktemp -d "$DIR/mnt.XXXXXX")
	luntap mount --pidfile "$DIR/home/pid" \
		"iscsi://alice%secretsecret1@${CHAP#*@}" "$mnt"
	run python3 - "$(cat "$DIR/home/pid")" <<'PY'
import re, sys
pid, dumped, kept = sys.argv[1], 0, 0
memory = open(f"/proc/{pid}/mem", "rb", 0)
area = None
for line in open(f"/proc/{pid}/smaps"):
    found = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
    if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
        area = found and [int(x, 16) for x in found.groups()]
    if area and line.startswith("VmFlags:"):
        memory.seek(area[0])
        n = memory.read(area[1] - area[0]).count(b"secretsecret1")
        if " dd" in line:
            kept += n
        else:
            dumped += n
print(dumped, kept > 0)
PY
	luntap unmount "$mnt"
	[ "$output" = "0 True" ]
}
