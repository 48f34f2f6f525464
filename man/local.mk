# SPDX-License-Identifier: BSD-2-Clause
dist_man_MANS = \
	man/luntap.1 \
	man/luntap-copy.1 \
	man/luntap-diff.1 \
	man/luntap-discover.1 \
	man/luntap-doctor.1 \
	man/luntap-inquiry.1 \
	man/luntap-list.1 \
	man/luntap-mount.1 \
	man/luntap-nbd.1 \
	man/luntap-perf.1 \
	man/luntap-ping.1 \
	man/luntap-readcapacity.1 \
	man/luntap-sense.1 \
	man/luntap-status.1 \
	man/luntap-target.1 \
	man/luntap-unmount.1
