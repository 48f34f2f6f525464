# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += src/target/libtarget.a
src_target_libtarget_a_SOURCES = \
	src/target/lu.c \
	src/target/lu.h \
	src/target/lu_block.c \
	src/target/lu_copy.c \
	src/target/lu_copy_report.c \
	src/target/lu_fault.c \
	src/target/lu_impl.h \
	src/target/lu_inquiry.c \
	src/target/lu_mode.c \
	src/target/lu_report.c \
	src/target/lu_reserve.c \
	src/target/lu_thin.c \
	src/target/nexus.c \
	src/target/nexus.h \
	src/target/target.c \
	src/target/target.h \
	src/target/target_impl.h \
	src/target/tbuffer.c \
	src/target/tconn.c \
	src/target/tconn.h \
	src/target/tdispatch.c \
	src/target/tengine.c \
	src/target/tform.c \
	src/target/tlogin.c \
	src/target/ttask.c \
	src/target/ttext.c \
	src/target/ttmf.c
