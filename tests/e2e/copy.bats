#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# copy: from every kind of end to every other, on both targets and with both
# block sizes, and what happens when something is in the way.

load lib

SIZE=$((24 << 20))

setup_file() {
	make_dir
	truncate -s 24M "$DIR/tgt1" "$DIR/tgt2"
	start_target plain --thin ram:24M ram:24M,block-size=4096 ram:24M
	export PLAIN=${URLS[0]%/*}
	start_tgtd
	tgt_target 1 "$IQN"
	tgt_lun 1 1 "$DIR/tgt1"
	tgt_lun 1 2 "$DIR/tgt2" 4096
	export TGTD=iscsi://$TGT_PORTAL/$IQN
	make_image "$DIR/image" $SIZE 1
	make_image "$DIR/other" $SIZE 2
	head -c 5000001 "$DIR/image" >"$DIR/odd"
	chmod 644 "$DIR/odd"
}

teardown() {
	rm -f "${cut:-}"
}

teardown_file() {
	stop_tgtd
	clean_up
}

# Data, zeros that are written, and holes, in pieces of odd sizes.
make_image() { # FILE SIZE SEED
	python3 - "$@" <<'PY'
import os, random, sys
path, size, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
r = random.Random(seed)
with open(path, "wb") as f:
    f.truncate(size)
    at = 0
    while at < size:
        n = min(size - at, r.choice([4096, 65536, 300000, 1 << 20, 3 << 20]))
        kind = r.randrange(3)
        if kind < 2:
            f.seek(at)
            f.write(r.randbytes(n) if kind == 0 else bytes(n))
        at += n
PY
	chmod 644 "$1"
}

# Bytes that a file takes.
allocated() { # FILE
	echo $(($(stat -c %b "$1") * 512))
}

@test "file to LUN to file, and LUN to LUN, on both targets and block sizes" {
	local n=0
	for from in "$PLAIN/0" "$PLAIN/1" "$TGTD/1" "$TGTD/2"; do
		expect 0 luntap copy "$DIR/image" "$from"
		n=$((n + 1))
		expect 0 luntap copy "$from" "$DIR/home/back$n"
		cmp "$DIR/image" "$DIR/home/back$n"
		for to in "$PLAIN/0" "$PLAIN/1" "$TGTD/1" "$TGTD/2"; do
			[ "$from" != "$to" ] || continue
			expect 0 luntap copy "$DIR/other" "$to"
			expect 0 luntap copy "$from" "$to"
			expect 0 luntap copy --force "$to" "$DIR/home/back$n"
			cmp "$DIR/image" "$DIR/home/back$n"
		done
		rm "$DIR/home/back$n"
	done
}

@test "sizes that are no multiple of a block" {
	for lun in "$PLAIN/0" "$PLAIN/1" "$TGTD/1" "$TGTD/2"; do
		expect 0 luntap copy "$DIR/other" "$lun"
		expect 0 luntap copy "$DIR/odd" "$lun"
		expect 0 luntap copy "$lun" "$DIR/home/all"
		cmp -n 5000001 "$DIR/odd" "$DIR/home/all"
		# What is behind it has stayed.
		cmp -i 5000001 "$DIR/other" "$DIR/home/all"
		expect 0 luntap copy --range 0:5000001 "$lun" "$DIR/home/odd"
		cmp "$DIR/odd" "$DIR/home/odd"
		rm "$DIR/home/all" "$DIR/home/odd"
	done
	expect 0 luntap copy "$DIR/odd" "$DIR/home/odd"
	cmp "$DIR/odd" "$DIR/home/odd"
	rm "$DIR/home/odd"
}

@test "through pipes, both ways" {
	for lun in "$PLAIN/1" "$TGTD/1"; do
		expect 0 luntap copy "$DIR/other" "$lun"
		luntap copy - "$lun" < <(cat "$DIR/image")
		luntap copy "$lun" - | cmp - "$DIR/image"
		# A file that the shell has opened.
		luntap copy - "$lun" <"$DIR/other"
		luntap copy "$lun" - >"$DIR/redirected"
		cmp "$DIR/other" "$DIR/redirected"
	done
	luntap copy - "$DIR/home/new" < <(head -c 5000001 "$DIR/image")
	cmp "$DIR/home/new" <(head -c 5000001 "$DIR/image")
	[ "$(stat -c %s "$DIR/home/new")" -eq 5000001 ]
	luntap copy "$DIR/other" - | luntap copy - - | cmp - "$DIR/redirected"
	luntap copy --range 1M:3M "$PLAIN/1" - |
		cmp - <(tail -c +1048577 "$DIR/other" | head -c 3145728)
	rm "$DIR/home/new"
}

@test "a pipe that is too long, too short, or closed early" {
	run luntap copy - "$PLAIN/0" < <(cat "$DIR/image" "$DIR/odd")
	[ "$status" -eq 1 ]
	[[ $output = *"longer than the destination"*"25165824 bytes"* ]]
	run luntap copy --range 0:20M - "$PLAIN/0" < <(head -c 1000 "$DIR/image")
	[ "$status" -eq 1 ]
	[[ $output = *"ended after 1000 bytes"* ]]
	{
		rc=0
		luntap copy "$PLAIN/0" - 2>"$DIR/closed" || rc=$?
		echo $rc >"$DIR/rc"
	} | head -c 100000 >/dev/null
	[ "$(cat "$DIR/rc")" -eq 1 ]
	[[ $(cat "$DIR/closed") = *"standard output"* ]]
}

@test "a target that cannot copy by itself: copied all the same, and said" {
	expect 0 luntap copy "$TGTD/1" "$TGTD/2"
	[[ $output = *"goes through this machine"*"EXTENDED COPY"* ]]
	expect 0 luntap copy --offload never "$TGTD/1" "$TGTD/2"
	[ -z "$output" ]
	expect 2 luntap copy --offload require "$DIR/image" "$PLAIN/0"
	expect 1 luntap copy --offload require "$TGTD/1" "$TGTD/2"
}

@test "a target that can: it moves the data between its LUNs" {
	expect 0 luntap copy "$DIR/image" "$PLAIN/0"
	expect 0 luntap copy "$DIR/other" "$PLAIN/2"
	expect 0 luntap copy --offload require "$PLAIN/0" "$PLAIN/2"
	[ -z "$output" ]
	luntap copy "$PLAIN/2" - | cmp - "$DIR/image"
	expect 0 luntap copy "$DIR/other" "$PLAIN/0"
	expect 0 luntap copy --offload require --verify "$PLAIN/0" "$PLAIN/2"
	luntap copy "$PLAIN/2" - | cmp - "$DIR/other"
	expect 0 luntap copy "$DIR/image" "$PLAIN/0"
	expect 0 luntap copy --offload never "$PLAIN/0" "$PLAIN/2"
	luntap copy "$PLAIN/2" - | cmp - "$DIR/image"
	# Not between blocks of different sizes, nor from target to target.
	expect 1 luntap copy --offload require "$PLAIN/0" "$PLAIN/1"
	[[ $output = *"blocks of different sizes"* ]]
	expect 0 luntap copy "$PLAIN/0" "$PLAIN/1"
	[[ $output = *"goes through this machine"*"different sizes"* ]]
	luntap copy "$PLAIN/1" - | cmp - "$DIR/image"
	expect 1 luntap copy --offload require "$TGTD/1" "$PLAIN/0"
	[[ $output = *"not at one portal of one target"* ]]
}

@test "sparse images: holes stay holes, and as large as they were" {
	expect 0 luntap copy "$DIR/image" "$PLAIN/0"
	expect 0 luntap copy "$PLAIN/0" "$DIR/home/auto"
	cmp "$DIR/image" "$DIR/home/auto"
	[ "$(allocated "$DIR/home/auto")" -le "$(allocated "$DIR/image")" ]
	expect 0 luntap copy --sparse never "$DIR/image" "$DIR/home/never"
	cmp "$DIR/image" "$DIR/home/never"
	[ "$(allocated "$DIR/home/never")" -ge $SIZE ]
	expect 0 luntap copy --sparse always "$DIR/home/never" "$DIR/home/auto"
	cmp "$DIR/image" "$DIR/home/auto"
	cp --sparse=always "$DIR/image" "$DIR/reference"
	# The file system may need a block more to tell where the holes are.
	[ "$(allocated "$DIR/home/auto")" -le \
		$(($(allocated "$DIR/reference") + 65536)) ]
	# Old data where the source has holes has to go.
	expect 0 luntap copy "$DIR/other" "$PLAIN/0"
	expect 0 luntap copy "$DIR/image" "$PLAIN/0"
	luntap copy "$PLAIN/0" - | cmp - "$DIR/image"
	rm "$DIR"/home/*
}

@test "a digest is that of the content, wherever it went" {
	local want
	for alg in sha256 sha512 sha3-256; do
		want=$(openssl dgst -"$alg" -r <"$DIR/image")
		expect 0 luntap copy --digest $alg "$DIR/image" "$PLAIN/1"
		[ "$output" = "${want%% *}  $DIR/image" ]
		expect 0 luntap copy --digest $alg "$PLAIN/1" "$DIR/home/out"
		[ "$output" = "${want%% *}  $PLAIN/1" ]
		rm "$DIR/home/out"
		luntap copy --digest $alg "$PLAIN/1" - 2>"$DIR/digest" | cmp - "$DIR/image"
		[ "$(cat "$DIR/digest")" = "${want%% *}  $PLAIN/1" ]
	done
}

@test "--verify reads back" {
	for lun in "$PLAIN/0" "$PLAIN/1" "$TGTD/1" "$TGTD/2"; do
		expect 0 luntap copy --verify "$DIR/image" "$lun"
		expect 0 luntap copy --verify --force "$lun" "$DIR/home/out"
		cmp "$DIR/image" "$DIR/home/out"
	done
	rm "$DIR/home/out"
}

@test "sparse LUNs: what is not allocated" {
	local holes
	# To a pipe goes everything: what is skipped is what the LUN calls a hole.
	holes() { # URL
		luntap copy --progress json "$1" - 2>"$DIR/said" >/dev/null
		tail -n 1 "$DIR/said" | jq .skipped
	}
	for sparse in auto always never; do
		expect 0 luntap copy --sparse never "$DIR/other" "$PLAIN/0"
		[ "$(holes "$PLAIN/0")" -eq 0 ]
		expect 0 luntap copy --sparse $sparse "$DIR/image" "$PLAIN/0"
		luntap copy "$PLAIN/0" - | cmp - "$DIR/image"
		holes=$(holes "$PLAIN/0")
		case $sparse in
		auto) [ "$holes" -ge $((SIZE - $(allocated "$DIR/image"))) ] ;;
		always) [ "$holes" -ge $((SIZE - $(allocated "$DIR/reference"))) ] ;;
		never) [ "$holes" -eq 0 ] ;;
		esac
	done
}

noted() { # some of a copy is in the journal
	[ -e "$DIR/home/journal" ] &&
		tr '\0' '\n' <"$DIR/home/journal" | grep -q '^done [1-9]'
}

# Kills a copy after so long, or when some of it has been noted; true: that is
# so.
copy_killed() { # MS|noted ARGUMENT...
	local ms=$1 pid
	shift
	(exec_as_user "$LUNTAP" copy --resume "$DIR/home/journal" "$@") \
		2>/dev/null 3>&- &
	pid=$!
	if [ "$ms" = noted ]; then
		until noted || gone $pid; do
			sleep 0.01
		done
	else
		sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
	fi
	kill -KILL $pid 2>/dev/null || true
	wait $pid 2>/dev/null || true
	noted
}

# Large enough for a journal, which is written every 256 MiB: near the end of
# these copies, so half of them are killed after it.
@test "an interrupted copy goes on, 50 times killed, from every end to every other" {
	local i from to new start ms went_on=0
	local large=$((320 << 20)) limit=(--rate-limit 640M --offload never)
	local -A takes holds
	make_image "$DIR/large0" $large 4
	make_image "$DIR/large1" $large 5
	truncate -s $large "$DIR/tgt3"
	tgt_lun 1 3 "$DIR/tgt3"
	start_target large --thin ram:320M ram:320M ram:320M
	expect 0 luntap copy "$DIR/large0" "${URLS[0]}"
	expect 0 luntap copy "$DIR/large1" "${URLS[1]}"
	for to in "${URLS[2]}" "$DIR/home/large" "$TGTD/3"; do
		start=$(date +%s%N)
		expect 0 luntap copy "${limit[@]}" --resume "$DIR/home/journal" \
			"${URLS[0]}" "$to"
		takes[$to]=$((($(date +%s%N) - start) / 1000000))
		holds[$to]=0
	done
	for i in $(seq 50); do
		limit=(--rate-limit 640M --offload never)
		case $((i % 6)) in
		0 | 2 | 3) to=${URLS[2]} ;;
		1) to=$DIR/home/large ;;
		*) to=$TGTD/3 ;;
		esac
		# What it does not hold so far.
		new=$((1 - holds[$to]))
		holds[$to]=$new
		case $((i % 6)) in
		0 | 4) from=$DIR/large$new ;;
		3) from=${URLS[$new]} limit=(--rate-limit 640M) ;;
		*) from=${URLS[$new]} ;;
		esac
		ms=${takes[$to]}
		if [ $((i / 3 % 2)) -eq 0 ]; then
			ms=$((RANDOM % ms))
		else
			ms=noted
		fi
		if copy_killed "$ms" "${limit[@]}" "$from" "$to"; then
			went_on=$((went_on + 1))
		fi
		expect 0 luntap copy --resume "$DIR/home/journal" "$from" "$to"
		[ ! -e "$DIR/home/journal" ]
		luntap copy "$to" - | cmp - "$DIR/large$new"
	done
	echo "# $went_on of 50 went on from a journal" >&3
	[ $went_on -ge 5 ]
	end_process large
	rm "$DIR/home/large" "$DIR"/large?
}

@test "a journal whose destination was emptied, and a base for a new one" {
	local journal=$DIR/home/journal
	(exec_as_user "$LUNTAP" copy --resume "$journal" --rate-limit 4M \
		--block-size 256K --manifest "$DIR/home/m" "$DIR/image" \
		"$DIR/home/out") 2>/dev/null 3>&- &
	remember copy $!
	wait_for test -s "$journal"
	sleep 1
	end_process copy INT
	cp "$journal" "$DIR/home/kept"
	truncate -s 1M "$DIR/home/out"
	expect 1 luntap copy --resume "$journal" "$DIR/image" "$DIR/home/out"
	expect 1 luntap copy --force --resume "$journal" "$DIR/image" "$DIR/home/out"
	[[ $output = *"another size"*"from the beginning"* ]]
	[ "$(stat -c %s "$DIR/home/out")" -eq 1048576 ]
	# Of another source: nothing is emptied for it.
	expect 2 luntap copy --force --resume "$journal" "$DIR/other" "$DIR/home/out"
	[ "$(stat -c %s "$DIR/home/out")" -eq 1048576 ]
	cmp "$journal" "$DIR/home/kept"
	rm "$journal" "$DIR/home/kept" "$DIR/home/out"

	expect 0 luntap copy --manifest "$DIR/home/m" "$DIR/image" "$DIR/home/out"
	rm "$DIR/home/out"
	expect 1 luntap copy --base "$DIR/home/m" "$DIR/image" "$DIR/home/out"
	[[ $output = *"--base: $DIR/home/out is new"* ]]
	[ ! -e "$DIR/home/out" ]
	expect 0 luntap copy "$DIR/odd" "$DIR/home/out"
	expect 1 luntap copy --force --base "$DIR/home/m" "$DIR/image" "$DIR/home/out"
	[[ $output = *"is to be given another size"* ]]
	cmp "$DIR/odd" "$DIR/home/out"
	expect 0 luntap copy --range 0:4M --manifest "$DIR/home/part" "$DIR/image" "$PLAIN/0"
	: >"$DIR/empty"
	chmod 666 "$DIR/empty"
	expect 1 luntap copy --range 0:4M --base "$DIR/home/part" "$DIR/image" "$DIR/empty"
	[ ! -s "$DIR/empty" ]
	rm "$DIR/empty" "$DIR/home/part"
	# --verify looks at what was not written, too.
	expect 0 luntap copy --force "$DIR/other" "$DIR/home/out"
	expect 6 luntap copy --verify --base "$DIR/home/m" "$DIR/image" "$DIR/home/out"
	[[ $output = *"what the base says"* ]]
	rm "$DIR/home/m" "$DIR/home/out"
}

@test "--assume-zero is believed by the first run alone" {
	local journal=$DIR/home/journal
	(exec_as_user "$LUNTAP" copy --assume-zero --resume "$journal" \
		--rate-limit 1M --block-size 64K "$DIR/image" "$PLAIN/0") \
		2>/dev/null 3>&- &
	wait_for test -s "$journal"
	kill -KILL $!
	wait $! || true
	expect 0 luntap copy "$DIR/other" "$PLAIN/0"
	expect 0 luntap copy --assume-zero --resume "$journal" "$DIR/image" \
		"$PLAIN/0"
	luntap copy "$PLAIN/0" - | cmp - "$DIR/image"
}

@test "a signal ends it in order, and the journal goes on from there" {
	local journal=$DIR/home/journal
	while read -r signal code; do
		(exec_as_user "$LUNTAP" copy --resume "$journal" \
			--rate-limit 4M --block-size 256K "$DIR/image" \
			"$PLAIN/0") 2>"$DIR/said" 3>&- &
		remember copy $!
		wait_for test -s "$journal"
		sleep 1
		kill "-$signal" "$(cat "$DIR/pids/copy")"
		rc=0
		wait "$(cat "$DIR/pids/copy")" || rc=$?
		rm "$DIR/pids/copy"
		[ "$rc" -eq "$code" ]
		[[ $(cat "$DIR/said") = *"goes on from there"* ]]
		tr '\0' '\n' <"$journal" | grep -q '^done [1-9]'
		expect 2 luntap copy --resume "$journal" "$DIR/other" "$PLAIN/0"
		[[ $output = *"another source"* ]]
		expect 2 luntap copy --resume "$journal" "$DIR/image" "$PLAIN/2"
		[[ $output = *"another destination"* ]]
		expect 0 luntap copy --range 0:4096 "$DIR/other" "$PLAIN/0"
		expect 6 luntap copy --verify --resume "$journal" "$DIR/image" \
			"$PLAIN/0"
		[[ $output != *"goes on from there"* ]]
		expect 0 luntap copy --range 0:4096 "$DIR/image" "$PLAIN/0"
		expect 0 luntap copy --resume "$journal" "$DIR/image" "$PLAIN/0"
		luntap copy "$PLAIN/0" - | cmp - "$DIR/image"
		expect 0 luntap copy "$DIR/other" "$PLAIN/0"
	done <<-SIGNALS
		INT 130
		TERM 143
		HUP 129
	SIGNALS
}

@test "incremental: only the chunks that changed are written, night after night" {
	local night
	for to in "$PLAIN/0" "$TGTD/2" "$DIR/home/night.img"; do
		cp "$DIR/image" "$DIR/source"
		expect 0 luntap copy --manifest "$DIR/home/m" "$DIR/source" "$to"
		for night in 1 2 3; do
			dd if=/dev/urandom of="$DIR/source" bs=4096 count=2 \
				seek=$((night * 900)) conv=notrunc status=none
			dd if=/dev/zero of="$DIR/source" bs=1M count=1 \
				seek=$((17 + night)) conv=notrunc status=none
			luntap copy --base "$DIR/home/m" --manifest "$DIR/home/m" \
				--progress json --verify "$DIR/source" "$to" \
				2>"$DIR/said"
			[ "$(tail -n 1 "$DIR/said" |
				jq '.length - .skipped')" -le 3145728 ]
			luntap copy "$to" - | cmp - "$DIR/source"
		done
	done
	expect 0 luntap copy --manifest "$DIR/home/m3" "$DIR/source" "$PLAIN/1"
	cmp "$DIR/home/m" "$DIR/home/m3"
	expect 2 luntap copy --base "$DIR/home/m" "$DIR/source" -
	expect 2 luntap copy --base "$DIR/home/m" "$DIR/odd" "$PLAIN/0"
	[[ $output = *"another size"* ]]
	rm "$DIR"/home/*
}

# A chunk that an interrupted night has written, and that is again what it was
# before that night.
@test "incremental: what an interrupted night has changed is not believed" {
	interrupted_night() { # OPTION...
		cp "$DIR/image" "$DIR/source"
		expect 0 luntap copy --manifest "$DIR/home/m" "$DIR/source" "$PLAIN/0"
		dd if=/dev/urandom of="$DIR/source" bs=1M seek=1 count=20 \
			conv=notrunc status=none
		(exec_as_user "$LUNTAP" copy --manifest "$DIR/home/m" \
			--rate-limit 4M --progress json "$@" "$DIR/source" \
			"$PLAIN/0") 2>"$DIR/said" 3>&- &
		remember copy $!
		wait_for grep -q '"done":[3-9]......,' "$DIR/said"
		end_process copy KILL
	}
	# An incremental one, and a whole one.
	for base in "--base=$DIR/home/m" --sparse=auto; do
		interrupted_night "$base"
		cp "$DIR/image" "$DIR/source"
		luntap copy "$PLAIN/0" - | cmp -s - "$DIR/image" && return 1
		expect 0 luntap copy --base "$DIR/home/m" \
			--manifest "$DIR/home/m2" "$DIR/source" "$PLAIN/0"
		[[ $output = *"$DIR/home/m: a copy has begun"* ]]
		luntap copy "$PLAIN/0" - | cmp - "$DIR/image"
	done
	expect 0 luntap copy --base "$DIR/home/m2" "$DIR/source" "$PLAIN/0"
	[ -z "$output" ]
	rm "$DIR/home/m2"
	# What was written behind the last note of a journal may change back, too.
	interrupted_night --base "$DIR/home/m" --resume "$DIR/home/j"
	cp "$DIR/image" "$DIR/source"
	expect 0 luntap copy --base "$DIR/home/m" --manifest "$DIR/home/m" \
		--resume "$DIR/home/j" "$DIR/source" "$PLAIN/0"
	[[ $output = *"nothing is left out"* ]]
	luntap copy "$PLAIN/0" - | cmp - "$DIR/image"
	chmod 444 "$DIR/home/m"
	expect 1 luntap copy --base "$DIR/home/m" "$DIR/source" "$PLAIN/0"
	[[ $output = *"noting that a copy begins: Permission denied"* ]]
	rm -f "$DIR/home/m"
}

@test "what cannot be read: where it is, what the target said, --on-error skip" {
	luntap copy "$DIR/image" "$DIR/home/bad.img"
	start_target bad "$DIR/home/bad.img,inject=read-error=1000+3,inject=read-error=30000"
	expect 6 luntap copy "${URLS[0]}" "$DIR/home/out"
	[[ $output = *"reading at byte"*"MEDIUM ERROR"* ]]
	expect 6 luntap copy --force --on-error skip --mapfile "$DIR/home/map" \
		"${URLS[0]}" "$DIR/home/out"
	[[ $output = *"2048 bytes could not be read"* ]]
	cp "$DIR/image" "$DIR/want"
	dd if=/dev/zero of="$DIR/want" bs=512 seek=1000 count=3 conv=notrunc status=none
	dd if=/dev/zero of="$DIR/want" bs=512 seek=30000 count=1 conv=notrunc status=none
	cmp "$DIR/want" "$DIR/home/out"
	grep -qi '^0x0*7d000 .*0x0*600 .*-' "$DIR/home/map"
	grep -qi '^0x0*ea6000 .*0x0*200 .*-' "$DIR/home/map"
	rm "$DIR/home/out"
	# What an earlier run could not read is not forgotten.
	rm "$DIR/home/map"
	expect 2 luntap copy --on-error skip --resume "$DIR/home/j" \
		"${URLS[0]}" "$DIR/home/out"
	(exec_as_user "$LUNTAP" copy --on-error skip --resume "$DIR/home/j" \
		--mapfile "$DIR/home/map" --rate-limit 4M --queue-depth 1 \
		"${URLS[0]}" "$DIR/home/out") 2>"$DIR/said" 3>&- &
	remember copy $!
	wait_for grep -q 'at byte 15360000' "$DIR/said"
	end_process copy INT
	tr '\0' '\n' <"$DIR/home/j" | grep -q '^done [1-9]......'
	expect 1 luntap copy --on-error skip --resume "$DIR/home/j" \
		--mapfile "$DIR/home/nomap" "${URLS[0]}" "$DIR/home/out"
	expect 2 luntap copy --resume "$DIR/home/j" "${URLS[0]}" \
		"$DIR/home/out"
	[[ $output = *"zeros stand for what could not be read"* ]]
	expect 6 luntap copy --on-error skip --resume "$DIR/home/j" \
		--mapfile "$DIR/home/map" --manifest "$DIR/home/m" \
		"${URLS[0]}" "$DIR/home/out"
	[[ $output = *"2048 bytes could not be read"* ]]
	cmp "$DIR/want" "$DIR/home/out"
	# Nobody has compared what the earlier run has brought.
	grep -q '^0 -$' "$DIR/home/m"
	run ! grep -q '^23068672 -$' "$DIR/home/m"
	rm "$DIR/home/m"
	end_process bad
	rm "$DIR/home/out" "$DIR/home/bad.img"
}

@test "a destination is looked at before a byte is written" {
	expect 2 luntap copy "$PLAIN/0" "$PLAIN/0"
	[[ $output = *"is the source as well"* ]]
	cp "$DIR/image" "$DIR/home/f"
	chmod 666 "$DIR/home/f"
	ln -s f "$DIR/home/link"
	expect 2 luntap copy --force "$DIR/home/f" "$DIR/home/link"
	cmp "$DIR/image" "$DIR/home/f"
	truncate -s 1M "$DIR/home/f"
	expect 1 luntap copy "$PLAIN/0" "$DIR/home/f"
	[[ $output = *"1048576 bytes, 25165824 are wanted"*--force* ]]
	[ "$(stat -c %s "$DIR/home/f")" -eq 1048576 ]
	expect 0 luntap copy --force "$PLAIN/0" "$DIR/home/f"
	luntap copy "$PLAIN/0" - | cmp - "$DIR/home/f"
	rm "$DIR/home/f"
	qemu-img create -q -f qcow2 "$DIR/home/f" 1M
	chmod 666 "$DIR/home/f"
	expect 1 luntap copy "$PLAIN/0" "$DIR/home/f"
	[[ $output = *qcow2* ]]
	qemu-img check -q "$DIR/home/f"
	truncate -s 30M "$DIR/big"
	expect 1 luntap copy "$DIR/big" "$PLAIN/0"
	[[ $output = *"too small"*--range* ]]
	expect 0 luntap copy --range 0:24M "$DIR/big" "$PLAIN/0"
	expect 2 luntap copy --range 25M:1M "$PLAIN/0" "$DIR/home/g"
	[ ! -e "$DIR/home/g" ]
	expect 5 luntap copy "$PLAIN/9" "$DIR/home/g"
	[ ! -e "$DIR/home/g" ]
	expect 2 luntap copy "$DIR/image"
	start_target protected ram:24M,read-only
	expect 6 luntap copy "$DIR/image" "${URLS[0]}"
	[[ $output = *"is write protected"* ]]
	end_process protected
	rm "$DIR/home/f" "$DIR/home/link"
}

# shellcheck disable=SC2016
@test "a full disk: an error, no hang, and it says so" {
	as_user unshare -Urm sh -c '
		mount -t tmpfs -o size=4M none "$1" || exit 77
		"$2" copy --sparse never "$3" "$1/f"
		echo "exit $?"' sh "$DIR/home" "$LUNTAP" "$DIR/image" \
		>"$DIR/said" 2>&1
	grep -q 'exit 1' "$DIR/said"
	grep -qi 'writing at byte.*no space' "$DIR/said"
}

@test "--progress json is JSON, a terminal gets a bar, a log gets nothing" {
	luntap copy --progress json --rate-limit 16M "$DIR/other" "$PLAIN/0" \
		2>"$DIR/said"
	[ "$(jq -s 'map(.length == 25165824) | all' "$DIR/said")" = true ]
	[ "$(jq -s '.[-1] | .ended and .done == .length' "$DIR/said")" = true ]
	[ "$(jq -s '.[-1] | .bytes_per_second * .seconds / .done * 100 | round' \
		"$DIR/said")" = 100 ]
	expect 0 luntap copy "$DIR/other" "$PLAIN/0"
	[ -z "$output" ]
	script -qec "$LUNTAP copy $DIR/other $DIR/bar" /dev/null >"$DIR/said"
	grep -q '24.0 MiB of 24.0 MiB, 100 %' "$DIR/said"
	script -qec "$LUNTAP copy --rate-limit 12M $DIR/other $DIR/bar" \
		/dev/null >"$DIR/said"
	python3 - "$DIR/said" <<-'END'
		import re, sys
		bars = re.findall(r"([0-9.]+) MiB of 24.0 MiB, +(\d+) %, "
		    r"([0-9.]+) MiB/s, (\d+):(\d\d) left", open(sys.argv[1]).read())
		assert bars, "no rate and time"
		for done, part, rate, minutes, seconds in bars:
		    left = (24 - float(done)) / float(rate)
		    assert abs(int(minutes) * 60 + int(seconds) - left) < 2, left
		    assert abs(int(part) - float(done) / 24 * 100) < 2, part
	END
	script -qec "$LUNTAP copy -q $DIR/other $DIR/bar" /dev/null >"$DIR/said"
	[ ! -s "$DIR/said" ]
	rm "$DIR/bar"
}

@test "NBD exports as either end" {
	nice_nbd() { # NAME URL
		(exec_as_user "$LUNTAP" nbd -f --socket "$DIR/run/$1.sock" "$2") \
			>"$DIR/$1.out" 2>&1 3>&- &
		remember "$1" $!
		wait_for test -S "$DIR/run/$1.sock"
	}
	nice_nbd nbd1 "$PLAIN/1"
	local uri="nbd+unix:///?socket=$DIR/run/nbd1.sock"
	expect 0 luntap copy --verify "$DIR/image" "$uri"
	expect 0 luntap copy "$uri" "$DIR/home/out"
	cmp "$DIR/image" "$DIR/home/out"
	[ "$(allocated "$DIR/home/out")" -lt $SIZE ]
	# From our server to that of others, through a pipe and back.
	truncate -s 24M "$DIR/home/qemu.img"
	(exec qemu-nbd --persistent --shared=0 -f raw \
		-k "$DIR/run/qemu.sock" "$DIR/home/qemu.img") 3>&- &
	remember qemu $!
	wait_for test -S "$DIR/run/qemu.sock"
	[ "$(id -u)" -ne 0 ] || chown nobody "$DIR/run/qemu.sock"
	local qemu="nbd+unix:///?socket=$DIR/run/qemu.sock"
	expect 0 luntap copy "$uri" "$qemu"
	luntap copy "$qemu" - | cmp - "$DIR/image"
	expect 0 luntap copy "$DIR/other" "$PLAIN/0"
	expect 0 luntap copy "$PLAIN/0" "$qemu"
	luntap copy "$qemu" - | cmp - "$DIR/other"
	expect 0 luntap copy "$uri" "$PLAIN/0"
	expect 0 luntap copy "$qemu" "$TGTD/1"
	luntap copy "$PLAIN/0" - | cmp - "$DIR/image"
	luntap copy "$TGTD/1" - | cmp - "$DIR/other"
	luntap copy - "$qemu" < <(cat "$DIR/image")
	expect 0 luntap diff "$qemu" "$uri"
	# By TCP, and of a LUN of tgtd.
	local port
	port=$(free_port)
	(exec_as_user "$LUNTAP" nbd -f --listen "127.0.0.1:$port" "$TGTD/2") \
		>"$DIR/nbd2.out" 2>&1 3>&- &
	remember nbd2 $!
	wait_for grep -q nbd: "$DIR/nbd2.out"
	expect 0 luntap copy --digest sha256 "$DIR/image" "nbd://127.0.0.1:$port"
	[ "${output%% *}" = "$(sha256sum <"$DIR/image" | cut -d' ' -f1)" ]
	expect 0 luntap diff "nbd://127.0.0.1:$port" "$TGTD/2"
	end_process nbd2
	# A server that dies on the way.
	(exec_as_user "$LUNTAP" copy --rate-limit 8M "$uri" "$qemu") \
		2>"$DIR/said" 3>&- &
	local pid=$!
	sleep 0.5
	end_process nbd1 KILL
	rc=0
	wait $pid || rc=$?
	[ $rc -ne 0 ]
	grep -q 'luntap: reading at byte' "$DIR/said"
	end_process qemu
	rm "$DIR/home/out" "$DIR/home/qemu.img"
	expect 3 luntap copy "$uri" "$DIR/home/out"
}

@test "a target that dies on the way: the journal goes on when it is back" {
	luntap copy "$DIR/image" "$DIR/home/lun.img"
	start_target mortal "$DIR/home/lun.img"
	local at=${URLS[0]#iscsi://}
	(exec_as_user "$LUNTAP" copy --resume "$DIR/home/j" --block-size 64K \
		--rate-limit 4M "$DIR/other" "${URLS[0]}") 2>"$DIR/said" 3>&- &
	remember copy $!
	wait_for test -s "$DIR/home/j"
	sleep 1.5
	end_process mortal KILL
	start_target mortal --listen "${at%%/*}" "$DIR/home/lun.img"
	rc=0
	wait "$(cat "$DIR/pids/copy")" || rc=$?
	rm "$DIR/pids/copy"
	[ $rc -eq 0 ] || expect 0 luntap copy --resume "$DIR/home/j" \
		"$DIR/other" "${URLS[0]}"
	luntap copy "${URLS[0]}" - | cmp - "$DIR/other"
	end_process mortal
	rm "$DIR/home/lun.img"
}

lent_pieces() { # PID FILE NUMBER: so many are mapped
	[ "$(grep -c "$2" "/proc/$1/maps")" -ge "$3" ]
}

# Half of what is in flight is pages of the file (the other half was read): most
# of it is still to be sent when they vanish.  A file system in RAM lends always.
@test "a source that is cut while it is being sent ends the copy, not luntap" {
	cut=$(mktemp /dev/shm/luntap-e2e.XXXXXX)
	head -c 48M /dev/urandom >"$cut"
	chmod 644 "$cut"
	start_target stopped ram:48M
	(exec_as_user "$LUNTAP" copy --queue-depth 64 --rate-limit 16M \
		--block-size 512K --progress=json "$cut" "${URLS[0]}") \
		2>"$DIR/said" 3>&- &
	local pid=$!
	remember cutting $pid
	wait_for test -s "$DIR/said"
	kill -STOP "$(cat "$DIR/pids/stopped")"
	wait_for lent_pieces $pid "$cut" 20
	truncate -s 4096 "$cut"
	kill -CONT "$(cat "$DIR/pids/stopped")"
	rc=0
	wait $pid || rc=$?
	rm "$DIR/pids/cutting"
	cat "$DIR/said"
	[ $rc -eq 1 ]
	grep -q 'become shorter' "$DIR/said"
	# The target is none the worse for it.
	expect 0 luntap copy "$DIR/image" "${URLS[0]}"
	end_process stopped
}
