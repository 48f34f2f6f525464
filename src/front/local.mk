# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += src/front/libfront.a
src_front_libfront_a_SOURCES =
