# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += src/nbd/libnbd.a
src_nbd_libnbd_a_SOURCES = \
	src/nbd/nbd.c \
	src/nbd/nbd.h \
	src/nbd/nengine.c
