# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += src/block/libblock.a
src_block_libblock_a_SOURCES = \
	src/block/file.c \
	src/block/file.h \
	src/block/mem.c \
	src/block/mem.h \
	src/block/range.c \
	src/block/range.h
