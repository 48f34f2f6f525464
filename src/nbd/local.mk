# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += src/nbd/libnbd.a
src_nbd_libnbd_a_SOURCES = \
	src/nbd/nbd.c \
	src/nbd/nbd.h \
	src/nbd/nbd_impl.h \
	src/nbd/nconn.c \
	src/nbd/nconn.h \
	src/nbd/nengine.c \
	src/nbd/nhandshake.c \
	src/nbd/nmeta.c \
	src/nbd/noption.c \
	src/nbd/nreader.c \
	src/nbd/nreader.h \
	src/nbd/nreply.c \
	src/nbd/nrequest.c \
	src/nbd/ntransmit.c \
	src/nbd/nwire.c \
	src/nbd/nwire.h
