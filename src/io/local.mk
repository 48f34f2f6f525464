# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += src/io/libio.a
src_io_libio_a_SOURCES =
