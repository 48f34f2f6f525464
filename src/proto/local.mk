# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += src/proto/libproto.a
src_proto_libproto_a_SOURCES =
