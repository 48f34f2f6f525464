# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += src/proto/libproto.a
src_proto_libproto_a_SOURCES = \
	src/proto/auth.h \
	src/proto/cdb.c \
	src/proto/cdb.h \
	src/proto/chap.c \
	src/proto/chap.h \
	src/proto/digest.h \
	src/proto/framer.c \
	src/proto/framer.h \
	src/proto/inquiry.c \
	src/proto/inquiry.h \
	src/proto/login.c \
	src/proto/login.h \
	src/proto/login_initiator.c \
	src/proto/login_initiator_impl.h \
	src/proto/login_initiator_keys.c \
	src/proto/login_target.c \
	src/proto/lunaddr.c \
	src/proto/lunaddr.h \
	src/proto/name.c \
	src/proto/name.h \
	src/proto/param.c \
	src/proto/param.h \
	src/proto/pdu.c \
	src/proto/pdu.h \
	src/proto/scsi.c \
	src/proto/scsi.h \
	src/proto/scsidata.c \
	src/proto/scsidata.h \
	src/proto/sender.c \
	src/proto/sender.h \
	src/proto/sense.c \
	src/proto/sense.h \
	src/proto/text.c \
	src/proto/text.h \
	src/proto/url.c \
	src/proto/url.h \
	src/proto/vpd.c \
	src/proto/vpd.h \
	src/proto/vpdlist.c \
	src/proto/vpdlist.h \
	src/proto/xcopy.c \
	src/proto/xcopy.h
