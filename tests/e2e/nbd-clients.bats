#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# NBD with the clients that people use, on the embedded target and on tgtd, with
# 512 and 4096-byte blocks: libnbd's tools, qemu's, fio's; with TLS; and with
# clients that mean no good.  All of it as an ordinary user.

load lib

setup_file() {
	make_dir
	start_target embedded ram:64M ram:64M,block-size=4096 ram:64M,thin \
		ram:64M,thin,block-size=4096 ram:8M,read-only
	export E512=${URLS[0]} E4096=${URLS[1]} EBASE=${URLS[0]%/*}
	export ETHIN512=${URLS[2]} ETHIN4096=${URLS[3]} ERO=${URLS[4]}
	truncate -s 64M "$DIR/tgt0" "$DIR/tgt1" "$DIR/tgt2"
	start_tgtd
	tgt_target 1 "$IQN"
	tgt_lun 1 1 "$DIR/tgt0" 512
	tgt_lun 1 2 "$DIR/tgt1" 4096
	tgt_lun 1 3 "$DIR/tgt2" 512
	tgt --op update --mode logicalunit --tid 1 --lun 3 \
		--params thin_provisioning=1
	export T512=iscsi://$TGT_PORTAL/$IQN/1
	export T4096=iscsi://$TGT_PORTAL/$IQN/2
	export TTHIN=iscsi://$TGT_PORTAL/$IQN/3
	as_user mkdir -m 700 "$DIR/keys"
	cp "$BATS_TEST_DIRNAME/make-certificates" \
		"$BATS_TEST_DIRNAME"/nbd-*.py "$DIR"
	as_user bash "$DIR/make-certificates" "$DIR/keys"
	export KEYS=$DIR/keys
	as_user dd if=/dev/urandom of="$DIR/data" bs=1M count=64 status=none
	# It takes half a minute, in which the tests run; the last one looks.
	luntap nbd "$E4096" --socket "$DIR/slow.sock" --tls=on \
		--tls-certificates "$KEYS/server" >/dev/null 2>&1
	exec_as_user /usr/bin/python3 "$DIR/nbd-hostile.py" "$DIR/slow.sock" \
		goodbye 1 "$KEYS/nobody/ca-cert.pem" 3>&- &
	remember goodbye $!
}

teardown_file() {
	luntap unmount "$DIR/slow.sock"
	stop_tgtd
	clean_up
}

setup() {
	work=$(as_user mktemp -d "$DIR/work.XXXXXX")
	sock=$work/nbd.sock
	uri="nbd+unix:///?socket=$sock"
}

teardown() {
	[ ! -S "$sock" ] || luntap unmount "$sock"
	rm -rf "$work"
}

# Serves a LUN at $sock, with a log; is back when it can be used.
serve() { # URL OPTION...
	luntap nbd "$@" --socket "$sock" --pidfile "$work/pid" -v \
		--log-file "$work/log" >"$work/uris"
}
stop() {
	luntap unmount "$sock"
	[ ! -e "$sock" ]
}
each_of() { # COMMAND URL...
	local url
	for url in "${@:2}"; do
		echo "on $url"
		case $url in
		"$E4096" | "$ETHIN4096" | "$T4096") block=4096 ;;
		*) block=512 ;;
		esac
		serve "$url"
		"$1"
		stop
	done
}
each_lun() { # COMMAND
	each_of "$1" "$E512" "$E4096" "$T512" "$T4096"
}
json() { # PYTHON-EXPRESSION over j, the JSON on the standard input
	/usr/bin/python3 -c 'import json, sys
j = json.load(sys.stdin)
print(eval("(" + sys.argv[1] + ")"))' "$1"
}
logged() { # TEXT
	grep -F -- "$1" "$work/log" || {
		cat "$work/log"
		return 1
	}
}

# ---- libnbd ----

info() {
	as_user nbdinfo --json "$uri" >"$work/info"
	cat "$work/info"
	[ "$(json '(lambda e: e["export-size"] == 64 << 20 and
		not e["is_read_only"] and e["can_flush"] and e["can_fua"] and
		e["can_multi_conn"] and e["can_zero"] and e["can_df"] and
		e["can_cache"] and e["contexts"] == ["base:allocation"] and
		e["block_size_minimum"] == 1 and
		e["block_size_preferred"] >= 4096 and
		e["block_size_maximum"] == 32 << 20)(j["exports"][0])' \
		<"$work/info")" = True ]
	[ "$(json 'j["protocol"] == "newstyle-fixed" and j["structured"] and
		not j["TLS"]' <"$work/info")" = True ]
	# By its own name, too; and by no other.
	[ "$(as_user nbdinfo --size "nbd+unix:///lun-${url##*/}?socket=$sock")" \
		= 67108864 ]
	run as_user nbdinfo --size "nbd+unix:///lun-99?socket=$sock"
	[ "$status" -ne 0 ]
}
@test "nbdinfo shows what the LUN can do" {
	each_lun info
}

@test "each disk of a target is an export; the default one is unknown" {
	serve "$EBASE"
	as_user nbdinfo --list --json "$uri" >"$work/list"
	[ "$(json '[e["export-name"] for e in j["exports"]]' <"$work/list")" = \
		"['lun-0', 'lun-1', 'lun-2', 'lun-3', 'lun-4']" ]
	[ "$(json '[e["is_read_only"] for e in j["exports"]]' <"$work/list")" = \
		"[False, False, False, False, True]" ]
	[ "$(json '[e["can_trim"] for e in j["exports"]]' <"$work/list")" = \
		"[False, False, True, True, False]" ]
	run as_user nbdinfo "$uri"
	[ "$status" -ne 0 ]
	# Two at once, by one server.
	as_user nbdcopy "$DIR/data" "nbd+unix:///lun-0?socket=$sock" &
	as_user nbdcopy "$DIR/data" "nbd+unix:///lun-2?socket=$sock"
	wait $!
	for n in 0 2; do
		as_user nbdcopy "nbd+unix:///lun-$n?socket=$sock" - |
			cmp - "$DIR/data"
	done
	stop
}

holes() {
	as_user qemu-io -f raw -c 'write -z -u 0 64M' "$uri"
	as_user nbdinfo --map --json "$uri" >"$work/map"
	[ "$(json '[(e["length"], e["type"]) for e in j]' <"$work/map")" = \
		"[(67108864, 3)]" ]
	as_user qemu-io -f raw -c 'write -P 1 1M 64k' -c 'write -P 2 5M 2M' \
		-c 'write -P 3 67104768 4096' "$uri"
	as_user nbdinfo --map --json "$uri" >"$work/map"
	cat "$work/map"
	[ "$(json '[(e["offset"], e["length"], e["type"]) for e in j]' \
		<"$work/map")" = "[(0, 1048576, 3), (1048576, 65536, 0),$(
		) (1114112, 4128768, 3), (5242880, 2097152, 0),$(
		) (7340032, 59764736, 3), (67104768, 4096, 0)]" ]
	as_user qemu-img map --output json -f raw "$uri" >"$work/map"
	[ "$(json '[(e["start"], e["length"]) for e in j if e["data"]]' \
		<"$work/map")" = \
		"[(1048576, 65536), (5242880, 2097152), (67104768, 4096)]" ]
	# Zeros make holes again, where they may.
	as_user qemu-io -f raw -c 'write -z -u 0 64M' "$uri"
	[ "$(as_user nbdinfo --map --totals "$uri" | awk '{ print $1, $3 }')" = \
		"67108864 3" ]
}
@test "the map of a thin LUN shows its holes, and zeros make new ones" {
	each_of holes "$ETHIN512" "$ETHIN4096" "$TTHIN"
}

both_ways() {
	as_user nbdcopy "$DIR/data" "$uri"
	as_user nbdcopy "$uri" "$work/back"
	cmp "$DIR/data" "$work/back"
	as_user rm "$work/back"
	# In another order, by four connections.
	as_user dd if=/dev/zero of="$work/other" bs=1M count=64 status=none
	as_user dd if="$DIR/data" of="$work/other" bs=1M seek=32 count=32 \
		conv=notrunc status=none
	as_user nbdcopy --connections=4 --requests=64 --threads=2 \
		"$work/other" "$uri"
	as_user nbdcopy --connections=4 --requests=64 --request-size=65536 \
		"$uri" "$work/back"
	cmp "$work/other" "$work/back"
	as_user rm "$work/other" "$work/back"
	logged "connected"
}
@test "nbdcopy, one and four connections: what goes in comes out" {
	each_lun both_ways
}
@test "nbdcopy to a thin LUN leaves holes where there are zeros" {
	serve "$ETHIN512"
	as_user truncate -s 64M "$work/sparse"
	as_user dd if="$DIR/data" of="$work/sparse" bs=1M seek=10 count=3 \
		conv=notrunc status=none
	as_user nbdcopy "$DIR/data" "$uri"
	as_user nbdcopy "$work/sparse" "$uri"
	as_user nbdcopy "$uri" - | cmp - "$work/sparse"
	[ "$(as_user nbdinfo --map --totals "$uri" |
		awk '$3 == 0 { print $1 }')" = 3145728 ]
	stop
}

odd() {
	as_user /usr/bin/python3 "$DIR/nbd-odd.py" "$uri" "$block"
}
@test "odd requests: any offset and length, over the end, many at once" {
	each_lun odd
	each_of odd "$ETHIN512" "$ETHIN4096" "$TTHIN"
}

@test "a read-only LUN and --read-only refuse every change" {
	for lun in "$ERO" "$E512 --read-only"; do
		# shellcheck disable=SC2086
		serve $lun
		[ "$(as_user nbdinfo --json "$uri" |
			json 'j["exports"][0]["is_read_only"]')" = True ]
		as_user /usr/bin/python3 - "$uri" <<-'PY'
			import errno, nbd, sys
			h = nbd.NBD()
			h.set_strict_mode(0)
			h.connect_uri(sys.argv[1])
			before = h.pread(4096, 0)
			for call in ((h.pwrite, b"x" * 512, 0), (h.zero, 512, 0),
			             (h.trim, 512, 0)):
			    try:
			        call[0](*call[1:])
			    except nbd.Error as e:
			        assert e.errnum == errno.EPERM, e.errnum
			    else:
			        raise AssertionError(call)
			assert h.pread(4096, 0) == before
		PY
		stop
	done
}

# ---- qemu ----

qemu() {
	as_user qemu-img convert -n -f raw -O raw -W -m 8 "$DIR/data" "$uri"
	as_user qemu-img compare -f raw -F raw "$DIR/data" "$uri"
	as_user qemu-img convert -f raw -O qcow2 "$uri" "$work/copy.qcow2"
	as_user qemu-img compare -f qcow2 -F raw "$work/copy.qcow2" "$uri"
	as_user rm "$work/copy.qcow2"
	# One byte makes the difference.
	as_user qemu-io -f raw -c 'write -P 0x00 12345678 1' \
		-c 'write -P 0xff 12345679 1' "$uri"
	run as_user qemu-img compare -f raw -F raw "$DIR/data" "$uri"
	[ "$status" -eq 1 ]
}
@test "qemu-img converts, compares" {
	each_lun qemu
}

qemu_io() { # -n fails when a pattern is not what is expected
	as_user qemu-io -f raw -t none \
		-c 'write -P 0x5a 0 4M' -c 'read -P 0x5a 0 4M' \
		-c 'write -z 1M 1M' -c 'read -P 0 1M 1M' \
		-c 'write -z -u 2M 512k' -c 'read -P 0 2M 512k' \
		-c 'write -z -f 3000000 12345' -c 'read -P 0 3000000 12345' \
		-c 'read -P 0x5a 0 1M' -c 'read -P 0x5a 2560k 43008' \
		-c 'read -P 0x5a 3012345 1000' \
		-c 'write -f -P 0x11 7777777 99999' \
		-c 'read -P 0x11 7777777 99999' \
		-c 'aio_write -P 0x22 8M 8M' -c 'aio_write -P 0x33 16M 8M' \
		-c 'aio_flush' -c 'read -P 0x22 8M 8M' -c 'read -P 0x33 16M 8M' \
		-c 'discard 8M 1M' -c 'read -P 0x22 9M 7M' \
		-c 'write -P 0x44 8M 1M' -c 'read -P 0x44 8M 1M' \
		-c flush "$uri" >"$work/io" 2>&1 || {
		cat "$work/io"
		return 1
	}
	run grep -E 'failed|rror' "$work/io"
	[ "$status" -eq 1 ]
}
@test "qemu-io: zeros, discards, FUA, odd sizes, reads back" {
	each_lun qemu_io
	each_of qemu_io "$ETHIN512" "$ETHIN4096" "$TTHIN"
}

# ---- fio ----

fio_verify() {
	(cd "$work" && as_user fio --name=verify --ioengine=nbd --uri="$uri" \
		--rw=randrw --bsrange="$block-256k" --size=64M --io_size=48M \
		--iodepth=32 --verify=crc32c --verify_fatal=1 --do_verify=1 \
		--verify_backlog=256 --verify_state_save=0 --randrepeat=0 \
		--output="$work/fio") || {
		cat "$work/fio"
		return 1
	}
}
@test "fio verifies at depth 32" {
	each_lun fio_verify
}
fio_jobs() {
	(cd "$work" && as_user fio --name=many --ioengine=nbd --uri="$uri" \
		--rw=randwrite --bs=4k --size=8M --offset_increment=8M \
		--numjobs=8 --thread --iodepth=32 --verify=crc32c \
		--verify_fatal=1 --do_verify=1 --verify_state_save=0 \
		--output="$work/fio") || {
		cat "$work/fio"
		return 1
	}
}
@test "fio verifies at depth 32 with eight connections" {
	each_lun fio_jobs
}

# ---- TLS ----

tls_uri() { # FOLDER-OF-THE-CLIENT
	echo "nbds+unix://localhost/?socket=$sock&tls-certificates=$KEYS/$1"
}
psk_uri() { # USER FILE
	echo "nbds+unix://$1@localhost/?socket=$sock&tls-psk-file=$2"
}
size() { # URI
	run as_user timeout 60 nbdinfo --size "$1"
	echo "$output"
	[ "$status" -eq 0 ] && [ "$output" = 67108864 ]
}
refused() { # URI
	run as_user timeout 60 nbdinfo --size "$1"
	echo "$output"
	[ "$status" -ne 0 ] && [ "$status" -ne 124 ]
}
@test "TLS with certificates: everything as without" {
	for url in "$E512" "$T4096"; do
		serve "$url" --tls=require --tls-certificates "$KEYS/server"
		size "$(tls_uri nobody)"
		[ "$(as_user nbdinfo --json "$(tls_uri nobody)" |
			json 'j["TLS"]')" = True ]
		as_user nbdcopy --connections=4 "$DIR/data" "$(tls_uri nobody)"
		as_user nbdcopy --connections=4 "$(tls_uri nobody)" "$work/back"
		cmp "$DIR/data" "$work/back"
		as_user rm "$work/back"
		as_user /usr/bin/python3 "$DIR/nbd-odd.py" "$(tls_uri nobody)" 512
		logged "TLS1.3"
		stop
	done
}
@test "--tls=require tells and serves nothing in the clear" {
	serve "$E512" --tls=require --tls-certificates "$KEYS/server"
	refused "$uri"
	refused "nbd+unix:///lun-0?socket=$sock"
	run as_user nbdinfo --list "$uri"
	[ "$status" -ne 0 ]
	run as_user qemu-img info "$uri"
	[ "$status" -ne 0 ]
	# The old way in has no way to refuse but to hang up.
	run as_user /usr/bin/python3 "$DIR/nbd-hostile.py" "$sock" drop
	[ "$status" -ne 0 ]
	size "$(tls_uri nobody)"
	stop
}
@test "--tls=on serves who wants it and who does not; off refuses" {
	serve "$E512" --tls=on --tls-certificates "$KEYS/server"
	size "$uri"
	size "$(tls_uri nobody)"
	stop
	serve "$E512"
	size "$uri"
	refused "$(tls_uri nobody)"
	stop
}
@test "clients are known by their certificates" {
	serve "$E512" --tls=require --tls-certificates "$KEYS/server" \
		--tls-verify-peer
	size "$(tls_uri client)"
	logged "client: CN=tester"
	refused "$(tls_uri nobody)"
	refused "$(tls_uri stranger)"
	size "$(tls_uri client)"
	stop
	serve "$E512" --tls=require --tls-certificates "$KEYS/revoked" \
		--tls-verify-peer
	refused "$(tls_uri client)"
	logged "revoked"
	stop
}
@test "clients are known by their pre-shared keys" {
	as_user sh -c "sed 's/^alice/mallory/' '$KEYS/keys.psk' >'$work/unknown'"
	as_user sh -c "sed 's/:../:00/' '$KEYS/keys.psk' >'$work/wrong'"
	serve "$E512" --tls=require --tls-psk "$KEYS/keys.psk"
	size "$(psk_uri alice "$KEYS/keys.psk")"
	logged "client: alice"
	size "$(psk_uri bob "$KEYS/keys.psk")"
	refused "$(psk_uri mallory "$work/unknown")"
	logged 'there is no user "mallory"'
	refused "$(psk_uri alice "$work/wrong")"
	refused "$uri"
	as_user nbdcopy "$DIR/data" "$(psk_uri alice "$KEYS/keys.psk")"
	as_user nbdcopy "$(psk_uri bob "$KEYS/keys.psk")" - | cmp - "$DIR/data"
	stop
	# The keys are nowhere to be seen.
	while IFS=: read -r _ key; do
		run grep -rqi "$key" "$work/log" "$work/uris"
		[ "$status" -eq 1 ]
	done <"$KEYS/keys.psk"
}
@test "TLS with qemu, over TCP" {
	port=$(free_port)
	serve "$E4096" --listen "127.0.0.1:$port" --tls=require \
		--tls-certificates "$KEYS/server" --tls-verify-peer
	image="driver=nbd,host=127.0.0.1,port=$port,tls-creds=tls"
	as_user qemu-img convert -n -f raw -W -m 8 \
		--object "tls-creds-x509,id=tls,dir=$KEYS/client,endpoint=client" \
		--target-image-opts "$DIR/data" "$image"
	as_user qemu-img compare \
		--object "tls-creds-x509,id=tls,dir=$KEYS/client,endpoint=client" \
		--image-opts "driver=raw,file.driver=file,file.filename=$DIR/data" \
		"$image"
	stop
}
@test "files of keys: relative paths, and what is wrong with them" {
	(cd "$KEYS" && serve "$E512" --tls=require --tls-certificates server)
	size "$(tls_uri nobody)"
	stop
	(cd "$KEYS" && serve "$E512" --tls=require --tls-psk keys.psk)
	size "$(psk_uri alice "$KEYS/keys.psk")"
	stop
	expect 2 serve "$E512" --tls=require --tls-certificates "$KEYS/client"
	[[ $output = *"$KEYS/client/server-cert.pem: No such file"* ]]
	expect 2 serve "$E512" --tls=require --tls-certificates "$KEYS/expired"
	[[ $output = *"expired/server-cert.pem has expired"* ]]
	as_user cp "$KEYS/keys.psk" "$work/open"
	as_user chmod 644 "$work/open"
	expect 2 serve "$E512" --tls=require --tls-psk "$work/open"
	[[ $output = *"holds keys, and others may use it"* ]]
	expect 2 serve "$E512" --tls=require
	expect 2 serve "$E512" --tls-psk "$KEYS/keys.psk"
}

# ---- clients that mean no good ----

# Somebody works all the time; COMMAND must not disturb him.
undisturbed() { # COMMAND...
	local status=0
	as_user timeout 300 nbdcopy "$DIR/data" "$uri" 3>&- &
	"$@" || status=$?
	wait $! || status=$?
	[ "$status" -eq 0 ]
	as_user nbdcopy "$uri" - | cmp - "$DIR/data"
	! gone "$(cat "$work/pid")"
}
hostile() { # WHAT [N]
	as_user timeout 300 /usr/bin/python3 "$DIR/nbd-hostile.py" "$sock" "$@"
}
socat_garbage() {
	for i in $(seq 20); do
		head -c $((i * 3000)) /dev/urandom |
			as_user timeout 60 socat -t 60 - "UNIX-CONNECT:$sock" \
				>/dev/null 2>&1 || [ $? -ne 124 ]
	done
}
@test "garbage ends its own connection at the most" {
	serve "$ETHIN512"
	undisturbed socat_garbage
	# What random requests do to a disk, they may do: nobody works here.
	hostile garbage
	size "$uri"
	stop
	serve "$ETHIN512" --tls=on --tls-certificates "$KEYS/server"
	undisturbed socat_garbage
	stop
}
@test "oversized options and requests end their own connection" {
	serve "$ETHIN4096"
	hostile oversized
	undisturbed hostile oversized_options
	stop
}
@test "what comes in the clear after STARTTLS ends the connection" {
	serve "$E512" --tls=on --tls-certificates "$KEYS/server"
	undisturbed hostile clear
	[ "$(grep -c 'in the clear behind NBD_OPT_STARTTLS' "$work/log")" = 3 ]
	[ "$(grep -c 'TLS handshake: ' "$work/log")" = 3 ]
	size "$(tls_uri nobody)"
	stop
}
@test "a client that closes its side is answered to the end" {
	serve "$E512"
	hostile half_close
	stop
}
@test "clients that break off in the middle of a message" {
	serve "$E512"
	hostile drop
	undisturbed hostile drop_early
	stop
	for i in $(seq 5); do
		serve "$T512"
		exec_as_user nbdcopy "$DIR/data" "$uri" 3>&- &
		wait_for grep -q "uses export" "$work/log"
		sleep "0.0$i"
		kill -KILL $!
		wait $! || [ $? -eq 137 ]
		size "$uri"
		stop
	done
}

resident() { # MiB
	echo $(($(awk '$1 == "VmRSS:" { print $2 }' \
		"/proc/$(cat "$work/pid")/status") / 1024))
}
never_read() { # CA-FILE?
	before=$(resident)
	as_user mkfifo "$work/hold"
	as_user /usr/bin/python3 "$DIR/nbd-hostile.py" "$sock" unread 8 "$@" \
		<"$work/hold" >"$work/said" 3>&- &
	remember unread $!
	exec 7>"$work/hold"
	wait_for grep -q full "$work/said"
	cat "$work/said"
	undisturbed true
	after=$(resident)
	echo "resident: $before MiB before, $after MiB after"
	# 256 MiB for all, and 32 for each of them whatever the others hold; what
	# they have asked for is far more.
	[ $((after - before)) -lt 800 ]
	exec 7>&-
	end_process unread
	rm "$work/hold"
	size "$uri"
}
@test "clients that never read: memory is bounded, others live on" {
	serve "$E512" --tls=on --tls-certificates "$KEYS/server"
	never_read
	never_read "$KEYS/nobody/ca-cert.pem"
	stop
}
@test "a client that goes and never reads is not waited for without end" {
	wait_for gone "$(cat "$DIR/pids/goodbye")"
}
