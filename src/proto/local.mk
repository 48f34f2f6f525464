# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += src/proto/libproto.a
src_proto_libproto_a_SOURCES = \
	src/proto/auth.h \
	src/proto/digest.h \
	src/proto/framer.c \
	src/proto/framer.h \
	src/proto/login.h \
	src/proto/param.h \
	src/proto/pdu.c \
	src/proto/pdu.h \
	src/proto/sender.c \
	src/proto/sender.h
