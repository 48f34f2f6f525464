# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += src/front/libfront.a
src_front_libfront_a_SOURCES = \
	src/front/attach.c \
	src/front/attach.h \
	src/front/attachmsg.c \
	src/front/attachmsg.h \
	src/front/copy.c \
	src/front/copy.h \
	src/front/copy_chunk.c \
	src/front/copy_impl.h \
	src/front/copy_plan.c \
	src/front/depth.c \
	src/front/depth.h \
	src/front/diff.c \
	src/front/diff.h \
	src/front/diff_impl.h \
	src/front/diff_plan.c \
	src/front/disk.c \
	src/front/disk.h \
	src/front/disks.c \
	src/front/disks.h \
	src/front/fuse.c \
	src/front/fuse.h \
	src/front/fuse_data.c \
	src/front/fuse_impl.h \
	src/front/fuse_inval.c \
	src/front/fuse_name.c \
	src/front/fuse_op.c \
	src/front/fuse_umount.c \
	src/front/journal.c \
	src/front/journal.h \
	src/front/lunscan.c \
	src/front/lunscan.h \
	src/front/manifest.c \
	src/front/manifest.h \
	src/front/mapfile.c \
	src/front/mapfile.h \
	src/front/mount.c \
	src/front/mount.h \
	src/front/nbd.c \
	src/front/nbd.h \
	src/front/record.c \
	src/front/record.h \
	src/front/supervisor.c \
	src/front/supervisor.h \
	src/front/supervisor_impl.h \
	src/front/supervisor_job.c
