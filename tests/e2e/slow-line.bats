#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# A line that is much slower than a keepalive expects, in a network namespace of
# its own.

load lib

setup_file() {
	make_dir
}

teardown_file() {
	clean_up
}

in_namespace() { # COMMAND...
	as_user timeout 120 unshare -Urnmpf --kill-child --mount-proc "$@"
}

# tbf drops what is larger than its bucket: loopback's own 64 KiB packets.
slow_down='ip link set lo up mtu 1500
tc qdisc add dev lo root tbf rate 400kbit burst 32k limit 64k'

# 1 MiB takes more than 20 seconds, in which the target has nothing to say, and
# a ping stands behind the data.
write_slowly() { # runs inside the namespace; $1: luntap, $2: folder
	cat <<SH
set -e
ip link set lo up
"\$1" target --listen 127.0.0.1:3260 ram:64M >"\$2/urls" 2>"\$2/target.log" &
target=\$!
i=0
until grep -q ^iscsi "\$2/urls" || [ \$i -ge 600 ]; do sleep 0.1; i=\$((i + 1)); done
mkdir "\$2/m"
dd if=/dev/urandom of="\$2/data" bs=1M count=1 status=none
"\$1" mount --timeout 100 --log-file "\$2/log" "\$(cat "\$2/urls")" "\$2/m"
$slow_down
dd if="\$2/data" of="\$2/m/lun-0" bs=1M oflag=direct conv=notrunc status=none
tc qdisc del dev lo root
cmp -n 1048576 "\$2/data" "\$2/m/lun-0"
"\$1" unmount "\$2/m"
kill \$target
wait \$target
SH
}

@test "a connection lives while data goes, however slowly" {
	in_namespace sh -c "$slow_down" || skip "no traffic shaping here (tbf)"
	write_slowly >"$DIR/write.sh"
	in_namespace sh "$DIR/write.sh" "$LUNTAP" "$DIR/home"
	run ! grep -E 'lost|does not answer' "$DIR/home/log"
}
