# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += src/target/libtarget.a
src_target_libtarget_a_SOURCES =
