# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What the tests of block devices share: device.test has their data, detach.test
# their ends.

# shellcheck source=tests/kernel/lib.bash
. "${BASH_SOURCE[0]%/*}/lib.bash"

# A target and what a test wants to know.  What a test has left attached when it
# failed is no reason for this one to fail.
begin() { # TARGET-OPTION... LUN...
	local f name
	for f in /sys/block/nbd*/pid; do
		[ -f "$f" ] || continue
		name=${f#/sys/block/}
		kill -KILL "$(server "${name%/pid}")" || true
		"$LUNTAP" nbd --detach "/dev/${name%/pid}" --force || true
	done
	start_target embedded "$@"
	BASE=${URLS[0]%/*}
	mkdir "$DIR/mnt"
	log=$DIR/log
	: >"$log"
	chmod 666 "$log"
}

not() { # COMMAND...
	! "$@"
}

attach() { # OPTION... LUN
	"$LUNTAP" nbd --log-file "$log" --pidfile "$DIR/pid" "${@:1:$#-1}" \
		"$BASE/${*: -1}"
}

detach() {
	"$LUNTAP" nbd --detach "$@"
}

supervisor() {
	cat "$DIR/pid"
}

# The server's process number, as sysfs shows it.
server() { # nbdN
	sed -n 's/^luntap\[\([0-9]*\):[0-9]*\]: .*/\1/p' "/sys/block/$1/backend"
}

not_attached() { # nbdN
	[ ! -e "/sys/block/$1/pid" ] && [ "$(cat "/sys/block/$1/size")" = 0 ]
}

# Nothing of it is left: no process, no control socket, no pid file.
nothing_left() {
	not_attached nbd0
	[ ! -e "$DIR/pid" ]
	[ "$("$LUNTAP" status --json | jq length)" = 0 ]
}

flag() { # nbdN FILE
	cat "/sys/block/$1/$2"
}

verify() { # DEVICE OPTION...
	fio --name=t --filename="$1" --direct=1 --ioengine=libaio \
		--rw=randwrite --verify=crc32c --iodepth=16 --size=4M \
		--minimal "${@:2}" >"$DIR/fio"
}

# Whether it works: what is written is read back.
works() { # DEVICE
	head -c 65536 /dev/urandom >"$DIR/random"
	dd if="$DIR/random" of="$1" bs=64k oflag=direct
	dd if="$1" of="$DIR/back" bs=64k count=1 iflag=direct
	cmp "$DIR/random" "$DIR/back"
}
