# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += src/io/libio.a
src_io_libio_a_SOURCES = \
	src/io/control.h \
	src/io/daemon.h \
	src/io/link.c \
	src/io/link.h \
	src/io/logsink.h \
	src/io/loop.c \
	src/io/loop.h \
	src/io/pool.c \
	src/io/pool.h \
	src/io/random.c \
	src/io/random.h \
	src/io/server.c \
	src/io/server.h \
	src/io/socket.c \
	src/io/socket.h \
	src/io/stream.c \
	src/io/stream.h
