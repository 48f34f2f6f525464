# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What the tests with real kernel parts share.
#
# A test file here is a bash script, NAME.test, that runs in a guest as root: what
# would be rude elsewhere (modules, mounts, real device names, port 3260) is free,
# and goes with the guest.  To add one:
#
#     # guests: 6.1 6.12             the kernels to run on
#     # cpus: 2                      where one is not enough
#     # limit: 300                   seconds, where 600 are not enough
#     # memory: 256                  MiB, where 1024 are not right
#     # disk: 512                    MiB of a blank /dev/vda (module virtio_blk)
#     # shellcheck source=tests/kernel/lib.bash
#     . "${0%/*}/lib.bash"
#     test_what_it_shows()           each such function is one test, under set -e
#     {
#             start_target target ram:16M
#             ...
#     }
#     run_tests
#
# and run it: tests/kernel/run [-b BUILD] NAME.test.  scripts/check finds it.
#
# Each test has a folder $DIR in memory and the helpers of tests/e2e/lib.bash
# (start_target, luntap as the user nobody, wait_for, remember, expect, ...); what
# it remembered is ended after it, and `at_end` names what else is to do.  Tests of one file run in order in one guest,
# and modules and what the kernel keeps stay from one to the next.
#
# A guest starts in about 3 seconds of processor time and has 1 GiB of memory for
# everything, files included.  It is slow, about 30 ms for each program started,
# so loops belong into one program rather than around it.
#
# Modules: those of Debian's kernels without graphics, media, sound and network
# cards.  nbd, loop, iscsi_tcp, sd_mod, sg, scsi_debug, xfs, dm-*, LIO
# (iscsi_target_mod, target_core_file, target_core_iblock), and ublk_drv with
# 6.12; ext4 too.  No udev: devtmpfs makes the nodes, and modprobe is busybox's.
# Programs: the host's (scripts/packages), and those of the packages that `fetch`
# names.  ASan builds run.

if [ "$(hostname)" != luntap-guest ]; then
	echo "This loads modules and more: run it with tests/kernel/run" >&2
	exit 1
fi
bats_require_minimum_version() {
	:
}
# shellcheck source=tests/e2e/lib.bash
. "${BASH_SOURCE[0]%/*}/../e2e/lib.bash"

# As bats has it.
# shellcheck disable=SC2034
run() {
	status=0
	output=$("$@" 2>&1) || status=$?
}

# What a test needs of the kernel; one program start for any number of them.
modules() { # MODULE...
	modprobe -a "$@"
}

# Has COMMAND run when the test ends, the last one first.
at_end() { # COMMAND...
	end_with=("$*" "${end_with[@]}")
}
end_test() {
	local command status=$?
	set +eE
	for command in "${end_with[@]}"; do
		$command || status=1
	done
	clean_up || status=1
	exit $status
}
in_its_folder() { # FUNCTION
	end_with=()
	make_dir
	trap end_test EXIT
	trap 'echo "line $LINENO: $BASH_COMMAND"' ERR
	set -eE
	"$1"
}
run_tests() {
	local all t n=0 status failed=0 start log=$GUEST/log
	all=$(sed -n 's/^\(test_[A-Za-z0-9_]*\)().*/\1/p' "$0")
	echo "1..$(wc -w <<<"$all")"
	for t in $all; do
		n=$((n + 1))
		start=$SECONDS
		dmesg -C
		(in_its_folder "$t") >"$log" 2>&1
		status=$?
		t=${t#test_}
		if [ $status -eq 0 ]; then
			echo "ok $n ${t//_/ } ($((SECONDS - start)) s)"
		else
			echo "not ok $n ${t//_/ }"
			dmesg | sed 's/^/kernel: /' >>"$log"
			sed 's/^/# /' "$log"
			failed=1
		fi
	done
	return $failed
}
