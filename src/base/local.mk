# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += src/base/libbase.a
src_base_libbase_a_SOURCES = \
	src/base/bdev.c \
	src/base/bdev.h \
	src/base/be.h \
	src/base/clock.h \
	src/base/crc32c.c \
	src/base/crc32c.h \
	src/base/cursor.h \
	src/base/engine.h \
	src/base/error.c \
	src/base/error.h \
	src/base/escape.c \
	src/base/escape.h \
	src/base/fsm.h \
	src/base/hash.c \
	src/base/hash.h \
	src/base/hex.h \
	src/base/iov.h \
	src/base/kpipe.h \
	src/base/log.c \
	src/base/log.h \
	src/base/pool.c \
	src/base/pool.h \
	src/base/serial.h
