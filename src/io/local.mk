# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += src/io/libio.a
src_io_libio_a_SOURCES = \
	src/io/blockdev.c \
	src/io/blockdev.h \
	src/io/coalesce.c \
	src/io/coalesce.h \
	src/io/control.c \
	src/io/control.h \
	src/io/control_client.c \
	src/io/control_name.c \
	src/io/control_name.h \
	src/io/daemon.c \
	src/io/daemon.h \
	src/io/helpers.c \
	src/io/helpers.h \
	src/io/kpipes.c \
	src/io/kpipes.h \
	src/io/link.c \
	src/io/link.h \
	src/io/listener.c \
	src/io/listener.h \
	src/io/logsink.c \
	src/io/logsink.h \
	src/io/loop.c \
	src/io/loop.h \
	src/io/lowmem.c \
	src/io/lowmem.h \
	src/io/nbdmsg.c \
	src/io/nbdmsg.h \
	src/io/nbdnl.c \
	src/io/nbdnl.h \
	src/io/newfile.c \
	src/io/newfile.h \
	src/io/random.c \
	src/io/random.h \
	src/io/runtime.c \
	src/io/runtime.h \
	src/io/server.c \
	src/io/server.h \
	src/io/socket.c \
	src/io/socket.h \
	src/io/stream.c \
	src/io/stream.h \
	src/io/tls.h \
	src/io/unixsock.c \
	src/io/unixsock.h \
	src/io/zerocopy.c \
	src/io/zerocopy.h
if GNUTLS
src_io_libio_a_SOURCES += \
	src/io/tls.c \
	src/io/tls_credentials.c \
	src/io/tls_impl.h
else
src_io_libio_a_SOURCES += src/io/tls_none.c
endif
