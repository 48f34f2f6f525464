#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# The README's examples work as they stand.  They run in a namespace where
# nas.example is 127.0.0.1 and the usual port is free.

load lib

setup_file() {
	make_dir
}

teardown_file() {
	clean_up
}

examples() { # prints the blocks that are marked to be run
	awk '/^<!-- run -->$/ { marked = 1 }
		/^```$/ { on = 0 }
		on { print }
		/^```sh$/ { on = marked; marked = 0 }' \
		"$BATS_TEST_DIRNAME/../../README.md"
}

@test "the README's examples" {
	examples >"$DIR/examples"
	[ "$(grep -c '^luntap' "$DIR/examples")" -ge 10 ]
	mkdir "$DIR/bin"
	ln -s "$LUNTAP" "$DIR/bin/luntap"
	# A target that was put in the background is waited for.
	cat >"$DIR/run.sh" <<'SH'
set -e
ip link set lo up
printf '127.0.0.1 localhost nas.example\n' >"$DIR/home/hosts"
mount --bind "$DIR/home/hosts" /etc/hosts
cd "$DIR/home"
PATH=$DIR/bin:$PATH:/usr/sbin
luntap() {
	case $1 in
	target)
		command luntap "$@" >urls.$3 &
		pids="$pids $!"
		wait $!
		;;
	*)
		for port in 3260 3261; do
			case "$*" in
			*:3261*) [ $port = 3261 ] || continue ;;
			*) [ $port = 3260 ] || continue ;;
			esac
			i=0
			until [ -s "urls.127.0.0.1:$port" ] || [ $i -ge 600 ]; do
				sleep 0.1
				i=$((i + 1))
			done
		done
		# Between two nights something changes, and what is brought
		# back had been lost.
		case "$*" in
		*--base*) spoil 1 ;;
		*restore.journal* | "copy - "*) spoil 256 ;;
		esac
		command luntap "$@"
		;;
	esac
}
spoil() { # MIB
	head -c "$1M" /dev/urandom | command luntap copy --range "0:$1M" - "$url"
}
. "$DIR/examples"
SH
	as_user unshare -Urnmpf --kill-child --mount-proc bash "$DIR/run.sh"
}

@test "every command has a page" {
	for c in discover list inquiry readcapacity sense ping perf doctor mount nbd \
		copy diff unmount status target; do
		[ -f "$BATS_TEST_DIRNAME/../../man/luntap-$c.1" ]
		expect 0 luntap "$c" --help
		[ "${#lines[@]}" -le 45 ]
		[[ $output = *xample* ]]
	done
}
