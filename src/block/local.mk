# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += src/block/libblock.a
src_block_libblock_a_SOURCES = \
	src/block/file.c \
	src/block/file.h \
	src/block/file_impl.h \
	src/block/file_io.c \
	src/block/file_lend.c \
	src/block/lun.c \
	src/block/lun.h \
	src/block/lun_copy.c \
	src/block/lun_extents.c \
	src/block/lun_flush.c \
	src/block/lun_identity.c \
	src/block/lun_identity.h \
	src/block/lun_io.c \
	src/block/lun_priv.h \
	src/block/lun_probe.c \
	src/block/lun_probe.h \
	src/block/lun_rw.c \
	src/block/lun_zero.c \
	src/block/mem.c \
	src/block/mem.h \
	src/block/nbdclient.h \
	src/block/pipe.c \
	src/block/pipe.h \
	src/block/range.c \
	src/block/range.h
if LIBNBD
src_block_libblock_a_SOURCES += \
	src/block/nbdclient.c \
	src/block/nbdclient_impl.h \
	src/block/nbdclient_io.c
else
src_block_libblock_a_SOURCES += src/block/nbdclient_none.c
endif
