# SPDX-License-Identifier: BSD-2-Clause
bin_PROGRAMS = luntap
luntap_SOURCES = \
	cmd/activation.c \
	cmd/activation.h \
	cmd/client.c \
	cmd/client.h \
	cmd/cmd.h \
	cmd/device.c \
	cmd/device.h \
	cmd/device_detach.c \
	cmd/device_impl.h \
	cmd/device_server.c \
	cmd/discover.c \
	cmd/endpoint.c \
	cmd/endpoint.h \
	cmd/endpoint_file.c \
	cmd/endpoint_impl.h \
	cmd/endpoint_lun.c \
	cmd/fault.c \
	cmd/fault.h \
	cmd/initiator.c \
	cmd/initiator.h \
	cmd/inquiry.c \
	cmd/list.c \
	cmd/luntap.c \
	cmd/mount.c \
	cmd/mountpoint.c \
	cmd/mountpoint.h \
	cmd/nbd.c \
	cmd/nbduri.c \
	cmd/nbduri.h \
	cmd/options.c \
	cmd/options.h \
	cmd/readcapacity.c \
	cmd/report.c \
	cmd/report.h \
	cmd/run.c \
	cmd/run.h \
	cmd/secret.c \
	cmd/secret.h \
	cmd/sense.c \
	cmd/sensewords.c \
	cmd/sensewords.h \
	cmd/serve.c \
	cmd/serve.h \
	cmd/status.c \
	cmd/target.c \
	cmd/targets.c \
	cmd/targets.h \
	cmd/unmount.c \
	cmd/user.c \
	cmd/user.h \
	cmd/vpd.c \
	cmd/vpd.h \
	cmd/vpdcopy.c \
	cmd/vpdlist.c
luntap_LDADD = $(LAYERS) $(LUNTAP_LIBS)
