#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# doctor: each step of its way fails once, and it says which, why, and what to
# try; and the way through a healthy target.

load lib

setup_file() {
	make_dir
	as_user sh -c "umask 077
		echo 'alice secretsecret1 tgt othersecret22' >$DIR/mutual
		echo 'alice secretsecret1' >$DIR/oneway
		echo 'alice wrongsecret99' >$DIR/wrong"
	start_target plain --header-digest none,crc32c \
		--data-digest none,crc32c --thin ram:8M ram:1M,inject=not-ready \
		ram:1M,inject=read-error=0 ram:1M,inject=read-error=2047 \
		ram:1M,read-only,block-size=4096
	export EMBEDDED=${URLS[0]%/*}
	start_target chap --chap-secret-file "$DIR/mutual" ram:8M
	export CHAP=${URLS[0]}
	start_target acl --initiator iqn.2026-01.org.example:friend ram:8M
	export ACL=${URLS[0]}
	truncate -s 8M "$DIR/tgt0"
	start_tgtd
	tgt_target 1 "$IQN"
	tgt_lun 1 1 "$DIR/tgt0"
	tgt_target 2 "$IQN-chap"
	tgt_lun 2 1 "$DIR/tgt0"
	tgt --op new --mode account --user alice --password secretsecret1
	tgt --op bind --mode account --tid 2 --user alice
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

# doctor ends with CODE at STAGE, as words and as JSON, whose error has WHY and
# whose advice has TRY.
ill() { # CODE STAGE WHY TRY ARGUMENT...
	local code=$1 stage=$2 why=$3 try=$4
	shift 4
	expect "$code" luntap doctor "$@"
	[ "$(grep -c ^FAIL <<<"$output")" -eq 1 ]
	grep "^FAIL  $stage  *.*$why" <<<"$output"
	grep "^try  *.*$try" <<<"$output"
	expect "$code" luntap doctor --json "$@"
	[ "$(json 'j["healthy"]')" = False ]
	[ "$(json 'j["failed"]')" = "$stage" ]
	[ "$(json 'j["stages"][-1]["stage"] == j["failed"] and
		j["stages"][-1]["detail"] == j["error"] and
		[s["ok"] for s in j["stages"]] ==
		[True] * (len(j["stages"]) - 1) + [False]')" = True ]
	json 'j["error"]' | grep "$why"
	json '"\n".join(j["try"])' | grep "$try"
}

@test "a healthy LUN: every step, and what is worth knowing" {
	for url in "$EMBEDDED/0" "$EMBEDDED" "$TGTD/1" "$TGTD"; do
		expect 0 luntap doctor "$url"
		[ "$(grep -c ^ok <<<"$output")" -eq 11 ]
		[ "$(grep -cv '^ok\|^note' <<<"$output")" -eq 0 ]
		grep '^ok    capacity  *16384 blocks of 512 bytes, 8388608 bytes' \
			<<<"$output"
		grep '^note  digests  *header none, data none' <<<"$output"
		grep '^note  limits  *MaxBurstLength [0-9]' <<<"$output"
		grep '^note  write protection  *off' <<<"$output"
		grep '^note  reservation  *none' <<<"$output"
		expect 0 luntap doctor --json "$url"
		[ "$(json 'j["healthy"] and "failed" not in j and j["try"] == [] and
			all(s["ok"] for s in j["stages"])')" = True ]
	done
	expect 0 luntap doctor --header-digest crc32c --data-digest crc32c \
		"$EMBEDDED/4"
	grep '^note  digests  *header CRC32C, data CRC32C' <<<"$output"
	grep '^note  write protection  *on' <<<"$output"
	grep '^note  provisioning  *thin' <<<"$output"
	for secrets in oneway mutual; do
		expect 0 luntap doctor --chap-secret-file "$DIR/$secrets" "$CHAP"
		grep '^ok    authentication  *with CHAP' <<<"$output"
	done
	[[ $output = *"both ways"* ]]
	[[ $output != *secretsecret1* && $output != *othersecret22* ]]
}

@test "a name that does not resolve" {
	ill 3 "name resolution" "nowhere.invalid: " "getent hosts nowhere.invalid" \
		"iscsi://nowhere.invalid/$IQN"
}

@test "a port that refuses" {
	ill 3 "TCP connection" "Connection refused" "start the target" \
		"iscsi://127.0.0.1:$(free_port)/$IQN"
}

@test "a port that is silent" {
	python3 -uc 'import socket, time
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen()
print(s.getsockname()[1])
time.sleep(600)' >"$DIR/silent" 3>&- &
	remember silent $!
	wait_for test -s "$DIR/silent"
	ill 3 login "no answer within 1 seconds" "no iSCSI" --timeout 1 \
		"iscsi://127.0.0.1:$(cat "$DIR/silent")/$IQN"
	end_process silent
}

@test "a target that is not there, and those that are" {
	ill 5 target "target not found" "this portal has $IQN$" "$EMBEDDED-other/0"
	ill 5 target "target not found" "this portal has $IQN$" "$TGTD-other/0"
}

@test "a wrong secret, none, and an initiator that is not let in" {
	for url in "$CHAP" "$TGTD-chap/1"; do
		ill 4 authentication "check the CHAP user name and secret" \
			"compare user name and secret" \
			--chap-secret-file "$DIR/wrong" "$url"
	done
	ill 4 authentication "no user name was given" "give a CHAP user name" \
		"$CHAP"
	ill 4 authentication "access list" "$LUNTAP_INITIATOR_NAME" "$ACL"
	[[ $output != *wrongsecret99* ]]
}

@test "a LUN that is not there, and one that is no disk" {
	ill 5 "LUN map" "$IQN has no LUN 9" "shows LUNs 0 1 2 3 4" "$EMBEDDED/9"
	ill 5 "LUN map" "$IQN has no LUN 9" "other initiators" "$TGTD/9"
	ill 6 LUN "LUN 0 is no disk: controller" "luntap list" "$TGTD/0"
}

@test "a medium that is not ready" {
	ill 6 readiness "NOT READY.*(2/04/03)" "attention" "$EMBEDDED/1"
}

@test "blocks that cannot be read" {
	ill 6 "first block" "UNRECOVERED READ ERROR (3/11/00), LBA 0" \
		"luntap copy --on-error=skip" "$EMBEDDED/2"
	ill 6 "last block" "UNRECOVERED READ ERROR (3/11/00), LBA 2047" \
		"the medium is damaged" "$EMBEDDED/3"
}

@test "what is no URL of a target" {
	expect 2 luntap doctor
	expect 2 luntap doctor "${EMBEDDED%/*}"
	[[ $output = *"names no target"* ]]
	expect 2 luntap doctor "http://x/y"
}
