# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += src/session/libsession.a
src_session_libsession_a_SOURCES = \
	src/session/conn.c \
	src/session/control.c \
	src/session/discovery.c \
	src/session/discovery.h \
	src/session/internal.h \
	src/session/ping.c \
	src/session/recovery.c \
	src/session/session.c \
	src/session/session.h \
	src/session/task.c \
	src/session/task.h \
	src/session/text.c \
	src/session/transfer.c
